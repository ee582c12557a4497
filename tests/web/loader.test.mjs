import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batches_of } from '../../web/loader.js';

const wanted = (hosts) => new Map(Object.entries(hosts).map(([host, plugins]) =>
	[host, new Map(plugins.map((plugin) => [plugin, [{ resolve: `${host}/${plugin}` }]]))]));
const pairs = (batch) => batch.waiting.map((who) => `${who.host}/${who.plugin}`).sort();

test('one host with its plugins is one request', () => {
	const batches = batches_of(wanted({ a: ['x', 'y', 'z'] }), 24);
	assert.equal(batches.length, 1);
	assert.deepEqual([batches[0].hosts, batches[0].plugins, pairs(batches[0])],
		[['a'], ['x', 'y', 'z'], ['a/x', 'a/y', 'a/z']]);
});

test('hosts that want the same share one; others do not ask for what nobody wants', () => {
	const batches = batches_of(wanted({ a: ['x', 'y'], b: ['y', 'x'], c: ['x'] }), 24);
	assert.deepEqual(batches.map((b) => [b.hosts, b.plugins]), [[['a', 'b'], ['x', 'y']], [['c'], ['x']]]);
	assert.deepEqual(batches.flatMap(pairs).sort(), ['a/x', 'a/y', 'b/x', 'b/y', 'c/x']);
});

test('no batch is too large, none is lost', () => {
	const plugins = Array.from({ length: 50 }, (_, i) => `p${i}`);
	const hosts = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`h${i}`, plugins]));
	const batches = batches_of(wanted(hosts), 24);
	assert.ok(batches.every((b) => b.hosts.length * b.plugins.length <= 24));
	assert.equal(new Set(batches.flatMap(pairs)).size, 350);
});

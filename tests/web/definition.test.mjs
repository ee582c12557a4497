import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { definition_of, plugins_by_category, threshold_parse } from '../../web/definition.js';
import { palette_alpha, palette_colour, palette_on, palette_parse } from '../../web/palette.js';

const recorded = {};
for (const line of readFileSync(new URL('../data/messages.jsonl', import.meta.url), 'utf8').trim().split('\n')) {
	const message = JSON.parse(line);
	if (message.context.type === 'info') {
		const info = JSON.parse(message.args.message);
		recorded[info.Plugin] = info;
	}
}
delete recorded.MyInfo;

const graph = (infos, more = {}) => definition_of({ Plugin: 'p', Infos: infos, ...more }, 'p', 'h');
const drawn = (definition) => definition.series.map((s) =>
	`${s.ds} ${s.shape}${s.stacked ? '+' : ''}${s.mirrored ? '-' : ''}`);

test('every recorded info gives a graph without a note', () => {
	assert.equal(Object.keys(recorded).length, 31);
	for (const [plugin, info] of Object.entries(recorded)) {
		const definition = definition_of(info, plugin, 'h');
		assert.ok(definition.series.length > 0, plugin);
		assert.deepEqual(definition.notes, [], plugin);
		assert.ok(!definition.unit.includes('${'), plugin);
	}
});

test('cpu is a stack in munin’s order', () => {
	assert.deepEqual(drawn(definition_of(recorded.cpu, 'cpu')),
		['system area', 'user area+', 'nice area+', 'idle area+', 'iowait area+',
		'irq area+', 'softirq area+', 'steal area+', 'guest area+']);
});

test('memory mixes a stack with lines, base 1024', () => {
	const definition = definition_of(recorded.memory, 'memory');
	assert.equal(definition.base, 1024);
	assert.equal(definition.unit, 'Bytes');
	const shapes = Object.fromEntries(definition.series.map((s) => [s.ds, s]));
	assert.deepEqual([shapes.apps.stacked, shapes.swap.stacked, shapes.committed.stacked], [false, true, false]);
	assert.deepEqual([shapes.committed.shape, shapes.committed.width], ['line', 2.25]);
	assert.equal(shapes.swap_cache.colour, palette_colour(2));
});

test('network graphs are mirrored, in bits', () => {
	const definition = definition_of(recorded.if_eth0, 'if_eth0');
	assert.deepEqual(drawn(definition), ['up line', 'down line-']);
	assert.equal(definition.series[0].colour, definition.series[1].colour);
	assert.deepEqual(definition.series[1].cdef.uses, ['down']);
	assert.equal(definition.unit, 'bits in (-) / out (+) per second');
});

test('thresholds of stored values are moved through the cdef', () => {
	const root = definition_of(recorded.df_abs, 'df_abs').series.find((s) => s.ds === '_dev_vda');
	assert.deepEqual(root.warning, { low: null, high: 243075117 * 1024 });
	const turned = graph({ a: { warning: '2:5', cdef: 'a,-1,*' }, b: { warning: '1', cdef: 'a,b,+' } });
	assert.deepEqual(turned.series[0].warning, { low: -5, high: -2 });
	assert.equal(turned.series[1].warning, null);
});

test('thresholds', () => {
	for (const [text, expected] of [['92', { low: null, high: 92 }], [':98', { low: null, high: 98 }],
		['5:', { low: 5, high: null }],
		['-5:95', { low: -5, high: 95 }], ['', null], [undefined, null], [':', null], ['much', null],
			['1:2:3', null]])
		assert.deepEqual(threshold_parse(text), expected, String(text));
});

test('draw types', () => {
	assert.deepEqual(drawn(graph({ a: { draw: 'AREASTACK' }, b: { draw: 'AREASTACK' }, c: { draw: 'LINE2' } })),
		['a area', 'b area+', 'c line']);
	assert.deepEqual(drawn(graph({ a: { draw: 'LINESTACK1' }, b: { draw: 'LINESTACK1' } })), ['a line', 'b line+']);
	assert.deepEqual(drawn(graph({ a: { draw: 'LINE1' }, b: { draw: 'STACK' } })), ['a line', 'b line+']);
	assert.deepEqual(drawn(graph({ a: { draw: 'STACK' }, b: { draw: 'STACK' } })), ['a area', 'b area+']);
	const strange = graph({ a: { draw: 'BARS' } });
	assert.deepEqual(drawn(strange), ['a line']);
	assert.match(strange.notes[0], /draw BARS/);
});

test('graph no is not drawn, but can be a sum’s part', () => {
	const definition = graph({ a: { graph: 'no' }, b: {}, t: { sum: 'a b' }, u: { sum: 'b other:p.a' } });
	assert.deepEqual(drawn(definition), ['b line', 't line', 'u line']);
	assert.deepEqual(definition.series[1].parts, ['a', 'b']);
	assert.match(definition.notes.join(), /u: not in its sum.*other:p\.a/);
});

test('stack names its parts, of this graph alone', () => {
	const definition = graph({ a: { graph: 'no' }, b: { graph: 'no' },
		t: { stack: 'first=a second=p.b third=h:p.a fourth=x:y.z' } });
	assert.deepEqual(definition.series.map((s) => [s.ds, s.label, s.stacked]),
		[['a', 'first', false], ['b', 'second', true]]);
	assert.match(definition.notes.join(), /t: not in its stack.*fourth=x:y\.z/);
});

test('what the info does not name is shown too; without an info there is a graph', () => {
	assert.deepEqual(drawn(definition_of({ Infos: { a: {} } }, 'p', 'h', ['b'])), ['a line', 'b line']);
	for (const nothing of [null, undefined, {}, { Infos: null }, { Infos: 'x' }]) {
		const definition = definition_of(nothing, 'tea', 'h', ['cups']);
		assert.deepEqual([definition.title, definition.category, definition.series[0].label],
			['tea', 'other', 'cups']);
	}
});

test('a cdef that is not known is a note, and the series is as stored', () => {
	const definition = graph({ a: { cdef: 'a,LOG' } });
	assert.equal(definition.series[0].cdef, null);
	assert.match(definition.notes[0], /^a: shown as stored, LOG in a,LOG/);
});

test('negative of nobody, of itself, and of each other', () => {
	assert.deepEqual(drawn(graph({ a: { negative: 'x' } })), ['a line']);
	assert.deepEqual(drawn(graph({ a: { negative: 'a' } })), ['a line']);
	assert.deepEqual(drawn(graph({ a: { negative: 'b' }, b: { negative: 'a' } })), ['a line', 'b line-']);
});

test('order', () => {
	assert.deepEqual(drawn(graph({ a: {}, b: {}, c: {} }, { Order: 'c x=y.z  b' })),
		['c line', 'b line', 'a line']);
});

test('categories', () => {
	const groups = plugins_by_category({ eth10: { Category: 'Network' }, eth2: { Category: 'network' }, x: {},
		cpu: { Category: 'system' } });
	assert.deepEqual(groups, [{ category: 'network', plugins: ['eth2', 'eth10'] },
		{ category: 'system', plugins: ['cpu'] },
		{ category: 'other', plugins: ['x'] }]);
});

test('colours', () => {
	assert.equal(palette_parse('ff0000'), '#ff0000');
	assert.equal(palette_parse('#F00'), '#ff0000');
	assert.equal(palette_parse('COLOUR1'), '#0066b3');
	assert.equal(palette_parse('COLOUR29'), palette_colour(0));
	for (const text of [undefined, '', 'red', 'ff00', 'url(x)', 'COLOUR'])
		assert.equal(palette_parse(text), null, text);
	assert.equal(palette_alpha('#0066b3', 0.5), 'rgba(0,102,179,0.5)');
	assert.equal(palette_on('#ff8000', true), '#ff8000');
	assert.notEqual(palette_on('#330099', true), '#330099');
	assert.notEqual(palette_on('#ffffff', false), '#ffffff');
});

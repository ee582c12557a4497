import assert from 'node:assert/strict';
import { test } from 'node:test';
import { state_empty, state_format, state_is_hidden, state_of_host, state_parse, state_solo, state_toggle,
	state_window }
	from '../../web/state.js';

const some = (patch) => ({ ...state_empty(), ...patch });

test('a state comes back from its address', () => {
	for (const state of [some({}), some({ hosts: ['a', 'bä & c=d#e'], plugin: 'if_eth0', category: 'x y' }),
		some({ range: 'year' }),
		some({ from: '1400000000', until: '1400003600' }), some({ from: '-6h', range: 'week' }),
		some({ hide: ['cpu/idle', 'cpu/a,b'], only: ['df/_dev_vda'], theme: 'dark' })])
		assert.deepEqual(state_parse(state_format(state)), state);
	assert.equal(state_format(some({})), '#');
	assert.equal(state_format(some({ hosts: ['web-1'] })), '#host=web-1');
});

test('what cannot be read is left out', () => {
	assert.deepEqual(state_parse('#range=decade&from=soon&until=x&theme=pink&hide=nodash&host=&__proto__=1&unknown=2'), state_empty());
	assert.deepEqual(state_parse('#from=200&until=100'), some({ from: '200' }));
	assert.deepEqual(state_parse('#range=toString'), state_empty());
	assert.deepEqual(state_parse('#until=100'), state_empty());
	assert.deepEqual(state_parse('#host=a&host=a'), some({ hosts: ['a'] }));
});

test('windows', () => {
	const now = 1400003617;
	assert.deepEqual(state_window(some({}), now),
		{ from_s: now - 86400, until_s: now, live: true, query: { res: 'Daily' } });
	assert.deepEqual(state_window(some({ range: 'hour' }), now),
		{ from_s: now - 3600, until_s: now, live: true, query: { from: '-1h' } });
	assert.deepEqual(state_window(some({ from: '-6h' }), now),
		{ from_s: now - 21600, until_s: now, live: true, query: { from: '-6h' } });
	assert.deepEqual(state_window(some({ from: '1400000000', until: '1400001000' }), now),
		{ from_s: 1400000000, until_s: 1400001000, live: false,
			query: { from: '1400000000', until: '1400001000' } });
	assert.deepEqual(state_window(some({ from: '1400000000' }), now),
		{ from_s: 1400000000, until_s: now, live: true, query: { from: '1400000000' } });
	assert.equal(state_window(some({ from: String(now + 99) }), now).from_s, now - 1,
		'a window of the future is not empty');
});

test('hide and show', () => {
	let state = state_toggle(some({}), 'cpu', 'idle');
	assert.ok(state_is_hidden(state, 'cpu', 'idle') && !state_is_hidden(state, 'cpu', 'user')
		&& !state_is_hidden(state, 'mem', 'idle'));
	state = state_toggle(state, 'cpu', 'idle');
	assert.deepEqual(state, some({}));
});

test('solo, more beside it, and back', () => {
	let state = state_solo(some({ hide: ['cpu/idle', 'df/x'] }), 'cpu', 'user');
	assert.deepEqual([state.hide, state.only], [['df/x'], ['cpu/user']]);
	assert.ok(state_is_hidden(state, 'cpu', 'idle') && !state_is_hidden(state, 'cpu', 'user'));
	state = state_toggle(state, 'cpu', 'idle');
	assert.ok(!state_is_hidden(state, 'cpu', 'idle'));
	state = state_solo(state, 'cpu', 'user');
	assert.deepEqual(state.only, ['cpu/user']);
	assert.deepEqual(state_solo(state, 'cpu', 'user').only, []);
	assert.deepEqual(state_toggle(state, 'cpu', 'user').only, [], 'the last one put away: all are back');
});

test('a plugin whose name begins like another’s is another', () => {
	assert.ok(!state_is_hidden(some({ only: ['if_eth0/up'] }), 'if_eth', 'up'));
});

test('states of hosts', () => {
	assert.deepEqual([1000, 700, 699, -2600, -2601, null, undefined].map((last) => state_of_host(last, 1000)),
		['fresh', 'fresh', 'late', 'late', 'silent', 'never', 'never']);
});

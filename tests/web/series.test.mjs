import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definition_of } from '../../web/definition.js';
import { series_bands, series_columns, series_layers, series_range, series_state,
	series_stats } from '../../web/series.js';

const graph = (infos) => definition_of({ Infos: infos }, 'p', 'h');
const layers = (infos, datas, hidden = []) => {
	const definition = graph(infos);
	const n = Object.values(datas)[0].length;
	return series_layers(definition, series_columns(definition, datas, n), (ds) => hidden.includes(ds));
};

test('min and max make unknown what lies outside, before the cdef', () => {
	const definition = graph({ a: { min: '0', max: '10', cdef: 'a,8,*' } });
	assert.deepEqual(series_columns(definition, { a: [-1, 0, 10, 11, null] }, 5).get('a'),
		[null, 0, 80, null, null]);
});

test('a sum is of what is known', () => {
	const definition = graph({ a: {}, b: {}, t: { sum: 'a b', cdef: 't,2,*' } });
	assert.deepEqual(series_columns(definition, { a: [1, null, null], b: [2, 2, null] }, 3).get('t'), [6, 4, null]);
});

test('a series without values is unknown', () => {
	assert.deepEqual(series_columns(graph({ a: {}, b: {} }), { a: [1, 2] }, 2).get('b'), [null, null]);
});

test('a stack stands on what was drawn before; a gap moves nobody', () => {
	const made = layers({ a: { draw: 'AREA' }, b: { draw: 'STACK' }, c: { draw: 'STACK' }, l: { draw: 'LINE1' } },
		{ a: [1, 1, null], b: [2, null, 2], c: [3, 3, 3], l: [9, 9, 9] });
	assert.deepEqual(made.map((m) => m.high), [[1, 1, null], [3, null, 2], [6, 4, 5], [9, 9, 9]]);
	assert.deepEqual(made.map((m) => m.low), [null, [1, 1, 0], [3, 1, 2], null]);
	assert.deepEqual(made[2].value, [3, 3, 3]);
});

test('hidden series take no room, even the lowest', () => {
	const infos = { a: { draw: 'AREA' }, b: { draw: 'STACK' }, c: { draw: 'STACK' } };
	const datas = { a: [1], b: [2], c: [3] };
	assert.deepEqual(layers(infos, datas, ['b']).map((m) => m.high), [[1], [null], [4]]);
	assert.deepEqual(layers(infos, datas, ['a']).map((m) => m.high), [[null], [2], [5]]);
});

test('mirrored series lie below zero and stack downwards', () => {
	const made = layers({ in1: {}, out1: { draw: 'AREASTACK', negative: 'in1' }, in2: {},
		out2: { draw: 'AREASTACK', negative: 'in2' } },
		{ in1: [1], out1: [10], in2: [2], out2: [20] });
	assert.deepEqual(made.map((m) => [m.series.ds, m.high[0]]),
		[['out1', 10], ['in1', -1], ['out2', 30], ['in2', -3]]);
	assert.deepEqual(made.map((m) => m.value[0]), [10, 1, 20, 2]);
});

test('statistics leave unknown values out', () => {
	assert.deepEqual(series_stats([null, 4, 2, null, 3, null]), { last: 3, min: 2, avg: 3, max: 4 });
	assert.deepEqual(series_stats([null]), { last: null, min: null, avg: null, max: null });
	assert.deepEqual(series_stats([]), { last: null, min: null, avg: null, max: null });
});

test('the vertical range', () => {
	const range = (infos, datas, hidden) =>
		series_range(layers(infos, datas, hidden)).map((v) => Math.round(v * 100) / 100);
	assert.deepEqual(range({ a: {} }, { a: [0, 100] }), [0, 106]);
	assert.deepEqual(range({ a: {} }, { a: [1000, 1010] }), [999.4, 1010.6],
		'small changes of large values can be seen');
	assert.deepEqual(range({ a: { draw: 'AREA' } }, { a: [1000, 1010] }), [0, 1070.6]);
	assert.deepEqual(range({ a: {} }, { a: [5, 5] }), [0, 5.3]);
	assert.deepEqual(range({ a: {} }, { a: [0, 0] }), [0, 1]);
	assert.deepEqual(range({ a: {} }, { a: [null] }), [0, 1]);
	assert.deepEqual(range({ a: {}, b: {} }, { a: [1, 2], b: [1e6, 1e6] }, ['b']), [0, 2.12]);
	assert.deepEqual(range({ i: {}, o: { negative: 'i' } }, { i: [50], o: [100] }), [-59, 109]);
});

test('bands are drawn when the visible series agree', () => {
	const infos = { a: { warning: '5' }, b: { warning: '6' }, c: {} };
	const datas = { a: [1], b: [1], c: [1] };
	assert.equal(series_bands(layers(infos, datas)), null);
	assert.deepEqual(series_bands(layers(infos, datas, ['b'])),
		{ warning: { low: null, high: 5 }, critical: null });
	assert.equal(series_bands(layers({ c: {} }, { c: [1] })), null);
});

test('the state of a value', () => {
	const [series] = graph({ a: { warning: '5:10', critical: ':20' } }).series;
	assert.deepEqual([4, 5, 10, 11, 21, null].map((v) => series_state(v, series)),
		['warning', null, null, 'warning', 'critical', null]);
});

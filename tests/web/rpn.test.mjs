import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rpn_compile, rpn_evaluate } from '../../web/rpn.js';

const names = ['down', 'up', 'a.b'];
const run = (text, slots) => {
	const formula = rpn_compile(text, names);
	assert.equal(formula.why, undefined, text);
	return rpn_evaluate(formula, (name, i) => slots[i][name], slots.length);
};

test('formulas compute as RRDtool does', () => {
	for (const [text, slot, expected] of [
		['down,8,*', { down: 3 }, 24],
		['down,8,*', { down: null }, null],
		['down,8,*', {}, null],
		['10,3,-', {}, 7],
		['10,4,/', {}, 2.5],
		['10,0,/', {}, null],
		['10,4,%', {}, 2],
		['-1.5e1', {}, -15],
		['.5', {}, 0.5],
		['down,up,+', { down: 1, up: 2 }, 3],
		['down,up,MIN', { down: 1, up: 2 }, 1],
		['down,up,MAX', { down: 1, up: 2 }, 2],
		['down,up,MAX', { down: 1, up: null }, null],
		['down,UN,0,down,IF', { down: null }, 0],
		['down,UN,0,down,IF', { down: 7 }, 7],
		['down,5,6,IF', { down: null }, 6],
		['down,5,6,IF', { down: 0 }, 6],
		['down,5,6,IF', { down: -2 }, 5],
		['a.b, 2, *', { 'a.b': 4 }, 8],
	])
		assert.deepEqual(run(text, [slot]), [expected], text);
});

test('each slot on its own', () => {
	assert.deepEqual(run('up,2,*', [{ up: 1 }, { up: null }, { up: 3 }]), [2, null, 6]);
});

test('it knows which data sources it uses', () => {
	assert.deepEqual(rpn_compile('down,up,+,down,-', names).uses, ['down', 'up']);
});

test('what cannot be computed says why', () => {
	for (const [text, why] of [
		['down,LOG', /LOG in down,LOG is not known/],
		['', /an empty word/],
		['down,', /an empty word/],
		['+', /\+ lacks an argument/],
		['1,+', /\+ lacks an argument/],
		['1,2', /leaves 2 values/],
		['other,8,*', /other in other,8,\* is not known/],
		['toString', /toString in toString is not known/],
	])
		assert.match(rpn_compile(text, names).why, why, text);
});

/**
 * Munin's cdef: a formula in reverse Polish notation over the data sources of one plugin, such as `down,8,*`.
 * Known are numbers, names of data sources, + - * / % UN IF MIN MAX, as in RRDtool. An unknown value is null.
 */

const ARITY = { '+': 2, '-': 2, '*': 2, '/': 2, '%': 2, UN: 1, IF: 3, MIN: 2, MAX: 2 };
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Read a formula once; rpn_evaluate() then runs it for each slot.
 * @param {string} text  the cdef as munin has it
 * @param {string[]|Set<string>} names  data sources it may use
 * @returns {{tokens: Array<{number: number}|{name: string}|{operator: string}>, uses: string[]}|{why: string}}
 *          `why` says what cannot be computed here, for the reader of the page
 */
export function rpn_compile(text, names) {
	const known = new Set(names);
	const tokens = [];
	const uses = new Set();
	let depth = 0;
	for (const word of text.split(',').map((w) => w.trim())) {
		if (NUMBER.test(word)) {
			tokens.push({ number: Number(word) });
			depth++;
		} else if (known.has(word)) {
			tokens.push({ name: word });
			uses.add(word);
			depth++;
		} else if (Object.hasOwn(ARITY, word)) {
			if (depth < ARITY[word])
				return { why: `${word} lacks an argument in ${text}` };
			depth -= ARITY[word] - 1;
			tokens.push({ operator: word });
		} else {
			return { why: `${word === '' ? 'an empty word' : word} in ${text} is not known here` };
		}
	}
	if (depth !== 1)
		return { why: `${text} leaves ${depth} values, expected one` };
	return { tokens, uses: [...uses] };
}

/** One step; a, b, c are numbers, NaN for unknown. */
function apply(operator, a, b, c) {
	switch (operator) {
	case '+': return a + b;
	case '-': return a - b;
	case '*': return a * b;
	case '/': return a / b;
	case '%': return a % b;
	case 'UN': return Number.isNaN(a) ? 1 : 0;
	case 'IF': return Number.isNaN(a) || a === 0 ? c : b;
	case 'MIN': return Math.min(a, b); // NaN when either is
	case 'MAX': return Math.max(a, b);
	}
	throw new Error(`no operator ${operator}`);
}

/**
 * Run a compiled formula over columns.
 * @param {{tokens: object[]}} formula  of rpn_compile()
 * @param {(name: string, i: number) => number|null} value_at  value of a data source in slot i
 * @param {number} n  slots
 * @returns {Array<number|null>}
 */
export function rpn_evaluate(formula, value_at, n) {
	const out = new Array(n);
	const stack = [];
	for (let i = 0; i < n; i++) {
		stack.length = 0;
		for (const token of formula.tokens) {
			if (token.number !== undefined) {
				stack.push(token.number);
			} else if (token.name !== undefined) {
				const value = value_at(token.name, i);
				stack.push(value === null || value === undefined ? NaN : value);
			} else {
				const taken = stack.splice(stack.length - ARITY[token.operator]);
				stack.push(apply(token.operator, ...taken));
			}
		}
		out[i] = Number.isFinite(stack[0]) ? stack[0] : null;
	}
	return out;
}

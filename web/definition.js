/**
 * From a plugin's info, as munin-node gave it (all values are strings), to the definition of a graph. Nothing of the
 * values is known here: series.js computes with the definition, chart.js draws it.
 *
 * @typedef {object} Series
 * @property {string} ds  the data source
 * @property {string} label  what the legend says
 * @property {string} info  a sentence about it, or ''
 * @property {string} colour  `#rrggbb`
 * @property {'line'|'area'} shape
 * @property {boolean} stacked  on top of the series before it
 * @property {number} width  of the line, CSS pixels
 * @property {boolean} mirrored  drawn below zero (the ds that another one names as its `negative`)
 * @property {number|null} min  a stored value below is unknown, as in RRDtool
 * @property {number|null} max
 * @property {{tokens: object[], uses: string[]}|null} cdef
 * @property {string[]|null} parts  of `sum`: the data sources added up
 * @property {{low: number|null, high: number|null}|null} warning  outside of it is the warning state, in the graph's
 * unit
 * @property {{low: number|null, high: number|null}|null} critical
 *
 * @typedef {object} Definition
 * @property {string} plugin
 * @property {string} title
 * @property {string} unit  munin's vlabel
 * @property {number} base  1000 or 1024
 * @property {string} category
 * @property {string} about  a sentence or more about the graph, or ''
 * @property {Series[]} series  drawn, in the order of drawing; those of a mirrored pair one after the other
 * @property {Object<string, {min: number|null, max: number|null}>} limits  of every ds, drawn or not
 * @property {string[]} notes  what the info asks for and this page does not do
 */
import { palette_colour, palette_parse } from './palette.js';
import { rpn_compile, rpn_evaluate } from './rpn.js';

const DRAW = /^(LINE|AREA|STACK|LINESTACK|AREASTACK)(\d+(?:\.\d+)?)?$/;

function number_or_null(text) {
	const value = Number(text);
	return text === undefined || text === null || String(text).trim() === '' || !Number.isFinite(value) ? null
		: value;
}

/** `92`, `:92`, `5:`, `5:92` → the span in which all is well; null when it says nothing. */
export function threshold_parse(text) {
	const sides = String(text ?? '').trim().split(':');
	if (sides.length > 2)
		return null;
	const low = sides.length === 2 ? number_or_null(sides[0]) : null;
	const high = number_or_null(sides[sides.length - 1]);
	return low === null && high === null ? null : { low, high };
}

/** Thresholds are said of stored values; the graph shows cdef's. Null when the formula has other data sources in it. */
function threshold_in_graph(threshold, cdef, ds) {
	if (!threshold || !cdef)
		return threshold;
	if (cdef.uses.some((name) => name !== ds))
		return null;
	const through = (v) => (v === null ? null : rpn_evaluate(cdef, () => v, 1)[0]);
	const moved = { low: through(threshold.low), high: through(threshold.high) };
	// a formula that turns the scale around turns the sides around
	const turned = rpn_evaluate(cdef, () => 1, 1)[0] < rpn_evaluate(cdef, () => 0, 1)[0];
	return turned ? { low: moved.high, high: moved.low } : moved;
}

/** The names of the data sources in the order of drawing: those of `Order`, then the others as they came. */
function names_in_order(order, names) {
	const first = String(order ?? '').split(/\s+/).map((word) => word.split('=')[0]).filter((name) =>
		names.includes(name));
	return [...new Set([...first, ...names])];
}

/**
 * `sum` and `stack`: words `ds`, `alias=ds`, `alias=plugin.ds` or `alias=host:plugin.ds`; of another graph: strange.
 * @returns {{own: Array<{alias: string, ds: string}>, strange: string[]}}
 */
function references(text, place, names) {
	const own = [];
	const strange = [];
	for (const word of String(text).split(/[\s,]+/).filter(Boolean)) {
		const [, alias, target] = /^(?:([^=]*)=)?(.*)$/.exec(word);
		const prefix = [`${place.host}:${place.plugin}.`,
			`${place.plugin}.`].find((p) => target.startsWith(p)) ?? '';
		const ds = target.slice(prefix.length);
		if (names.includes(ds))
			own.push({ alias: alias || ds, ds });
		else
			strange.push(word);
	}
	return { own, strange };
}

/** How a ds is drawn: {shape, stacked, width}. `group` remembers the kind that a plain STACK goes on with. */
function drawing(text, group, notes, ds) {
	const given = DRAW.exec(String(text || 'LINE').toUpperCase());
	if (!given)
		notes.push(`${ds}: draw ${text} is not known here, drawn as a line`);
	const [, kind, width] = given ?? [null, 'LINE', undefined];
	let shape = kind.startsWith('LINE') ? 'line' : 'area';
	const stacked = kind.endsWith('STACK') && group.open;
	if (kind === 'STACK' && group.open)
		shape = group.shape;
	group.open = true;
	group.shape = shape;
	return { shape, stacked, width: Math.min(Math.max(Number(width ?? 1) * 0.75 + 0.75, 1), 4) };
}

/**
 * @param {object|null} info  of /list or /info; null or {} when only values are known
 * @param {string} plugin
 * @param {string} [host]  hostID, for references to it
 * @param {string[]} [more]  data sources that have values though the info does not name them
 * @returns {Definition}
 */
export function definition_of(info, plugin, host = '', more = []) {
	const infos = info && typeof info.Infos === 'object' && info.Infos ? { ...info.Infos } : {};
	for (const ds of more)
		infos[ds] ??= {};
	const names = Object.keys(infos);
	const notes = [];
	const group = { open: false, shape: 'area' };
	const below = new Map(); // negative's ds → who names it
	for (const ds of names)
		if (infos[ds].negative && infos[ds].negative !== ds && names.includes(infos[ds].negative)
			&& !below.has(ds))
			below.set(infos[ds].negative, ds);

	const series = [];
	const limits = {};
	let next_colour = 0;

	function compute(ds, own) {
		const cdef = own.cdef ? rpn_compile(own.cdef, names) : null;
		if (cdef?.why)
			notes.push(`${ds}: shown as stored, ${cdef.why}`);
		return cdef && !cdef.why ? cdef : null;
	}

	function add(ds, own, draw, more_of) {
		const cdef = compute(ds, own);
		series.push({
			ds, label: own.label || ds, info: own.info ?? '', ...draw, mirrored: false, cdef, parts: null,
			min: number_or_null(own.min), max: number_or_null(own.max),
			warning: threshold_in_graph(threshold_parse(own.warning), cdef, ds),
			critical: threshold_in_graph(threshold_parse(own.critical), cdef, ds), ...more_of,
		});
	}

	for (const ds of names)
		limits[ds] = { min: number_or_null(infos[ds].min), max: number_or_null(infos[ds].max) };
	for (const ds of names_in_order(info?.Order, names)) {
		const own = infos[ds];
		if (below.has(ds) || String(own.graph ?? '').toLowerCase() === 'no')
			continue;
		const colour = palette_parse(own.colour) ?? palette_colour(next_colour++);
		if (own.stack) {
			const { own: parts, strange } = references(own.stack, { host, plugin }, names);
			if (strange.length)
				notes.push(`${ds}: not in its stack, as they belong to other graphs: ${strange.join(' ')}`);
			parts.forEach((part, i) =>
				add(part.ds, { ...infos[part.ds], label: infos[part.ds].label || part.alias },
				{ shape: 'area', stacked: i > 0, width: 1 },
				{ colour: i === 0 ? colour : palette_colour(next_colour++) }));
			continue;
		}
		const draw = drawing(own.draw, group, notes, ds);
		let parts = null;
		if (own.sum) {
			const found = references(own.sum, { host, plugin }, names);
			parts = found.own.map((part) => part.ds);
			if (found.strange.length)
				notes.push(`${ds}: not in its sum, as they belong to other graphs: ${found.strange.join(' ')}`);
		}
		add(ds, own, draw, { colour, parts });
		if (below.get(own.negative) === ds) {
			const other = infos[own.negative];
			add(own.negative, { ...other, label: other.label || own.negative }, draw,
				{ colour, mirrored: true });
		}
	}
	// a ds that stands in a stack and on its own is drawn once
	const seen = new Set();
	const once = series.filter((s) => !seen.has(s.ds) && seen.add(s.ds));
	return {
		plugin, title: info?.Title || plugin, unit: unit_of(info?.Vlabel),
		base: String(info?.Base) === '1024' ? 1024 : 1000, category: category_of(info),
			about: info?.Describ ?? '',
		series: once, limits, notes,
	};
}

/** In small letters, as /categories has it. */
function category_of(info) {
	return String(info?.Category || 'other').toLowerCase();
}

/** munin puts the period of its graphs into the unit; ours are of seconds. */
function unit_of(vlabel) {
	return String(vlabel ?? '').replaceAll('${graph_period}', 'second');
}

/**
 * Plugins by munin category, both in alphabetical order, 'other' last.
 * @param {Object<string, object>} list  of /list: plugin → info
 * @returns {Array<{category: string, plugins: string[]}>}
 */
export function plugins_by_category(list) {
	const groups = new Map();
	for (const [plugin, info] of Object.entries(list)) {
		const category = category_of(info);
		groups.set(category, [...(groups.get(category) ?? []), plugin]);
	}
	return [...groups].map(([category, plugins]) => ({ category, plugins: plugins.sort(by_name) }))
		.sort((a, b) => (a.category === 'other') - (b.category === 'other') || by_name(a.category, b.category));
}

/** Names with numbers in them in the order people expect: eth2 before eth10. */
export function by_name(a, b) {
	return collator.compare(a, b);
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' }); // making one takes long

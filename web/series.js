/**
 * Computing with values: limits, cdef, sums, stacks, statistics, the vertical range. A column is an array of numbers,
 * null for unknown, one for each slot of the reply; slot i lies at TS_start + i × TS_step.
 *
 * @typedef {object} Layer  one series as it is drawn
 * @property {import('./definition.js').Series} series
 * @property {boolean} hidden
 * @property {Array<number|null>} value  what the legend shows, never negated or stacked
 * @property {Array<number|null>} high  where its line runs
 * @property {Array<number>|null} low  the other edge of an area; null: zero
 */
import { rpn_evaluate } from './rpn.js';

/** What is outside the ds' min and max is unknown. */
function within_limits(column, limits) {
	if (!limits || (limits.min === null && limits.max === null))
		return column;
	const { min, max } = limits;
	return column.map((v) => (v === null || (min !== null && v < min) || (max !== null && v > max) ? null : v));
}

/**
 * @param {import('./definition.js').Definition} definition
 * @param {Object<string, Array<number|null>>} datas  DATAS of the reply
 * @param {number} n  slots
 * @returns {Map<string, Array<number|null>>} ds → column, for each series of the definition
 */
export function series_columns(definition, datas, n) {
	const nothing = new Array(n).fill(null);
	const stored = {};
	for (const [ds, column] of Object.entries(datas))
		stored[ds] = within_limits(column, definition.limits[ds]);
	const value_at = (ds, i) => (stored[ds] ? stored[ds][i] : null);
	const columns = new Map();
	const summed = [];
	for (const series of definition.series) {
		if (series.parts)
			summed.push(series);
		else
			columns.set(series.ds, series.cdef ? rpn_evaluate(series.cdef, value_at, n)
				: stored[series.ds] ?? nothing);
	}
	for (const series of summed) {
		const parts = series.parts.map((ds) => columns.get(ds) ?? stored[ds] ?? nothing);
		stored[series.ds] = nothing.map((_, i) => add_known(parts, i));
		columns.set(series.ds, series.cdef ? rpn_evaluate(series.cdef, value_at, n) : stored[series.ds]);
	}
	return columns;
}

function add_known(columns, i) {
	let sum = null;
	for (const column of columns)
		if (column[i] !== null && column[i] !== undefined)
			sum = (sum ?? 0) + column[i];
	return sum;
}

/**
 * Stack what is to be stacked. As in RRDtool a STACK stands on the series drawn before it, and an unknown value leaves
 * a gap in its own series without moving those above. Hidden series take no room.
 * @param {import('./definition.js').Definition} definition
 * @param {Map<string, Array<number|null>>} columns  of series_columns()
 * @param {(ds: string) => boolean} is_hidden
 * @returns {Layer[]} in the order of definition.series
 */
export function series_layers(definition, columns, is_hidden) {
	const ground = { up: null, down: null }; // the running edge of the stack, above and below zero
	return definition.series.map((series) => {
		const value = columns.get(series.ds);
		const hidden = is_hidden(series.ds);
		const side = series.mirrored ? 'down' : 'up';
		const sign = series.mirrored ? -1 : 1;
		if (!series.stacked)
			ground[side] = null;
		if (hidden)
			return { series, hidden, value, high: value.map(() => null), low: null };
		const below = ground[side];
		const low = below && series.shape === 'area' ? below : null;
		const high = value.map((v, i) => (v === null || v === undefined ? null : (below ? below[i] : 0)
			+ sign * v));
		ground[side] = high.map((v, i) => v ?? (below ? below[i] : 0));
		return { series, hidden, value, high, low };
	});
}

/**
 * @param {Array<number|null>} column
 * @returns {{last: number|null, min: number|null, avg: number|null, max: number|null}}
 */
export function series_stats(column) {
	let last = null;
	let min = null;
	let max = null;
	let sum = 0;
	let n = 0;
	for (const v of column) {
		if (v === null || v === undefined)
			continue;
		last = v;
		min = min === null || v < min ? v : min;
		max = max === null || v > max ? v : max;
		sum += v;
		n++;
	}
	return { last, min, avg: n ? sum / n : null, max };
}

/**
 * The vertical range to draw: all that is seen and a little room. Zero is in it for areas, mirrored graphs and whatever
 * comes near it.
 * @param {Layer[]} layers
 * @returns {[number, number]}
 */
export function series_range(layers) {
	let low = Infinity;
	let high = -Infinity;
	let zero = false;
	for (const layer of layers) {
		if (layer.hidden)
			continue;
		for (const v of layer.high) {
			if (v === null)
				continue;
			low = v < low ? v : low;
			high = v > high ? v : high;
		}
		zero ||= layer.series.shape === 'area' || layer.series.stacked || layer.series.mirrored;
	}
	if (low > high)
		return [0, 1];
	zero ||= low === high || high - low > 0.15 * Math.max(Math.abs(low), Math.abs(high));
	if (zero) {
		low = Math.min(low, 0);
		high = Math.max(high, 0);
	}
	if (low === high)
		return [0, 1];
	const room = (high - low) * 0.06;
	return [low === 0 ? 0 : low - room, high === 0 ? 0 : high + room];
}

/**
 * The thresholds to draw as bands: those of the visible series when they all say the same (or one is alone).
 * @param {Layer[]} layers
 * @returns {{warning: object|null, critical: object|null}|null}
 */
export function series_bands(layers) {
	let bands = null;
	for (const { series, hidden } of layers) {
		if (hidden || series.mirrored || (!series.warning && !series.critical))
			continue;
		const own = { warning: series.warning, critical: series.critical };
		if (bands && JSON.stringify(bands) !== JSON.stringify(own))
			return null;
		bands = own;
	}
	return bands;
}

/**
 * @param {number|null} value  in the graph's unit
 * @param {import('./definition.js').Series} series
 * @returns {'critical'|'warning'|null}
 */
export function series_state(value, series) {
	const outside = (span) => span && value !== null && ((span.low !== null && value < span.low) ||
		(span.high !== null && value > span.high));
	return outside(series.critical) ? 'critical' : outside(series.warning) ? 'warning' : null;
}

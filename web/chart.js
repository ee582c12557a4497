/**
 * One drawn graph: dygraphs gives axes, grid and scales; the series are drawn by a plotter of our own, as a munin graph
 * mixes lines, areas and stacks. Made when the graph comes into view, destroyed when it leaves.
 *
 * @typedef {object} Picture  what is drawn
 * @property {number[]} times  slots, ms
 * @property {import('./series.js').Layer[]} layers
 * @property {[number, number]} range  vertical
 * @property {[number, number]} window  horizontal, ms
 * @property {{warning: object|null, critical: object|null}|null} bands
 * @property {1000|1024} base
 */
import { el } from './dom.js';
import { format_slot, format_ticks } from './format.js';
import { palette_alpha, palette_on } from './palette.js';

const { Dygraph } = window;
// Axes and grid are all that is wanted; the legend would write style attributes, which the page's policy forbids.
Dygraph.PLUGINS = [Dygraph.Plugins.Axes, Dygraph.Plugins.Grid];

const THEMES = {
	light: { grid: '#e4e7eb', axis: '#9aa3ad', warning: '#e0a000', critical: '#d03030' },
	dark: { grid: '#2b3138', axis: '#5c6670', warning: '#d9a520', critical: '#e05555' },
};

export class Chart {
	#graph = null;
	#picture = null;
	#dark = false;

	/** @param {HTMLElement} box  has the size of the graph; gets the class `chart` children */
	constructor(box) {
		this.box = box;
		this.canvas_box = el('div', { class: 'plot' });
		this.line = el('div', { class: 'cursor', hidden: true });
		this.time = el('div', { class: 'cursor-time', hidden: true });
		this.selection = el('div', { class: 'selection', hidden: true });
		box.append(this.canvas_box, this.selection, this.line, this.time);
	}

	/** @param {Picture} picture @param {boolean} dark */
	show(picture, dark) {
		this.#picture = picture;
		this.#dark = dark;
		const { times, layers } = picture;
		const rows = times.map((t, i) => [t, ...layers.map((layer) => layer.high[i] ?? null)]);
		const options = {
			file: rows.length && layers.length ? rows : [[picture.window[0], null]],
			labels: ['time', ...(rows.length && layers.length ? layers.map((l) => l.series.ds) : ['none'])],
			dateWindow: picture.window,
			axes: this.#axes(),
			gridLineColor: THEMES[dark ? 'dark' : 'light'].grid,
			axisLineColor: THEMES[dark ? 'dark' : 'light'].axis,
		};
		if (this.#graph) {
			this.#graph.updateOptions(options);
		} else {
			const { file, ...rest } = options;
			this.#graph = new Dygraph(this.canvas_box, file, {
				...rest, interactionModel: {}, highlightCircleSize: 0, showLabelsOnHighlight: false,
					rightGap: 6,
				xRangePad: 0, legend: 'never', axisLabelFontSize: 11,
					underlayCallback: (ctx, area) => this.#draw_bands(ctx, area),
				plotter: (e) => e.seriesIndex === 0 && this.#draw_layers(e.drawingContext, e.plotArea),
			});
		}
	}

	#axes() {
		const { range, base } = this.#picture;
		return {
			x: { ticker: Dygraph.dateTicker, axisLabelFormatter: Dygraph.dateAxisLabelFormatter,
				pixelsPerLabel: 64,
				axisLabelWidth: 62, valueFormatter: (ms) => String(ms) },
			y: { valueRange: range, axisLabelWidth: 46,
				ticker: (low, high, pixels) => format_ticks(low, high, base,
					Math.max(Math.floor(pixels / 34), 2)) },
		};
	}

	/** Slide or stretch without new values. @param {[number, number]} window_ms */
	set_window(window_ms) {
		this.#picture.window = window_ms;
		this.#graph.updateOptions({ dateWindow: window_ms });
		this.set_cursor(null);
	}

	get window() {
		return this.#picture?.window ?? null;
	}

	get picture() {
		return this.#picture;
	}

	/** The canvas with grid, bands and series; its labels are elements. */
	get canvas() {
		return this.canvas_box.querySelector('canvas');
	}

	/** {x, y, w, h} of the plot inside the box, CSS pixels. */
	get area() {
		return this.#graph.getArea();
	}

	/** @param {number} x  pixels from the box's left edge @returns {number} ms */
	time_at(x) {
		const { x: left, w } = this.area;
		const [from, until] = this.window;
		return from + (Math.min(Math.max(x - left, 0), w) / w) * (until - from);
	}

	#x_of(ms, area = this.area) {
		const [from, until] = this.window;
		return area.x + ((ms - from) / (until - from)) * area.w;
	}

	/** The slot nearest to a time, -1 when it is not in view. */
	slot_at(ms) {
		const { times, window } = this.#picture;
		if (!times.length || ms < window[0] || ms > window[1])
			return -1;
		const step = times.length > 1 ? times[1] - times[0] : 1;
		const i = Math.round((ms - times[0]) / step);
		return i >= 0 && i < times.length ? i : -1;
	}

	/** @param {number|null} ms  where the shared cursor stands @returns {number} its slot here, or -1 */
	set_cursor(ms) {
		const slot = ms === null || !this.#picture ? -1 : this.slot_at(ms);
		this.line.hidden = this.time.hidden = slot < 0;
		if (slot >= 0) {
			const at = this.#picture.times[slot];
			const { x: left, y, w, h } = this.area;
			const x = this.#x_of(at);
			this.line.style.transform = `translateX(${x}px)`;
			this.line.style.top = `${y}px`;
			this.line.style.height = `${h}px`;
			this.time.textContent = format_slot(at, this.window[1] - this.window[0]);
			const right = x > left + w / 2;
			this.time.style.transform = `translateX(${x + (right ? -4 : 4)}px)${right ? ' translateX(-100%)' : ''}`;
		}
		return slot;
	}

	/** Show what is being selected; null ends it. @param {[number, number]|null} edges  px */
	set_selection(edges) {
		this.selection.hidden = !edges;
		if (edges) {
			const { x, y, w, h } = this.area;
			const [a, b] = edges.map((px) => Math.min(Math.max(px, x), x + w));
			this.selection.style.left = `${Math.min(a, b)}px`;
			this.selection.style.width = `${Math.abs(b - a)}px`;
			this.selection.style.top = `${y}px`;
			this.selection.style.height = `${h}px`;
		}
	}

	resize() {
		this.#graph?.resize();
	}

	destroy() {
		this.#graph?.destroy();
		this.#graph = null;
		[this.canvas_box, this.selection, this.line, this.time].forEach((part) => part.remove());
	}

	#draw_bands(ctx, area) {
		const { bands, range: [low, high] } = this.#picture;
		if (!bands)
			return;
		const theme = THEMES[this.#dark ? 'dark' : 'light'];
		const y_of = (v) => area.y + ((high - v) / (high - low)) * area.h;
		const fill = (from, until, colour) => {
			const top = y_of(Math.min(Math.max(from, until), high));
			const bottom = y_of(Math.max(Math.min(from, until), low));
			if (bottom <= top)
				return;
			ctx.fillStyle = palette_alpha(colour, 0.13);
			ctx.fillRect(area.x, top, area.w, bottom - top);
		};
		const edge = (v, colour) => {
			if (v === null || v === undefined || v < low || v > high)
				return;
			ctx.fillStyle = palette_alpha(colour, 0.8);
			ctx.fillRect(area.x, Math.round(y_of(v)), area.w, 1);
		};
		const { warning, critical } = bands;
		if ((warning?.high ?? null) !== null)
			fill(warning.high, critical?.high ?? Infinity, theme.warning);
		if ((critical?.high ?? null) !== null)
			fill(critical.high, Infinity, theme.critical);
		if ((warning?.low ?? null) !== null)
			fill(warning.low, critical?.low ?? -Infinity, theme.warning);
		if ((critical?.low ?? null) !== null)
			fill(critical.low, -Infinity, theme.critical);
		[warning?.high, warning?.low].forEach((v) => edge(v, theme.warning));
		[critical?.high, critical?.low].forEach((v) => edge(v, theme.critical));
	}

	#draw_layers(ctx, area) {
		const { times, layers, range: [low, high] } = this.#picture;
		const y_of = (v) => area.y + ((high - v) / (high - low)) * area.h;
		const x = times.map((t) => this.#x_of(t, area));
		const seen = layers.filter((layer) => !layer.hidden);
		for (const layer of seen.filter((l) => l.series.shape === 'area'))
			this.#draw_area(ctx, layer, x, y_of);
		for (const layer of seen)
			if (layer.series.shape === 'line' || !layer.series.stacked)
				this.#draw_line(ctx, layer, x, y_of);
		if (low < 0 && high > 0) {
			ctx.fillStyle = THEMES[this.#dark ? 'dark' : 'light'].axis;
			ctx.fillRect(area.x, Math.round(y_of(0)), area.w, 1);
		}
	}

	#draw_area(ctx, { series, high, low }, x, y_of) {
		ctx.fillStyle = palette_alpha(palette_on(series.colour, this.#dark), 0.72);
		for (const [first, last] of runs_of(high)) {
			ctx.beginPath();
			if (first === last) { // one slot between gaps: a bar of a pixel
				ctx.rect(x[first] - 0.5, y_of(high[first]), 1,
					y_of(low ? low[first] : 0) - y_of(high[first]));
			} else {
				for (let i = first; i <= last; i++)
					ctx.lineTo(x[i], y_of(high[i]));
				for (let i = last; i >= first; i--)
					ctx.lineTo(x[i], y_of(low ? low[i] : 0));
			}
			ctx.fill();
		}
	}

	#draw_line(ctx, { series, high }, x, y_of) {
		ctx.strokeStyle = ctx.fillStyle = palette_on(series.colour, this.#dark);
		ctx.lineWidth = series.shape === 'area' ? 1 : series.width;
		ctx.lineJoin = 'round';
		ctx.beginPath();
		for (const [first, last] of runs_of(high)) {
			if (first === last) {
				ctx.fillRect(x[first] - 1, y_of(high[first]) - 1, 2, 2);
				continue;
			}
			ctx.moveTo(x[first], y_of(high[first]));
			for (let i = first + 1; i <= last; i++)
				ctx.lineTo(x[i], y_of(high[i]));
		}
		ctx.stroke();
	}
}

/** Stretches of known values: [[first, last]], both inside. */
export function runs_of(column) {
	const runs = [];
	let first = -1;
	for (let i = 0; i <= column.length; i++) {
		const known = i < column.length && column[i] !== null;
		if (known && first < 0)
			first = i;
		else if (!known && first >= 0) {
			runs.push([first, i - 1]);
			first = -1;
		}
	}
	return runs;
}

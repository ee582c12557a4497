/**
 * The legend of a graph: a table of its series with last, least, mean and largest value of what is shown, the value at
 * the cursor in place of the last one, and buttons that hide a series or show it alone.
 */
import { el, unseen } from './dom.js';
import { format_number } from './format.js';
import { palette_on } from './palette.js';
import { series_state, series_stats } from './series.js';

const STATES = { warning: 'warning', critical: 'critical' };

export class Legend {
	#rows = new Map(); // ds → {row, button, solo, cells, swatch, layer, stats}
	#definition;

	/**
	 * @param {import('./definition.js').Definition} definition
	 * @param {{toggle: (ds: string) => void, solo: (ds: string) => void}} hooks
	 */
	constructor(definition, hooks) {
		this.#definition = definition;
		this.first = el('th', { scope: 'col', text: 'Last' });
		const body = el('tbody');
		for (const series of definition.series)
			body.append(this.#row_of(series, hooks));
		this.element = el('div', { class: 'legend', role: 'region',
			'aria-label': `Legend of ${definition.title}`,
			tabindex: definition.series.length > 12 ? '0' : null },
		el('table', {},
			el('caption', { class: 'unseen',
				text: `${definition.title}: values of the series in the range shown` }),
			el('thead', {}, el('tr', {},
				el('th', { scope: 'col', class: 'name', title: definition.unit,
				text: definition.unit || 'Series' }), this.first,
				...['Min', 'Avg', 'Max'].map((text) => el('th', { scope: 'col', text })))), body));
	}

	#row_of(series, hooks) {
		const swatch = el('span', { class: `swatch ${series.shape}` });
		const mirrored = this.#definition.series.some((other) => other.mirrored
			&& other.colour === series.colour);
		const sign = series.mirrored ? ' (−)' : mirrored ? ' (+)' : '';
		const button = el('button', {
			type: 'button', class: 'series', 'aria-pressed': 'true', 'data-ds': series.ds,
			title: `${series.info ? `${series.info}\n` : ''}${series.ds}: click hides, Ctrl-click shows it alone`,
			on: { click: (event) => (event.ctrlKey || event.metaKey ? hooks.solo(series.ds)
				: hooks.toggle(series.ds)) },
		}, swatch, el('span', { class: 'label', text: series.label + sign }));
		const solo = el('button', { type: 'button', class: 'solo', 'aria-pressed': 'false',
			'data-solo': series.ds,
			title: 'Show it alone', on: { click: () => hooks.solo(series.ds) } }, 'only',
				unseen(` ${series.label}`));
		const cells = ['last', 'min', 'avg', 'max'].map((kind) => el('td', { class: kind, text: '–' }));
		const row = el('tr', {}, el('th', { scope: 'row', class: 'name' },
			el('span', { class: 'names' }, button, solo)), ...cells);
		this.#rows.set(series.ds, { row, button, solo, cells, swatch, layer: null, stats: null });
		return row;
	}

	/** @param {import('./series.js').Layer[]} layers @param {boolean} dark */
	show(layers, dark) {
		const n_shown = layers.filter((layer) => !layer.hidden).length;
		for (const layer of layers) {
			const own = this.#rows.get(layer.series.ds);
			if (!own)
				continue;
			own.layer = layer;
			own.stats = series_stats(layer.value);
			own.row.classList.toggle('hidden', layer.hidden);
			own.button.setAttribute('aria-pressed', String(!layer.hidden));
			own.solo.setAttribute('aria-pressed',
				String(!layer.hidden && n_shown === 1 && layers.length > 1));
			own.swatch.style.backgroundColor = palette_on(layer.series.colour, dark);
			['last', 'min', 'avg', 'max'].forEach((kind, i) => {
				own.cells[i].textContent = format_number(own.stats[kind], this.#definition.base);
			});
			this.#mark(own, own.stats.last);
		}
		this.first.textContent = 'Last';
	}

	#mark(own, value) {
		const state = series_state(value, own.layer.series);
		own.cells[0].className = `last${state ? ` ${STATES[state]}` : ''}`;
		own.cells[0].title = state ? `beyond the ${state} threshold` : '';
	}

	/** @param {number} slot  -1: the cursor is elsewhere @param {string} time  what the column is called */
	set_cursor(slot, time) {
		this.first.textContent = slot < 0 ? 'Last' : time;
		this.element.classList.toggle('at-cursor', slot >= 0);
		for (const own of this.#rows.values()) {
			if (!own.layer)
				continue;
			const value = slot < 0 ? own.stats.last : own.layer.value[slot];
			own.cells[0].textContent = format_number(value, this.#definition.base);
			this.#mark(own, value ?? null);
		}
	}

	/** How bad the visible series are: the worst state of their last values. @returns {'critical'|'warning'|null} */
	worst() {
		const states = [...this.#rows.values()].filter((own) => own.layer && !own.layer.hidden)
			.map((own) => series_state(own.stats.last, own.layer.series));
		return states.includes('critical') ? 'critical' : states.includes('warning') ? 'warning' : null;
	}

	/** What the legend says, as text: for a screen reader. @param {number} slot  -1: last values */
	as_text(slot = -1) {
		return [...this.#rows.values()].filter((own) => own.layer && !own.layer.hidden).map((own) => {
			const value = slot < 0 ? own.stats.last : own.layer.value[slot];
			return `${own.layer.series.label} ${value === null || value === undefined ? 'unknown'
				: format_number(value, this.#definition.base)}`;
		}).join(', ');
	}
}

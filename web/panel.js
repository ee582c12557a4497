/**
 * One graph on the page: its head, the chart, the legend. It costs next to nothing until it comes into view: then it
 * asks for its info and its values; when it leaves, the chart is destroyed and only the numbers stay.
 */
import { Chart } from './chart.js';
import { definition_of } from './definition.js';
import { el } from './dom.js';
import { save_csv, save_png } from './export.js';
import { format_slot, format_span, format_time } from './format.js';
import { gestures_on, KEYS } from './gestures.js';
import { Legend } from './legend.js';
import { panel_menu, panel_table } from './menu.js';
import { series_bands, series_columns, series_layers, series_range } from './series.js';
import { state_is_hidden, state_solo, state_toggle } from './state.js';

const ROWS_SHOWN = 12; // a longer legend scrolls

export class Panel {
	#answer = null; // of the loader, with its query
	#columns = null;
	#chart = null;
	#legend = null;
	#asked = ''; // the query under way
	#loaded_ms = 0;
	#slot = -1;
	#ready = null;
	definition = null;
	in_view = false;

	/**
	 * @param {import('./app.js').Page} page
	 * @param {string} host
	 * @param {string} plugin
	 * @param {{show_host: boolean, info: object|null}} with_  info: what is already known
	 */
	constructor(page, host, plugin, { show_host, info }) {
		this.page = page;
		this.host = host;
		this.plugin = plugin;
		this.show_host = show_host;
		this.title = el('h3', {}, el('a',
			{ href: page.link({ hosts: [host], plugin, category: '' }), text: info?.Title || plugin }));
		this.sub = el('span', { class: 'sub', text: plugin });
		this.badge = el('span', { class: 'badge', hidden: true });
		this.head = el('div', { class: 'head' }, this.title, this.sub, this.badge);
		this.box = el('div', { class: 'chart', tabindex: '0', role: 'application',
			'aria-roledescription': 'graph',
			'aria-label': plugin, title: '' });
		this.message = el('p', { class: 'message', hidden: true });
		this.chart_row = el('div', { class: 'chart-row' }, this.box, this.message);
		this.element = el('article', { class: 'panel', 'data-plugin': plugin, 'data-host': host,
			'aria-label': info?.Title || plugin },
			this.head, this.chart_row);
		const rows = info?.Infos ? Math.max(Object.keys(info.Infos).length, 1) : 2;
		this.element.style.minHeight = `${page.chart_height() + 62 + 20 * Math.min(rows, ROWS_SHOWN)}px`;
		if (show_host)
			this.sub.textContent = `${page.host_name(host)}`;
	}

	/** It came into view. */
	enter() {
		this.in_view = true;
		this.#ready ??= this.page.info_of(this.host, this.plugin).then((info) => this.#define(info));
		this.#ready.catch((error) => {
			this.#ready = null;
			this.page.failed(error);
		});
		this.load();
		if (this.#answer)
			this.page.draw_later(this, () => this.redraw());
	}

	/** It left. */
	leave() {
		this.in_view = false;
		this.#chart?.destroy();
		this.#chart = null;
	}

	#define(info, more = []) {
		const focused = this.#legend?.element.contains(document.activeElement) ? document.activeElement.dataset
			: null;
		this.info = info;
		this.definition = definition_of(info, this.plugin, this.host, more);
		const { title, about, notes } = this.definition;
		this.title.firstChild.textContent = title;
		this.title.title = [about, ...notes].filter(Boolean).join('\n\n');
		this.element.setAttribute('aria-label', `${title}, ${this.page.host_name(this.host)}`);
		this.#legend?.element.remove();
		this.#legend = new Legend(this.definition, {
			toggle: (ds) => this.page.navigate(state_toggle(this.page.state, this.plugin, ds)),
			solo: (ds) => this.page.navigate(state_solo(this.page.state, this.plugin, ds)),
		});
		this.chart_row.after(this.#legend.element);
		this.element.style.minHeight = '';
		if (focused)
			this.#legend.element.querySelector(`[data-ds="${CSS.escape(focused.ds ?? '')}"]`)?.focus();
		this.notes?.remove();
		this.notes = notes.length ? el('p', { class: 'notes', text: notes.join('; ') }) : null;
		if (this.notes)
			this.#legend.element.after(this.notes);
		if (!this.menu) {
			this.menu = panel_menu(this);
			this.head.append(this.menu);
			gestures_on(this.box, {
				chart: () => this.#chart, cursor: (ms) => this.page.cursor(ms),
					step: (by) => this.#step(by),
				preview: (window) => this.page.preview(window), go: (window) => this.page.go(window),
					reset: () => this.page.reset(),
			});
		}
	}

	/** Ask for the values of the page's window, unless they are here and new enough. @param {boolean} again */
	async load(again = false) {
		const width = this.box.clientWidth || 400;
		const max_points = Math.max(Math.ceil(width / 50) * 50, 100);
		const { query, live } = this.page.window();
		const kind = new URLSearchParams({ ...query, max_points }).toString();
		const fresh = this.#answer?.kind === kind
			&& (!live || performance.now() - this.#loaded_ms < this.page.interval_ms() - 500);
		if (this.#asked === kind || (fresh && !again))
			return;
		this.#asked = kind;
		this.element.setAttribute('aria-busy', 'true');
		try {
			const [answer] = await Promise.all([this.page.loader.values(this.host, this.plugin, query,
				max_points), this.#ready]);
			if (this.#asked !== kind || !this.definition)
				return;
			this.#take({ ...answer, kind });
			this.page.answered(answer.now_s);
			if (this.in_view)
				this.page.draw_later(this, () => this.redraw());
		} catch (error) {
			this.page.failed(error);
			if (!this.#answer)
				this.#say('No values yet: the storage does not answer.');
		} finally {
			if (this.#asked === kind)
				this.#asked = '';
			this.element.removeAttribute('aria-busy');
		}
	}

	#take(answer) {
		this.#answer = answer;
		this.#loaded_ms = performance.now();
		const datas = answer.values?.DATAS ?? {};
		const known = new Set(Object.keys(this.info?.Infos ?? {}));
		const more = Object.keys(datas).filter((ds) => !known.has(ds));
		const named = new Set(Object.keys(this.definition.limits));
		if (more.some((ds) => !named.has(ds)))
			this.#define(this.info, more);
		this.#columns = series_columns(this.definition, datas, this.n_slots);
	}

	get n_slots() {
		return Object.values(this.#answer?.values?.DATAS ?? {})[0]?.length ?? 0;
	}

	/** Seconds from slot to slot; null before the first answer. */
	get step_s() {
		return this.#answer?.values?.TS_step ?? null;
	}

	/** Slots, Unix seconds. */
	get times_s() {
		const values = this.#answer?.values;
		return Array.from({ length: this.n_slots }, (_, i) => values.TS_start + i * values.TS_step);
	}

	get layers() {
		return series_layers(this.definition, this.#columns,
			(ds) => state_is_hidden(this.page.state, this.plugin, ds));
	}

	get chart() {
		return this.#chart;
	}

	/** Draw what is known, as the page's state says. */
	redraw() {
		if (!this.in_view || !this.#columns)
			return;
		const layers = this.layers;
		const { from_s, until_s } = this.page.window(this.#answer.now_s);
		if (!this.#chart) {
			this.#chart = new Chart(this.box);
			this.#slot = -1;
		}
		this.#chart.show({
			times: this.times_s.map((t) => t * 1000), layers, range: series_range(layers),
				window: [from_s * 1000, until_s * 1000],
			bands: series_bands(layers), base: this.definition.base,
		}, this.page.is_dark());
		this.#legend.show(layers, this.page.is_dark());
		this.set_cursor(this.page.cursor_ms);
		this.#tell_state(layers);
		this.page.drawn(this);
	}

	#tell_state(layers) {
		const known = layers.some((layer) => layer.value.some((v) => v !== null && v !== undefined));
		const last_s = this.page.last_of(this.host, this.plugin);
		const ago = last_s ? `last seen ${format_time(last_s * 1000)}, ${format_span(this.page.now_s() - last_s)} ago` : '';
		// of all hosts only those are of interest that have the plugin
		this.element.hidden = !this.page.state.hosts.length && !this.#answer.values && !this.info?.Infos;
		if (!known)
			this.#say(last_s ? `No values in this range: ${ago}.` : 'No values stored yet.');
		else
			this.#say(layers.every((layer) => layer.hidden) ? 'All series are hidden.' : '');
		const silent = last_s && this.page.now_s() - last_s > Math.max(3600, 3 * (this.step_s ?? 0));
		const worst = silent ? 'silent' : this.#legend.worst();
		this.badge.hidden = !worst;
		this.badge.className = `badge ${worst ?? ''}`;
		this.badge.textContent = silent ? `last seen ${format_span(this.page.now_s() - last_s)} ago`
			: worst ?? '';
		this.box.setAttribute('aria-label', `${this.definition.title}, ${this.page.host_name(this.host)}: ` +
			`${this.#legend.as_text() || 'no values'}. ${KEYS}`);
		if (this.table)
			panel_table(this, true);
	}

	#say(text) {
		this.message.textContent = text;
		this.message.hidden = !text;
	}

	/** The cursor that all graphs share. @param {number|null} ms */
	set_cursor(ms) {
		if (!this.#chart?.picture || !this.#legend)
			return;
		const slot = this.#chart.set_cursor(ms);
		if (slot === this.#slot)
			return;
		this.#slot = slot;
		const [from, until] = this.#chart.window;
		this.#legend.set_cursor(slot, slot < 0 ? '' : format_slot(this.#chart.picture.times[slot],
			until - from));
	}

	/** The cursor by keys: it is said aloud, as the keys asked for it. */
	#step(by) {
		const times = this.#chart?.picture?.times ?? [];
		if (!times.length)
			return;
		const [from, until] = this.#chart.window;
		const known = times.findLastIndex((_, i) =>
			this.#chart.picture.layers.some((layer) => (layer.high[i] ?? null) !== null));
		let slot = this.#slot < 0 ? Math.max(known, 0) : Math.min(Math.max(this.#slot + by, 0),
			times.length - 1);
		while (slot > 0 && times[slot] > until)
			slot--;
		while (slot < times.length - 1 && times[slot] < from)
			slot++;
		this.page.cursor(times[slot]);
		this.page.say(`${format_time(times[slot], until - from < 2 * 3600e3)}: ${this.#legend.as_text(slot)}`);
	}

	save_png() {
		return save_png(this, this.page.is_dark());
	}

	save_csv() {
		save_csv(this);
	}
}

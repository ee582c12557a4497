/** The page: holds its state, loads what is needed for it, keeps it fresh. Its parts know it as `page`. */
import { api_status } from './api.js';
import { frame_queue } from './dom.js';
import { Known } from './known.js';
import { Loader } from './loader.js';
import { notice_of } from './notice.js';
import { Panel } from './panel.js';
import { Sidebar } from './sidebar.js';
import { state_format, state_parse, state_window } from './state.js';
import { Topbar } from './topbar.js';
import { Trouble } from './trouble.js';
import { view_empty, view_heads, view_hosts, view_overview, view_plugin } from './views.js';

const MARGIN_PX = 250; // graphs this near to the view are drawn
const LEAST_REFRESH_S = 5;
const MOST_REFRESH_S = 60;
const EMPTY_REFRESH_S = 10; // of what has no value yet: a new plugin's first one may come any moment
const NOTICE_EVERY_MS = 60e3;
const LEAST_WINDOW_S = 60;
const LONGEST_WINDOW_S = 31622400;

export class Page {
	cursor_ms = null;
	known = new Known();
	loader = new Loader();
	panels = new Map(); // element → Panel
	#generation = 0; // of the view: what comes late for an older one is dropped
	#is_behind = true; // the view is not yet that of the state
	#refreshed_ms = -Infinity;
	#noticed_ms = -Infinity;
	#timer = 0;
	#cursor_frame = 0;
	#dark_media = matchMedia('(prefers-color-scheme: dark)');

	constructor() {
		this.state = state_parse(location.hash);
		this.main = document.getElementById('main');
		this.draw_later = frame_queue();
		this.observer = new IntersectionObserver((entries) => this.#seen(entries),
			{ rootMargin: `${MARGIN_PX}px 0px` });
		this.trouble = new Trouble({
			began: () => clearTimeout(this.#timer),
			ended: () => (this.#is_behind ? this.#render() : this.refresh()),
		});
		this.topbar = new Topbar(this);
		this.sidebar = new Sidebar(this, document.getElementById('side'));
		this.#show_theme();
		addEventListener('popstate', () => this.#apply(state_parse(location.hash)));
		addEventListener('hashchange', () => this.#apply(state_parse(location.hash)));
		addEventListener('keydown', (event) => this.#key(event));
		addEventListener('visibilitychange', () => this.#schedule());
		addEventListener('resize', () => this.draw_later(this, () => this.shown().forEach((p) => p.load())));
		this.#dark_media.addEventListener('change', () => this.#show_theme());
		document.getElementById('skip').addEventListener('click', (event) => {
			event.preventDefault();
			this.main.focus();
		});
		addEventListener('pointerdown', (event) => event.target.closest?.('#side, #drawer')
			|| this.close_drawer());
		document.getElementById('drawer').addEventListener('click',
			() => this.#drawer(!document.body.classList.contains('drawer-open')));
		this.topbar.update();
		this.#render();
	}

	// ---- state and address

	/** The address of the same page with some of its state changed. */
	link(patch) {
		return state_format({ ...this.state, ...patch });
	}

	navigate_to(patch) {
		this.navigate({ ...this.state, ...patch });
	}

	/** Go to a new state. What only changes looks takes no step of its own in the history. */
	navigate(state) {
		const hash = state_format(state);
		if (hash === state_format(this.state))
			return;
		const look = (s) => state_format({ ...s, hide: [], only: [], theme: '' });
		history[look(state) === look(this.state) ? 'replaceState' : 'pushState'](null, '', hash);
		this.#apply(state);
	}

	#apply(state) {
		const before = this.state;
		if (state_format(state) === state_format(before))
			return;
		this.state = state;
		const view = (s) => JSON.stringify([s.hosts, s.plugin, s.category]);
		const time = (s) => JSON.stringify([s.range, s.from, s.until]);
		this.topbar.update();
		this.sidebar.update();
		if (state.theme !== before.theme)
			this.#show_theme();
		if (view(state) !== view(before)) {
			scrollTo(0, 0);
			this.#render();
			return;
		}
		if (time(state) !== time(before)) {
			const { from_s, until_s } = this.window();
			this.preview([from_s * 1000, until_s * 1000]);
			this.shown().forEach((panel) => panel.load());
			this.#relink();
			this.#schedule();
		} else {
			this.shown().forEach((panel) => this.draw_later(panel, () => panel.redraw()));
		}
	}

	/** Links in the view carry the range along. */
	#relink() {
		for (const link of this.main.querySelectorAll('a[href^="#"]')) {
			const { range, from, until } = this.state;
			if (!link.closest('.hint'))
				link.href = state_format({ ...state_parse(link.getAttribute('href')), range, from,
					until });
		}
	}

	window(now_s = Math.floor(this.now_s())) {
		return state_window(this.state, now_s);
	}

	/** Show a window of time. @param {[number, number]} window_ms */
	go([from_ms, until_ms]) {
		const now = Math.ceil(this.now_s());
		const length = Math.round(Math.min(Math.max((until_ms - from_ms) / 1000, LEAST_WINDOW_S),
			LONGEST_WINDOW_S));
		const until = Math.min(Math.round((from_ms + until_ms) / 2000 + length / 2), now);
		this.navigate_to({ from: String(until - length), until: String(until) });
		if (this.state.until === String(until))
			this.preview([(until - length) * 1000, until * 1000]);
	}

	reset() {
		this.navigate_to({ from: '', until: '' });
	}

	/** Slide the charts in view without new values. */
	preview(window_ms) {
		this.cursor_ms = null;
		for (const panel of this.shown())
			if (panel.chart?.picture) {
				panel.set_cursor(null);
				panel.chart.set_window(window_ms);
			}
	}

	// ---- what the parts ask for

	get hosts() {
		return this.known.hosts;
	}

	get categories() {
		return this.known.categories;
	}

	/** The storage's clock, Unix seconds. */
	now_s() {
		return this.known.now_s();
	}

	host_name(host) {
		return this.known.host_name(host);
	}

	/** When a host, or one of its plugins, last sent a value; null: never, undefined: not known. */
	last_of(host, plugin) {
		return this.known.last_of(host, plugin);
	}

	info_of(host, plugin) {
		return this.known.info_of(host, plugin);
	}

	failed(error) {
		this.trouble.failed(error);
	}

	chart_height() {
		return this.state.plugin && this.state.hosts.length === 1 ? 340 : 190;
	}

	prefers_dark() {
		return this.#dark_media.matches;
	}

	is_dark() {
		return this.state.theme ? this.state.theme === 'dark' : this.prefers_dark();
	}

	#show_theme() {
		document.documentElement.dataset.theme = this.is_dark() ? 'dark' : 'light';
		this.shown().forEach((panel) => this.draw_later(panel, () => panel.redraw()));
	}

	/** Panels in view. */
	shown() {
		return [...this.panels.values()].filter((panel) => panel.in_view);
	}

	/** Put the cursor of all graphs at a time. @param {number|null} ms */
	cursor(ms) {
		this.cursor_ms = ms;
		this.#cursor_frame ||= requestAnimationFrame(() => {
			this.#cursor_frame = 0;
			this.shown().forEach((panel) => panel.set_cursor(this.cursor_ms));
		});
	}

	/** Have a screen reader say it. */
	say(text) {
		document.getElementById('say').textContent = text;
	}

	/** A panel has been drawn with values. */
	drawn(panel) {
		if (panel.n_slots && !performance.getEntriesByName('first-graph').length)
			performance.mark('first-graph');
	}

	// ---- loading

	async #render() {
		const generation = ++this.#generation;
		this.#is_behind = true;
		try {
			const { hosts, plugin } = this.state;
			const { lists } = await this.#read();
			if (generation !== this.#generation)
				return;
			this.#forget_panels();
			const panel_of = (host, name, info) => this.#add_panel(host, name, info);
			let view;
			if (hosts.length)
				view = view_hosts(this, new Map(hosts.map((host, i) => [host, lists[i]])), panel_of);
			else if (!Object.keys(this.hosts).length)
				view = view_empty();
			else
				view = plugin ? view_plugin(this, panel_of) : view_overview(this);
			this.main.replaceChildren(view);
			this.#enter_first();
			for (const element of this.panels.keys())
				this.observer.observe(element);
			this.#is_behind = false;
			document.title = [plugin, hosts.map((host) => this.host_name(host)).join(', '),
				'numeter'].filter(Boolean).join(' · ');
			this.#refreshed_ms = performance.now();
			this.#schedule();
		} catch (error) {
			this.failed(error);
		}
	}

	/** What the view needs to know, and the column of hosts. */
	async #read() {
		const read = await this.known.read(this.state.hosts);
		this.trouble.recovered();
		if (read.is_new)
			this.sidebar.fill();
		else
			this.sidebar.update();
		this.#notice();
		return read;
	}

	/** Nothing waits for it, and an older storage has no word for it. */
	async #notice() {
		if (performance.now() - this.#noticed_ms < NOTICE_EVERY_MS)
			return;
		this.#noticed_ms = performance.now();
		const notice = document.getElementById('notice');
		notice.textContent = notice_of(await api_status().catch(() => ({})));
		notice.hidden = !notice.textContent;
	}

	#add_panel(host, plugin, info) {
		const panel = new Panel(this, host, plugin, { show_host: this.state.hosts.length !== 1, info });
		this.panels.set(panel.element, panel);
		return panel.element;
	}

	#forget_panels() {
		this.observer.disconnect();
		this.panels.forEach((panel) => panel.leave());
		this.panels.clear();
		this.cursor_ms = null;
	}

	/** The graphs at the top need not wait until the observer has seen them. */
	#enter_first() {
		const elements = [...this.panels.keys()];
		const below = elements.findIndex((element) => element.getBoundingClientRect().top > innerHeight);
		elements.slice(0, below < 0 ? elements.length : below).forEach((element) =>
			this.panels.get(element).enter());
	}

	#seen(entries) {
		for (const entry of entries) {
			const panel = this.panels.get(entry.target);
			if (panel && entry.isIntersecting !== panel.in_view) {
				if (entry.isIntersecting)
					panel.enter();
				else
					panel.leave();
			}
		}
	}

	/** Values came. */
	answered(now_s) {
		this.known.take_clock(now_s);
		this.topbar.set_clock(Date.now());
		this.trouble.recovered();
		this.#schedule();
	}

	// ---- staying fresh

	/** How long values stay new: the step of the finest graph in view. */
	interval_ms() {
		const steps = this.shown().map((panel) => panel.step_s ?? EMPTY_REFRESH_S);
		return 1000 * Math.min(Math.max(Math.min(...steps, MOST_REFRESH_S), LEAST_REFRESH_S), MOST_REFRESH_S);
	}

	#schedule() {
		clearTimeout(this.#timer);
		if (document.hidden || this.trouble.is_on)
			return;
		const due = this.#refreshed_ms + this.interval_ms() - performance.now();
		this.#timer = setTimeout(() => this.refresh(), Math.max(due, 0));
	}

	/** Ask for everything in view again. */
	async refresh() {
		this.#refreshed_ms = performance.now();
		this.#schedule();
		try {
			if (this.state.hosts.length && !this.panels.size)
				this.known.forget(); // nothing to see yet: look whether there is now
			const { is_new } = await this.#read();
			const is_overview = !this.state.hosts.length && !this.state.plugin;
			if (is_new || (is_overview && !this.main.contains(document.activeElement))) {
				this.#render();
				return;
			}
			if (is_overview)
				return;
			view_heads(this);
			if (this.window().live)
				await Promise.all(this.shown().map((panel) => panel.load(true)));
			else
				this.shown().forEach((panel) => panel.load());
		} catch (error) {
			this.failed(error);
		}
	}

	// ---- keys, drawer

	#key(event) {
		const typing = event.target.closest?.('input, textarea, select');
		if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
			event.preventDefault();
			this.#drawer(true);
			this.sidebar.search.focus();
			this.sidebar.search.select();
		} else if (event.key === 'Escape') {
			this.close_drawer();
		}
	}

	#drawer(open) {
		document.body.classList.toggle('drawer-open', open);
		document.getElementById('drawer').setAttribute('aria-expanded', String(open));
	}

	close_drawer() {
		this.#drawer(false);
	}
}

window.numeter = new Page();

/** The bar at the top: tabs for the range, moving in time, the free range, refresh and theme. */
import { el } from './dom.js';
import { format_time } from './format.js';
import { RANGES } from './state.js';

const THEMES = { '': 'Theme: as the browser', dark: 'Theme: dark', light: 'Theme: light' };
const SIGNS = { '': '◐', dark: '●', light: '○' };

export class Topbar {
	#tabs = new Map();

	/** @param {import('./app.js').Page} page */
	constructor(page) {
		this.page = page;
		const ranges = document.getElementById('ranges');
		for (const [range, { label }] of Object.entries(RANGES)) {
			const tab = el('a', { class: 'tab', 'data-range': range, text: label });
			this.#tabs.set(range, tab);
			ranges.append(tab);
		}
		this.from = el('input', { type: 'datetime-local', step: '1', required: true });
		this.until = el('input', { type: 'datetime-local', step: '1' });
		this.error = el('p', { class: 'error', role: 'alert' });
		this.sign = el('summary', { text: 'Free range' });
		this.free = el('details', { class: 'free', on: { toggle: () => this.free.open && this.#fill() } },
			this.sign,
			el('form', { on: { submit: (event) => this.#apply(event) } },
				el('label', {}, 'From', this.from), el('label', {}, 'Until (empty: now)', this.until),
					this.error,
				el('button', { type: 'submit', text: 'Show' })));
		ranges.append(this.free);

		const button = (text, label, click, name) =>
			el('button', { type: 'button', 'aria-label': label, title: label, 'data-do': name,
			on: { click } }, text);
		this.theme = button('◐', THEMES[''], () => this.#next_theme(), 'theme');
		this.clock = el('span', { class: 'clock', title: 'When the values were last asked for' });
		this.reset = button('Reset', 'Back to the whole range', () => page.reset(), 'reset');
		document.getElementById('tools').append(this.reset,
			button('◀', 'Earlier', () => this.#move(-0.5, -0.5), 'earlier'),
			button('−', 'Zoom out', () => this.#move(-0.5, 0.5), 'out'),
				button('+', 'Zoom in', () => this.#move(0.25, -0.25), 'in'),
			button('▶', 'Later', () => this.#move(0.5, 0.5), 'later'),
				button('⟳', 'Refresh now', () => page.refresh(), 'refresh'),
			this.theme, this.clock);
	}

	update() {
		const { page } = this;
		for (const [range, tab] of this.#tabs) {
			tab.href = page.link({ range, from: '', until: '' });
			if (page.state.range === range && !page.state.from)
				tab.setAttribute('aria-current', 'page');
			else
				tab.removeAttribute('aria-current');
		}
		this.reset.hidden = !page.state.from;
		const { from_s, until_s, live } = page.window();
		this.sign.textContent = page.state.from
			? `${format_time(from_s * 1000)} – ${page.state.until ? format_time(until_s * 1000) : 'now'}`
			: 'Free range';
		this.free.classList.toggle('chosen', Boolean(page.state.from));
		this.theme.textContent = SIGNS[page.state.theme];
		this.theme.setAttribute('aria-label', THEMES[page.state.theme]);
		this.theme.title = THEMES[page.state.theme];
		this.clock.classList.toggle('still', !live);
		document.getElementById('home').href = page.link({ hosts: [], plugin: '', category: '', hide: [],
			only: [] });
	}

	/** @param {number} ms  when values came */
	set_clock(ms) {
		this.clock.textContent = new Date(ms).toTimeString().slice(0, 8);
	}

	#fill() {
		const { from_s, until_s } = this.page.window();
		this.from.value = format_time(from_s * 1000, true).replace(' ', 'T');
		this.until.value = this.page.state.until ? format_time(until_s * 1000, true).replace(' ', 'T') : '';
		this.error.textContent = '';
		this.from.focus();
	}

	#apply(event) {
		event.preventDefault();
		const seconds = (input) => Math.floor(new Date(input.value).getTime() / 1000);
		const from = seconds(this.from);
		const until = this.until.value ? seconds(this.until) : null;
		if (!(from >= 0) || from >= (until ?? this.page.now_s())) {
			this.error.textContent = until === null ? 'From must be a time before now.'
				: 'From must be a time before Until.';
			return;
		}
		this.free.open = false;
		this.page.navigate_to({ from: String(from), until: until === null ? '' : String(until) });
	}

	#move(a, b) {
		const { from_s, until_s } = this.page.window();
		const length = until_s - from_s;
		this.page.go([(from_s + a * length) * 1000, (until_s + b * length) * 1000]);
	}

	#next_theme() {
		const order = this.page.prefers_dark() ? ['', 'light', 'dark'] : ['', 'dark', 'light'];
		const theme = order[(order.indexOf(this.page.state.theme) + 1) % order.length];
		this.page.navigate_to({ theme });
	}
}

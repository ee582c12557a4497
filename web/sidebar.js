/** The column of hosts: search, a dot for how each one is, a button that puts it beside those already shown. */
import { el, unseen } from './dom.js';
import { format_span } from './format.js';
import { by_name } from './definition.js';
import { state_of_host } from './state.js';

export const STATUS = {
	fresh: 'sending', late: 'late', silent: 'silent', never: 'no value yet',
};
const MOST_BESIDE = 100;

export class Sidebar {
	#rows = new Map(); // host → {item, link, dot, add, text}
	#shown = [];

	/** @param {import('./app.js').Page} page @param {HTMLElement} box */
	constructor(page, box) {
		this.page = page;
		this.search = el('input', { type: 'search', id: 'search', placeholder: 'Search hosts  ( / )',
			autocomplete: 'off', spellcheck: 'false',
			'aria-label': 'Search hosts', 'aria-controls': 'hosts', on: {
				input: () => this.filter(),
				keydown: (event) => this.#key(event),
			} });
		this.count = el('p', { class: 'count', role: 'status' });
		this.beside = el('button', { type: 'button', class: 'beside', hidden: true,
			on: { click: () => this.#all_beside() } });
		this.list = el('ul', { id: 'hosts', class: 'hosts' });
		box.append(el('div', { class: 'find' }, this.search, this.count, this.beside), this.list);
	}

	/** The hosts changed. */
	fill() {
		const { page } = this;
		const names = Object.keys(page.hosts).sort((a, b) => by_name(page.host_name(a), page.host_name(b))
			|| by_name(a, b));
		const gone = new Set(this.#rows.keys());
		for (const host of names) {
			gone.delete(host);
			const own = this.#rows.get(host) ?? this.#row_of(host);
			const { ID, Description, Name } = page.hosts[host] ?? {};
			own.text = [host, Name, ID, Description].filter(Boolean).join(' ').toLowerCase();
			own.name.textContent = page.host_name(host);
			own.link.title = [host, Description].filter(Boolean).join('\n');
			this.#rows.set(host, own);
			this.list.append(own.item);
		}
		gone.forEach((host) => {
			this.#rows.get(host).item.remove();
			this.#rows.delete(host);
		});
		this.filter();
		this.update();
	}

	#row_of(host) {
		const dot = el('span', { class: 'dot' });
		const name = el('span', { class: 'host-name' });
		const state = unseen('');
		const link = el('a', { on: { click: () => this.page.close_drawer() } }, dot, name, state);
		const add = el('button', { type: 'button', class: 'add', 'aria-pressed': 'false',
			title: 'Show beside the others',
			on: { click: () => this.page.navigate_to({ hosts: this.#with(host),
				category: this.page.state.category }) } },
		el('span', { 'aria-hidden': 'true', text: '+' }),
			unseen(`Show ${this.page.host_name(host)} beside the others`));
		return { item: el('li', { 'data-host': host }, link, add), link, dot, name, state, add, text: '' };
	}

	#with(host) {
		const { hosts } = this.page.state;
		return hosts.includes(host) ? hosts.filter((h) => h !== host) : [...hosts, host];
	}

	/** States, links and what is chosen. */
	update() {
		const { page } = this;
		for (const [host, own] of this.#rows) {
			const last = page.last_of(host);
			const state = state_of_host(last, page.now_s());
			own.dot.className = `dot ${state}`;
			own.dot.title = STATUS[state] + (last ? `, last seen ${format_span(page.now_s() - last)} ago`
				: '');
			own.state.textContent = `, ${own.dot.title}`;
			own.link.href = page.link({ hosts: [host], plugin: '', category: '', hide: [], only: [] });
			const chosen = page.state.hosts.includes(host);
			if (chosen)
				own.link.setAttribute('aria-current', 'true');
			else
				own.link.removeAttribute('aria-current');
			own.add.setAttribute('aria-pressed', String(chosen));
			own.add.firstChild.textContent = chosen ? '✓' : '+';
		}
	}

	/** Show only hosts with every word of the search in name, ID or description. */
	filter() {
		const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
		this.#shown = [];
		for (const [host, own] of this.#rows) {
			own.item.hidden = !words.every((word) => own.text.includes(word));
			if (!own.item.hidden)
				this.#shown.push(host);
		}
		const n = this.#shown.length;
		const all = this.#rows.size;
		this.count.textContent = words.length ? `${n} of ${all} hosts`
			: `${all} ${all === 1 ? 'host' : 'hosts'}`;
		this.beside.hidden = !words.length || n < 2 || n > MOST_BESIDE;
		this.beside.textContent = `Show these ${n} side by side`;
	}

	#all_beside() {
		this.page.close_drawer();
		this.page.navigate_to({ hosts: this.#shown, category: '' });
	}

	#key(event) {
		const links = [...this.list.querySelectorAll('li:not([hidden]) > a')];
		if (event.key === 'Enter' && links.length) {
			links[0].click();
		} else if (event.key === 'ArrowDown' && links.length) {
			links[0].focus();
			event.preventDefault();
		} else if (event.key === 'Escape') {
			this.search.value = '';
			this.filter();
		}
	}
}

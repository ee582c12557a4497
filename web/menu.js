/** What else can be done with one graph: the menu at its head, and its last values as a table. */
import { api_link } from './api.js';
import { el, unseen } from './dom.js';
import { format_number, format_time } from './format.js';

const RES = { day: 'Daily', week: 'Weekly', month: 'Monthly', year: 'Yearly' };
const N_ROWS = 20;

/** @param {import('./panel.js').Panel} panel @returns {HTMLElement} */
export function panel_menu(panel) {
	const { page, host, plugin } = panel;
	const item = (text, click, name) => el('button', { type: 'button', 'data-do': name, on: { click: () => {
		menu.open = false;
		click();
	} } }, text);
	const picture = (kind) => el('a', { target: '_blank', rel: 'noopener' },
		`Picture made by the storage (${kind.toUpperCase()})`);
	const svg = picture('svg');
	const png = picture('png');
	const all = el('a', { 'data-do': 'all-hosts' }, 'This plugin on all hosts');
	const link = el('a', { 'data-do': 'alone' }, 'This graph alone');
	const menu = el('details', { class: 'menu', on: {
		toggle: () => {
			const query = { host, plugin, res: RES[page.state.range] ?? 'Daily' };
			svg.href = api_link('graph.svg', query);
			png.href = api_link('graph.png', query);
			all.href = page.link({ hosts: [], plugin, category: '' });
			link.href = page.link({ hosts: [host], plugin, category: '' });
		},
		keydown: (event) => {
			if (event.key === 'Escape' && menu.open) {
				menu.open = false;
				menu.firstChild.focus();
				event.stopPropagation();
			}
		},
		focusout: (event) => {
			if (event.relatedTarget && !menu.contains(event.relatedTarget))
				menu.open = false;
		},
	} },
	el('summary', {}, el('span', { 'aria-hidden': 'true', text: '⋯' }),
		unseen(`More for ${panel.definition.title}`)),
	el('div', { class: 'items' },
		item('Save as PNG', () => panel.save_png(), 'png'), item('Save as CSV', () => panel.save_csv(), 'csv'),
		item('Last values as a table', () => panel_table(panel, !panel.table), 'table'), link, all, svg, png));
	return menu;
}

/** Show, refresh or take away the table of the last values. @param {boolean} shown */
export function panel_table(panel, shown) {
	const scrolled = panel.table?.scrollTop ?? 0;
	panel.table?.remove();
	panel.table = null;
	if (!shown)
		return;
	const layers = panel.layers.filter((layer) => !layer.hidden);
	const times = panel.times_s;
	const rows = [];
	for (let i = times.length - 1; i >= 0 && rows.length < N_ROWS; i--)
		rows.push(el('tr', {}, el('th',
			{ scope: 'row', text: format_time(times[i] * 1000, panel.step_s % 60 !== 0) }),
			...layers.map((layer) =>
				el('td', { text: format_number(layer.value[i], panel.definition.base) }))));
	panel.table = el('div', { class: 'values', tabindex: '0', role: 'region',
		'aria-label': `Last values of ${panel.definition.title}` },
		el('table', {}, el('caption',
			{ text: `Last values, newest first${panel.definition.unit ? `, in ${panel.definition.unit}` : ''}` }),
			el('thead', {}, el('tr', {}, el('th', { scope: 'col', text: 'Time' }),
				...layers.map((layer) => el('th', { scope: 'col', text: layer.series.label })))),
			el('tbody', {}, ...rows)));
	panel.element.append(panel.table);
	panel.table.scrollTop = scrolled;
}

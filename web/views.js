/** What the middle of the page shows: the overview of all hosts, or the graphs of some. */
import { el } from './dom.js';
import { by_name, plugins_by_category } from './definition.js';
import { format_span, format_time } from './format.js';
import { STATUS } from './sidebar.js';
import { state_of_host } from './state.js';

const WORST_FIRST = ['silent', 'late', 'never', 'fresh'];
const WORDS = { fresh: 'sending', late: 'late', silent: 'silent', never: 'without a value yet' };

/** When a host last sent, as text. */
export function seen_text(page, last_s) {
	return last_s ? `last seen ${format_time(last_s * 1000)}, ${format_span(page.now_s() - last_s)} ago`
		: 'no value seen yet';
}

/** Nothing is stored at all: how to begin. */
export function view_empty() {
	const target = new URL('../ingest', document.baseURI).href;
	const example = `curl ${target} -H 'Content-Type: application/json' -d '[
  {"hostid": "myhost", "type": "info", "plugin": "MyInfo",
   "message": {"Plugin": "MyInfo", "ID": "myhost", "Name": "myhost", "Description": "my first host"}},
  {"hostid": "myhost", "type": "info", "plugin": "tea",
   "message": {"Plugin": "tea", "Title": "Tea", "Vlabel": "cups", "Infos": {"cups": {"id": "cups"}}}},
  {"hostid": "myhost", "type": "data", "plugin": "tea",
   "message": {"TimeStamp": "'$(date +%s)'", "Plugin": "tea", "Values": {"cups": 2}}}]'`;
	return el('section', { class: 'hint' }, el('h1', { text: 'No host yet' }),
		el('p', { text: 'This storage has not got a message so far. Point a numeter poller at its message broker and put the ' +
			'host into the host-list, or, with http_ingest = true, send the first value by hand:' }),
		el('pre', { tabindex: '0' }, el('code', { text: example })),
		el('p', { text: 'The page looks again by itself.' }));
}

/** Rows of the overview, those that need a look first. */
function host_rows(page) {
	return Object.keys(page.hosts).map((host) => {
		const last = page.last_of(host);
		return { host, last, state: state_of_host(last, page.now_s()) };
	}).sort((a, b) => WORST_FIRST.indexOf(a.state) - WORST_FIRST.indexOf(b.state)
		|| by_name(page.host_name(a.host), page.host_name(b.host)));
}

/** @param {import('./app.js').Page} page */
export function view_overview(page) {
	const rows = host_rows(page);
	const counts = WORST_FIRST.map((state) =>
		[state, rows.filter((row) => row.state === state).length]).filter(([, n]) => n);
	const plugins = Object.entries(page.categories).sort(([a], [b]) => by_name(a, b));
	return el('div', { class: 'overview' },
		el('h1', { text: 'Hosts' }),
		el('p', { class: 'counts' }, ...counts.map(([state, n]) => el('span', { class: 'number' },
			el('span', { class: `dot ${state}` }), `${n} ${WORDS[state]}`))),
		el('div', { class: 'scroll' },
			el('table', { class: 'table' },
			el('caption', { class: 'unseen', text: 'All hosts, those that need a look first' }),
			el('thead', {}, el('tr', {},
				...['State', 'Host', 'Last seen', 'Description',
				'ID'].map((text) => el('th', { scope: 'col', text })))),
			el('tbody', {}, ...rows.map(({ host, last, state }) => el('tr', { 'data-host': host },
				el('td', {}, el('span', { class: `dot ${state}` }), STATUS[state]),
				el('th', { scope: 'row' },
					el('a', { href: page.link({ hosts: [host] }), text: page.host_name(host) })),
				el('td', { text: last ? `${format_span(page.now_s() - last)} ago` : 'never',
					title: last ? format_time(last * 1000, true) : null }),
				el('td', { text: page.hosts[host]?.Description ?? '' }),
					el('td', { class: 'id', text: host })))))),
		plugins.length ? el('section', {}, el('h2', { text: 'One plugin on all hosts' }),
			el('dl', { class: 'plugins' },
				...plugins.flatMap(([category, names]) => [el('dt', { text: category }),
				el('dd', {}, ...[...names].sort(by_name).map((plugin) =>
					el('a', { href: page.link({ plugin }), text: plugin })))]))) : null);
}

/** The head of one host; short when it stands among others. */
function host_head(page, host) {
	const several = page.state.hosts.length > 1;
	const last = page.last_of(host);
	const state = state_of_host(last, page.now_s());
	const { Description } = page.hosts[host] ?? {};
	const name = page.host_name(host);
	return el('div', { class: 'host-head', 'data-host': host },
		el('p', {}, el('span', { class: `dot ${state}` }), el('strong', { text: name }), ' ',
			el('span', { class: 'quiet', text:
			several ? '' : [host === name ? '' : host, Description].filter(Boolean).join(' · ') }), ' ',
		el('span', { class: 'seen', text: several && last ? `${format_span(page.now_s() - last)} ago`
			: seen_text(page, last) })),
		state === 'silent' ? el('p', { class: 'hint silent' }, `${name} is silent: ${seen_text(page, last)}. `,
			el('a', { href: page.link({ from: String(last - 86400), until: String(last + 60) }),
				text: 'Show its last day' })) : null);
}

/** Fresh heads, when it is known anew who was seen when. */
export function view_heads(page) {
	for (const old of document.querySelectorAll('.host-head'))
		if (!old.contains(document.activeElement))
			old.replaceWith(host_head(page, old.dataset.host));
}

/**
 * Hosts with their plugins by category. With several hosts the same plugin of each stands side by side.
 * @param {import('./app.js').Page} page
 * @param {Map<string, object>} lists  host → plugin → info
 * @param {(host: string, plugin: string, info: object|null) => HTMLElement} panel_of
 */
export function view_hosts(page, lists, panel_of) {
	const { hosts, plugin, category } = page.state;
	const all = {};
	for (const list of lists.values())
		for (const [name, info] of Object.entries(list))
			all[name] ??= info;
	const groups = plugins_by_category(all).map((group) => ({ ...group,
		plugins: group.plugins.filter((name) => !plugin || name === plugin) }))
		.filter((group) => group.plugins.length && (!category || plugin || group.category === category));
	const several = hosts.length > 1;
	const title = several ? `${hosts.length} hosts` : page.host_name(hosts[0]);
	const sections = groups.map((group) => {
		const heading = el('h2', { tabindex: '-1' },
			el('a', { href: page.link({ category: group.category, plugin: '' }), text: group.category }));
		const part = el('section', { 'data-category': group.category, 'aria-label': group.category }, heading);
		const rows = several ? group.plugins : [null];
		for (const row of rows) {
			const panels = row ? hosts.filter((host) => lists.get(host)?.[row]).map((host) =>
				panel_of(host, row, lists.get(host)[row]))
				: group.plugins.map((name) => panel_of(hosts[0], name, all[name]));
			part.append(grid_of(panels, several ? hosts.length : 0, plugin && !several));
		}
		return part;
	});
	return el('div', { class: plugin ? 'graphs one' : 'graphs' },
		el('h1', { class: several ? '' : 'unseen', text: plugin ? `${plugin} of ${title}` : title }),
		el('div', { class: several ? 'heads several' : 'heads' },
			...hosts.map((host) => host_head(page, host))),
		anchors(page, groups, sections, Object.keys(all).length), ...sections,
			sections.length ? null : nothing(page, Object.keys(all).length));
}

/** @param {number} n_hosts  side by side, 0: of one host @param {boolean} alone  a single large graph */
function grid_of(panels, n_hosts, alone) {
	const grid = el('div', { class: `grid${n_hosts ? ' together' : ''}${alone ? ' alone' : ''}` }, ...panels);
	grid.style.setProperty('--n', Math.max(n_hosts, 1));
	return grid;
}

function anchors(page, groups, sections, n_plugins) {
	const { plugin, category } = page.state;
	if (plugin || category)
		return el('nav', { class: 'anchors', 'aria-label': 'Categories' },
			el('a', { href: page.link({ plugin: '', category: '' }), text: `← all ${n_plugins} graphs` }));
	if (groups.length < 2)
		return null;
	return el('nav', { class: 'anchors', 'aria-label': 'Categories' }, ...groups.map((group, i) => el('button', {
		type: 'button', 'data-anchor': group.category, on: { click: () => {
			sections[i].scrollIntoView({ block: 'start' });
			sections[i].querySelector('h2').focus({ preventScroll: true });
		} },
	}, group.category, el('span', { class: 'quiet', text: ` ${group.plugins.length}` }))));
}

function nothing(page, n_plugins) {
	const { hosts, plugin, category } = page.state;
	if (hosts.every((host) => !page.hosts[host]) && !n_plugins)
		return el('p', { class: 'hint',
			text: 'This host is not known to the storage. Perhaps the link is old?' });
	if (plugin || category)
		return el('p', { class: 'hint',
			text: `There is no ${plugin ? `plugin ${plugin}` : `category ${category}`} here.` });
	return el('p', { class: 'hint', text: 'This host has sent no plugin yet. A poller tells of its plugins every five minutes; ' +
		'the page looks again by itself.' });
}

/** One plugin on every host. Hosts without it step aside once that is known. */
export function view_plugin(page, panel_of) {
	const { plugin } = page.state;
	const hosts = Object.keys(page.hosts).sort((a, b) => by_name(page.host_name(a), page.host_name(b)));
	return el('div', { class: 'graphs one' }, el('h1', { text: `${plugin} on all hosts` }),
		grid_of(hosts.map((host) => panel_of(host, plugin, null)), hosts.length, false));
}

/**
 * What the page shows, as the text behind `#` in its address: every view can be linked, and Back works.
 *
 * @typedef {object} State
 * @property {string[]} hosts  hostIDs; several: side by side. Empty: the overview, or with `plugin` all hosts
 * @property {string} plugin  only this plugin; '' all
 * @property {string} category  only this category; '' all
 * @property {string} range  a key of RANGES
 * @property {string} from  free range: Unix seconds or `-6h`; '' none, then `range` counts
 * @property {string} until  Unix seconds; '' now
 * @property {string[]} hide  hidden series, `plugin/ds`
 * @property {string[]} only  of these plugins nothing else is shown, `plugin/ds`
 * @property {''|'dark'|'light'} theme  '' as the browser prefers
 */

/** The tabs. `query` is what is asked; `seconds` how long the window is. */
export const RANGES = {
	hour: { label: 'Hour', seconds: 3600, query: { from: '-1h' } },
	day: { label: 'Day', seconds: 86400, query: { res: 'Daily' } },
	week: { label: 'Week', seconds: 604800, query: { res: 'Weekly' } },
	month: { label: 'Month', seconds: 2678400, query: { res: 'Monthly' } },
	year: { label: 'Year', seconds: 31622400, query: { res: 'Yearly' } },
};

const UNITS = { s: 1, min: 60, h: 3600, d: 86400, w: 604800, mon: 2592000, y: 31536000 };

/** @returns {State} */
export function state_empty() {
	return { hosts: [], plugin: '', category: '', range: 'day', from: '', until: '', hide: [], only: [],
		theme: '' };
}

/** Seconds of `-6h`; null when it is none. */
function back_seconds(text) {
	const given = /^-(\d{1,6})(s|min|h|d|w|mon|y)$/.exec(text);
	return given ? Number(given[1]) * UNITS[given[2]] : null;
}

function is_time(text) {
	return /^\d{1,11}$/.test(text) || back_seconds(text) !== null;
}

/** What cannot be read is left out: an old or mistyped link shows something. @param {string} hash @returns {State} */
export function state_parse(hash) {
	const given = new URLSearchParams(hash.replace(/^#/, ''));
	const state = state_empty();
	state.hosts = [...new Set(given.getAll('host').filter(Boolean))];
	state.plugin = given.get('plugin') ?? '';
	state.category = given.get('category') ?? '';
	if (Object.hasOwn(RANGES, given.get('range') ?? ''))
		state.range = given.get('range');
	if (is_time(given.get('from') ?? '')) {
		state.from = given.get('from');
		const until = given.get('until') ?? '';
		if (/^\d{1,11}$/.test(until) && (back_seconds(state.from) !== null
			|| Number(until) > Number(state.from)))
			state.until = until;
	}
	const pairs = (name) => [...new Set(given.getAll(name).filter((pair) => pair.includes('/')))];
	state.hide = pairs('hide');
	state.only = pairs('only');
	if (['dark', 'light'].includes(given.get('theme')))
		state.theme = given.get('theme');
	return state;
}

/** @param {State} state @returns {string} with its `#`, without what is as usual */
export function state_format(state) {
	const out = new URLSearchParams();
	state.hosts.forEach((host) => out.append('host', host));
	for (const key of ['plugin', 'category'])
		if (state[key])
			out.set(key, state[key]);
	if (state.range !== 'day')
		out.set('range', state.range);
	if (state.from) {
		out.set('from', state.from);
		if (state.until)
			out.set('until', state.until);
	}
	state.hide.forEach((pair) => out.append('hide', pair));
	state.only.forEach((pair) => out.append('only', pair));
	if (state.theme)
		out.set('theme', state.theme);
	return `#${out}`;
}

/**
 * The window of time that a state asks for.
 * @param {State} state
 * @param {number} now_s  the storage's clock
 * @returns {{from_s: number, until_s: number, live: boolean, query: Object<string, string>}}
 *          live: it ends now, so new values belong into it
 */
export function state_window(state, now_s) {
	if (!state.from) {
		const range = RANGES[state.range];
		return { from_s: now_s - range.seconds, until_s: now_s, live: true, query: range.query };
	}
	const until_s = state.until ? Number(state.until) : now_s;
	const back = back_seconds(state.from);
	const from_s = Math.min(back === null ? Number(state.from) : until_s - back, until_s - 1);
	const query = { from: back !== null && !state.until ? state.from : String(from_s) };
	if (state.until)
		query.until = state.until;
	return { from_s, until_s, live: !state.until || until_s >= now_s, query };
}

const of_plugin = (pairs, plugin) => pairs.filter((pair) => pair.startsWith(`${plugin}/`));
const not_of_plugin = (pairs, plugin) => pairs.filter((pair) => !pair.startsWith(`${plugin}/`));

/** @returns {boolean} whether the reader has put this series away */
export function state_is_hidden(state, plugin, ds) {
	const only = of_plugin(state.only, plugin);
	return only.length ? !only.includes(`${plugin}/${ds}`) : state.hide.includes(`${plugin}/${ds}`);
}

/** Hide one series, or show it again. @returns {State} a new one */
export function state_toggle(state, plugin, ds) {
	const pair = `${plugin}/${ds}`;
	const flip = (pairs) => (pairs.includes(pair) ? pairs.filter((p) => p !== pair) : [...pairs, pair]);
	return of_plugin(state.only, plugin).length ? { ...state, only: flip(state.only) }
		: { ...state, hide: flip(state.hide) };
}

/** Show one series alone, or all again when it is. @returns {State} a new one */
export function state_solo(state, plugin, ds) {
	const only = of_plugin(state.only, plugin);
	const alone = only.length === 1 && only[0] === `${plugin}/${ds}`;
	return {
		...state, hide: not_of_plugin(state.hide, plugin),
		only: [...not_of_plugin(state.only, plugin), ...(alone ? [] : [`${plugin}/${ds}`])],
	};
}

/**
 * How a host is: `fresh` sent within 5 minutes, `late` within the hour, `silent` longer ago, `never` no value at all.
 * @param {number|null|undefined} last_s  @param {number} now_s
 */
export function state_of_host(last_s, now_s) {
	if (last_s === null || last_s === undefined)
		return 'never';
	const age = now_s - last_s;
	return age <= 300 ? 'fresh' : age <= 3600 ? 'late' : 'silent';
}

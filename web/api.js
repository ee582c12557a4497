/** The storage's HTTP API (docs/api.md), relative to the page: it works behind any prefix. */

const TIMEOUT_MS = 20e3;
const early = new Map(); // link → promise of its JSON

/** The storage does not answer, or says that it cannot now: worth another try. */
export class Away extends Error {}

/** It answered, and trying again would not help. `status` is the HTTP status. */
export class Refused extends Error {
	constructor(status, detail) {
		super(detail);
		this.status = status;
	}
}

/**
 * @param {string} path  below /numeter-storage/
 * @param {Array<[string, string]>|object} [parameters]  repeated names as pairs
 * @returns {Promise<any>} the JSON
 * @throws {Away|Refused}
 */
export function api_get(path, parameters = {}) {
	const link = api_link(path, parameters);
	const asked = early.get(link);
	early.delete(link);
	return asked ?? get(link);
}

/** Ask now what api_get() will be asked soon: it gets this answer, once. */
export function api_ask_early(path, parameters = {}) {
	const link = api_link(path, parameters);
	early.set(link, get(link));
	early.get(link).catch(() => {}); // who takes it sees the failure
}

async function get(link) {
	let reply;
	try {
		reply = await fetch(link, { signal: AbortSignal.timeout(TIMEOUT_MS), cache: 'no-cache' });
	} catch (error) {
		throw new Away(error.name === 'TimeoutError' ? `no answer within ${TIMEOUT_MS / 1000} s`
			: 'it cannot be reached');
	}
	if (reply.status >= 500)
		throw new Away(`it answered ${reply.status} ${(await detail_of(reply))}`.trim());
	if (!reply.ok)
		throw new Refused(reply.status, await detail_of(reply));
	try {
		return await reply.json();
	} catch {
		throw new Away('its answer ended early or is no JSON');
	}
}

async function detail_of(reply) {
	try {
		const said = await reply.json();
		return said.detail || said.error || '';
	} catch {
		return '';
	}
}

/** @returns {string} a relative link into the API */
export function api_link(path, query = '') {
	const text = typeof query === 'string' ? query : new URLSearchParams(query).toString();
	return `../${path}${text ? `?${text}` : ''}`;
}

/** hostID → MyInfo */
export const api_hosts = () => api_get('hosts');

/** plugin → info of one host */
export const api_list = (host) => api_get('list', { host });

/** One plugin's info, {} when there is none. */
export const api_info = (host, plugin) => api_get('info', { host, plugin });

/** {now, hosts: {hostID: Unix seconds | null}} */
/** What its administrator should know. */
export const api_status = () => api_get('status');
export const api_last_seen = () => api_get('last-seen');

/** {now, host, last, plugins: {plugin: Unix seconds}} */
export const api_last_seen_of = (host) => api_get('last-seen', { host });

/** {category: [plugin]} over all hosts */
export const api_categories = () => api_get('categories');

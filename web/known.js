/** What the page knows of the storage: hosts and their plugins, who was seen when, and its clock. */
import { api_categories, api_hosts, api_info, api_last_seen, api_last_seen_of, api_list, Refused } from './api.js';

const READ_EVERY_MS = 300e3; // hosts and plugins' infos change seldom

/** What an older storage does not know of is done without. */
function optional(promise, otherwise) {
	return promise.catch((error) => {
		if (error instanceof Refused)
			return otherwise;
		throw error;
	});
}

export class Known {
	/** hostID → MyInfo */
	hosts = {};
	/** category → plugins, over all hosts; read when the overview needs it */
	categories = {};
	#last = {}; // hostID → Unix seconds or null
	#last_plugins = new Map(); // hostID → plugin → Unix seconds or null
	#lists = new Map(); // hostID → plugin → info
	#skew_s = 0;
	#read_ms = -Infinity;

	/** The storage's clock, Unix seconds. */
	now_s() {
		return Date.now() / 1000 + this.#skew_s;
	}

	take_clock(now_s) {
		const skew = now_s - Date.now() / 1000;
		this.#skew_s = Math.abs(skew - this.#skew_s) > 2 ? skew : this.#skew_s;
	}

	host_name(host) {
		return this.hosts[host]?.Name || host;
	}

	/** When a host, or one of its plugins, last sent a value; null: never, undefined: not known. */
	last_of(host, plugin) {
		const plugins = this.#last_plugins.get(host) ?? {};
		return plugin !== undefined && Object.hasOwn(plugins, plugin) ? plugins[plugin] : this.#last[host];
	}

	/** @returns {Promise<object>} {} when there is none */
	async info_of(host, plugin) {
		const list = this.#lists.get(host);
		return list ? list[plugin] ?? {} : api_info(host, plugin);
	}

	/** Read everything anew next time. */
	forget() {
		this.#read_ms = -Infinity;
	}

	/**
	 * Who was seen when; after a while hosts and lists too.
	 * @param {string[]} hosts  whose plugins are wanted
	 * @returns {Promise<{lists: Array<Object<string, object>>, is_new: boolean}>}  plugin → info of each host;
	 * whether
	 *          hosts or plugins are others than before
	 */
	async read(hosts) {
		const before = this.#what();
		const old = performance.now() - this.#read_ms > READ_EVERY_MS || !Object.keys(this.hosts).length;
		const all = old ? api_hosts() : this.hosts;
		const seen = optional(api_last_seen(), null);
		const categories = old && !hosts.length ? optional(api_categories(), {}) : this.categories;
		const lists = Promise.all(hosts.map((host) => this.#list_of(host, old)));
		[this.hosts, this.categories] = await Promise.all([all, categories, seen, lists]);
		const { now, hosts: last } = (await seen) ?? {};
		if (last) {
			this.#last = last;
			this.take_clock(now);
		}
		if (old)
			this.#read_ms = performance.now();
		return { lists: await lists, is_new: before !== this.#what() };
	}

	/** Plugins of a host: those with an info, and those that only sent values. */
	async #list_of(host, again) {
		if (this.#lists.has(host) && !again)
			return this.#lists.get(host);
		const [list, seen] = await Promise.all([api_list(host), optional(api_last_seen_of(host), null)]);
		const plugins = seen?.plugins ?? {};
		this.#last_plugins.set(host, plugins);
		const all = { ...Object.fromEntries(Object.keys(plugins).map((plugin) => [plugin, {}])), ...list };
		this.#lists.set(host, all);
		return all;
	}

	#what() {
		return JSON.stringify([this.hosts, [...this.#lists].map(([host, list]) => [host, Object.keys(list)])]);
	}
}

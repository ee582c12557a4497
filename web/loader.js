/**
 * Asks for values, many graphs in one request. What is asked for in one go goes out together: one
 * host with its plugins, or hosts that want the same plugins, at most BATCH graphs in a request.
 *
 * @typedef {object} Answer
 * @property {number} now_s  the storage's clock
 * @property {{TS_start: number, TS_step: number, DATAS: Object<string, Array<number|null>>}|null} values  null: none
 * stored
 */
import { api_get, Refused } from './api.js';

const BATCH = 24; // the storage takes 100; smaller ones bring the first graphs sooner
const AT_ONCE = 3;

export class Loader {
	#wanted = new Map(); // kind of request → host → plugin → [{resolve, reject}]
	#ready = [];
	#running = 0;
	#scheduled = false;

	/** Requests sent so far, for tests and the curious. */
	n_requests = 0;

	/**
	 * @param {string} host
	 * @param {string} plugin
	 * @param {Object<string, string>} query  res, or from and until
	 * @param {number} max_points
	 * @returns {Promise<Answer>}
	 */
	values(host, plugin, query, max_points) {
		const kind = new URLSearchParams({ ...query, max_points }).toString();
		return new Promise((resolve, reject) => {
			const hosts = this.#wanted.get(kind) ?? new Map();
			const plugins = hosts.get(host) ?? new Map();
			this.#wanted.set(kind, hosts);
			hosts.set(host, plugins);
			plugins.set(plugin, [...(plugins.get(plugin) ?? []), { resolve, reject }]);
			if (!this.#scheduled) {
				this.#scheduled = true;
				queueMicrotask(() => this.#collect());
			}
		});
	}

	#collect() {
		this.#scheduled = false;
		for (const [kind, hosts] of this.#wanted)
			for (const batch of batches_of(hosts, BATCH))
				this.#ready.push({ kind, ...batch });
		this.#wanted.clear();
		this.#run();
	}

	#run() {
		while (this.#running < AT_ONCE && this.#ready.length) {
			this.#running++;
			this.#ask(this.#ready.shift()).finally(() => {
				this.#running--;
				this.#run();
			});
		}
	}

	async #ask({ kind, hosts, plugins, waiting }) {
		this.n_requests++;
		try {
			const reply = await api_get('values',
				[...hosts.map((h) => ['host', h]), ...plugins.map((p) => ['plugin', p]),
				...new URLSearchParams(kind)]);
			const found = new Map(reply.results.map((r) => [`${r.host}/${r.plugin}`, r]));
			for (const { host, plugin, resolve } of waiting)
				resolve({ now_s: reply.now, values: found.get(`${host}/${plugin}`) ?? null });
		} catch (error) {
			const half = halves_of({ hosts, plugins, waiting });
			if (error instanceof Refused && half) // too many data sources for one reply
				half.forEach((batch) => this.#ready.push({ kind, ...batch }));
			else
				waiting.forEach(({ reject }) => reject(error));
		}
	}
}

/**
 * @param {Map<string, Map<string, object[]>>} hosts  host → plugin → those who wait
 * @param {number} most  host × plugin in one batch
 * @returns {Array<{hosts: string[], plugins: string[], waiting: object[]}>}
 */
export function batches_of(hosts, most) {
	const same = new Map(); // the same plugins are wanted of these hosts
	for (const [host, plugins] of hosts) {
		const names = [...plugins.keys()];
		const key = JSON.stringify(names.sort());
		same.set(key, { names, hosts: [...(same.get(key)?.hosts ?? []), host] });
	}
	const batches = [];
	for (const group of same.values()) {
		for (let p = 0; p < group.names.length; p += most) {
			const plugins = group.names.slice(p, p + most);
			const n_hosts = Math.max(Math.floor(most / plugins.length), 1);
			for (let h = 0; h < group.hosts.length; h += n_hosts) {
				const some = group.hosts.slice(h, h + n_hosts);
				const waiting = some.flatMap((host) => plugins.flatMap((plugin) =>
					hosts.get(host).get(plugin).map((who) => ({ host, plugin, ...who }))));
				batches.push({ hosts: some, plugins, waiting });
			}
		}
	}
	return batches;
}

/** A batch as two smaller ones; null when it is of one graph. */
function halves_of({ hosts, plugins, waiting }) {
	if (hosts.length * plugins.length < 2)
		return null;
	const by = plugins.length > 1 ? 'plugin' : 'host';
	const names = by === 'plugin' ? plugins : hosts;
	const middle = Math.ceil(names.length / 2);
	return [names.slice(0, middle), names.slice(middle)].map((some) => ({
		hosts: by === 'host' ? some : hosts, plugins: by === 'plugin' ? some : plugins,
			waiting: waiting.filter((who) => some.includes(who[by])),
	}));
}

/** The storage is away: a banner says so and when it is tried again, sooner at first, then more seldom. */
import { api_get, Away, Refused } from './api.js';
import { el } from './dom.js';

const RETRY_MS = [2e3, 4e3, 8e3, 15e3, 30e3];

export class Trouble {
	#timer = 0;
	#n_failures = 0;

	/** @param {{began: () => void, ended: () => void}} hooks  it went away; it is back */
	constructor(hooks) {
		this.hooks = hooks;
		this.banner = document.getElementById('banner');
	}

	get is_on() {
		return this.#n_failures > 0;
	}

	/** Something could not be had. Away: say so and try again; the rest is for who asked, or our own mistake. */
	failed(error) {
		if (!(error instanceof Away)) {
			if (!(error instanceof Refused))
				console.error(error);
			return;
		}
		if (this.#timer)
			return;
		const wait = RETRY_MS[Math.min(this.#n_failures++, RETRY_MS.length - 1)];
		this.banner.replaceChildren(el('strong', { text: 'The storage does not answer' }),
			` (${error.message}). Trying again in ${wait / 1000} s. `,
			el('button', { type: 'button', text: 'Try now', on: { click: () => this.#retry() } }));
		this.banner.hidden = false;
		this.#timer = setTimeout(() => this.#retry(), wait);
		this.hooks.began();
	}

	async #retry() {
		clearTimeout(this.#timer);
		this.#timer = 0;
		try {
			await api_get('hosts');
		} catch (error) {
			this.failed(error);
			return;
		}
		this.recovered();
		this.hooks.ended();
	}

	/** An answer came. */
	recovered() {
		if (!this.#n_failures)
			return;
		this.#n_failures = 0;
		clearTimeout(this.#timer);
		this.#timer = 0;
		this.banner.hidden = true;
	}
}

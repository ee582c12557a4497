/** What every test of the page begins with: the browser, a page whose faults fail the test, and reading the page's mind. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after } from 'node:test';

const { chromium } = createRequire(`${process.env.E2E_MODULES}/`)('playwright-core');
export const PAGE = process.env.E2E_PAGE; // …/numeter-storage/ui/
export const API = new URL('../', PAGE).href;
export const SHOTS = process.env.E2E_SHOTS;
export const NOW_S = Number(process.env.E2E_NOW); // what was sent ends here
const SLOW = Number(process.env.NUMETER_SLOW || 1);
export const DEADLINE_MS = 15e3 * SLOW;

const browser = await chromium.launch({
	executablePath: '/usr/bin/chromium', headless: true, timeout: 60e3 * SLOW,
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
		'--disable-component-update', '--disable-sync'],
});
after(() => browser.close());

/**
 * Open the page. Whatever it complains of, and any request to elsewhere, fails the test at its end.
 * @param {import('node:test').TestContext} t
 * @param {string} hash
 * @param {object} [options]  of the browser's context; `url` another page, `faults` a pattern of messages that are
 * expected
 */
export async function open(t, hash = '', { url = PAGE, faults = null, ...options } = {}) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true,
		...options });
	const page = await context.newPage();
	page.setDefaultTimeout(DEADLINE_MS);
	const complaints = [];
	const requests = [];
	const complain = (text) => !(faults && faults.test(text)) && complaints.push(text);
	page.on('console', (m) => ['error', 'warning'].includes(m.type())
		&& complain(`console: ${m.text()} ${m.location().url}`));
	page.on('pageerror', (error) => complain(`error: ${error.stack}`));
	page.on('request', (request) => requests.push(request.url()));
	page.on('response', (reply) => reply.status() >= 400 && complain(`${reply.status()} ${reply.url()}`));
	await page.addInitScript(() => addEventListener('securitypolicyviolation', (event) =>
		console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`)));
	t.after(async () => {
		await context.close();
		const origin = new URL(url).origin;
		assert.deepEqual(complaints, []);
		assert.deepEqual(requests.filter((r) => !r.startsWith(origin) && !r.startsWith('data:')
			&& !r.startsWith('blob:')), []);
	});
	await page.goto(url + hash);
	return { page, context, requests };
}

/** The graph of a plugin is drawn, with values unless told otherwise. @returns a locator of its panel */
export async function graph(page, plugin, { host = null, values = true } = {}) {
	const at = `.panel[data-plugin="${plugin}"]${host ? `[data-host="${host}"]` : ''}`;
	await page.waitForFunction(([selector, wanted]) => {
		const panel = window.numeter?.panels.get(document.querySelector(selector));
		return panel?.chart?.picture && (!wanted || panel.n_slots > 0);
	}, [at, values]);
	return page.locator(at);
}

/** What a panel draws: {ds: [values as drawn]}, times and windows. */
export function picture(page, plugin, host = null) {
	return page.evaluate(([name, of]) => {
		const panel = [...window.numeter.panels.values()].find((p) => p.plugin === name
			&& (!of || p.host === of));
		const { times, layers, range, window: shown } = panel.chart.picture;
		return {
			times, range, window: shown, step_s: panel.step_s,
			high: Object.fromEntries(layers.map((l) => [l.series.ds, l.high])),
				hidden: layers.filter((l) => l.hidden).map((l) => l.series.ds),
			value: Object.fromEntries(layers.map((l) => [l.series.ds, l.value])),
		};
	}, [plugin, host]);
}

/** Requests for values so far, as their parameters. */
export function values_asked(requests) {
	return requests.filter((r) => r.includes('/values?')).map((r) => new URL(r).searchParams);
}

/** Wait for a condition with a deadline. */
export async function until(condition, what) {
	const end = Date.now() + DEADLINE_MS;
	for (;;) {
		const answer = await condition();
		if (answer)
			return answer;
		assert.ok(Date.now() < end, `in time: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 30));
	}
}

/** The values as the storage gives them, without the page. */
export async function api(path, parameters) {
	const reply = await fetch(`${API}${path}?${new URLSearchParams(parameters)}`);
	assert.equal(reply.status, 200, path);
	return reply.json();
}

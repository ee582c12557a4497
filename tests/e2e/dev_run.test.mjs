/** What a newcomer sees a minute after `./dev run`: this machine, live, and the demo host's year. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHOTS, graph, open, picture, until } from './browser.mjs';

const HOST = process.env.E2E_HOST;

test('graphs of this machine fill while one looks', async (t) => {
	for (const plugin of ['cpu', 'load', 'memory']) {
		const { page, context } = await open(t, `#host=${encodeURIComponent(HOST)}&plugin=${plugin}&range=hour`);
		const known = async () => Object.values((await picture(page, plugin)).value).flat().filter((v) => v !== null).length;
		await graph(page, plugin);
		const before = await until(known, `${plugin}: points`);
		await until(async () => await known() > before, `${plugin}: more points come by themselves`);
		assert.equal((await picture(page, plugin)).step_s, 10);
		await context.close();
	}
	const { page } = await open(t, `#host=${encodeURIComponent(HOST)}&category=system&range=hour`);
	await page.waitForFunction(() => [...window.numeter.panels.values()].some((p) => p.n_slots > 0));
	await page.screenshot({ path: `${SHOTS}/dev-run-live.png` });
});

test('the demo host has something in every tab', async (t) => {
	for (const [range, step_s] of [['day', 60], ['week', 300], ['month', 600], ['year', 3600]]) {
		const { page, context } = await open(t, `#host=demo-host&plugin=cpu&range=${range}`);
		await graph(page, 'cpu');
		await until(async () => {
			const { value } = await picture(page, 'cpu');
			return value.user.filter((v) => v !== null).length > value.user.length * 0.9;
		}, `${range} is full`);
		assert.ok((await picture(page, 'cpu')).step_s >= step_s, range);
		await page.screenshot({ path: `${SHOTS}/dev-run-${range}.png` });
		await context.close();
	}
});

/** A storage that begins empty, gets its first values, goes away and comes back, under an open page. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEADLINE_MS, graph, open, picture, until } from './browser.mjs';

const PAGE = process.env.E2E_AWAY_PAGE;
const steer = async (verb) => assert.equal((await fetch(`${process.env.E2E_STEER}/${verb}`,
	{ method: 'POST' })).status, 200);

async function send(values, t_s = Math.floor(Date.now() / 1000)) {
	const message = (type, plugin, body) => ({ hostid: 'first', type, plugin,
		message: { Plugin: plugin, ...body } });
	const reply = await fetch(new URL('../ingest', PAGE),
		{ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify([
		message('info', 'MyInfo', { ID: 'first', Name: 'first', Description: '' }),
		message('info', 'tea', { Title: 'Tea', Vlabel: 'cups', Infos: { cups: { id: 'cups' } } }),
		message('data', 'tea', { TimeStamp: String(t_s), Values: values })]) });
	assert.deepEqual((await reply.json()).rejected, []);
}

test('empty, first value, refresh, away, back', async (t) => {
	const { page, requests } = await open(t, '', { url: PAGE, faults: /ERR_|Failed to load resource|50\d / });
	await page.getByText('No host yet').waitFor();
	assert.match(await page.locator('.hint code').innerText(),
		new RegExp(`curl ${new URL('../ingest', PAGE).href} `));
	const now = Math.floor(Date.now() / 1000);
	await send({ cups: 1 }, now - 20);
	await send({ cups: 2 }, now - 10);
	await page.locator('[data-do=refresh]').click();
	await page.locator('.overview a', { hasText: 'first' }).click();
	await page.locator('[data-range=hour]').click();
	await graph(page, 'tea');
	const drawn = await picture(page, 'tea');
	assert.equal(drawn.step_s, 10, 'a step of ten seconds');
	assert.equal(await page.evaluate(() => window.numeter.interval_ms()), 10e3);

	// a new value shows up by itself
	await send({ cups: 7 });
	await until(async () => (await page.locator('td.max').innerText()) === '7', 'the new value, without a click');

	// in a hidden tab nothing is asked
	await page.evaluate(() => {
		Object.defineProperty(document, 'hidden', { value: true, configurable: true });
		document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
	});
	const n = requests.length;
	await page.waitForTimeout(11e3); // longer than the page's 10 s
	assert.equal(requests.length, n);
	await send({ cups: 9 });
	await page.evaluate(() => {
		delete document.hidden;
		document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
	});
	await until(async () => (await page.locator('td.max').innerText()) === '9', 'seen again: asked at once');

	await steer('stop');
	await page.locator('[data-do=refresh]').click();
	await page.locator('#banner').waitFor({ state: 'visible' });
	assert.match(await page.locator('#banner').innerText(), /The storage does not answer.*Trying again in \d+ s/);
	assert.equal(await page.locator('.panel canvas').count() > 0, true, 'what was seen stays');
	await steer('start');
	await page.locator('#banner').waitFor({ state: 'hidden', timeout: 3 * DEADLINE_MS });
	await send({ cups: 12 });
	await until(async () => (await page.locator('td.max').innerText()) === '12', 'and goes on');
});

test('a page opened while the storage begins', async (t) => {
	const { page, context } = await open(t, '', { url: PAGE, faults: /ERR_|Failed to load resource|50\d / });
	await page.waitForSelector('.overview');
	await context.route('**/numeter-storage/hosts', (route) => route.abort()); // its files come, its answers do not
	await page.goto(`${PAGE}?again#host=first`);
	await page.locator('#banner').waitFor({ state: 'visible' });
	await context.unroute('**/numeter-storage/hosts');
	await page.getByRole('button', { name: 'Try now' }).click();
	await graph(page, 'tea', { values: false });
});

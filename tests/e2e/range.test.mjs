/** Moving in time: tabs, zoom, pan, reset, the free range; with mouse, keys and fingers; and Back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graph, open, picture, until, values_asked } from './browser.mjs';

async function middle(page, plugin) {
	const box = await page.locator(`.panel[data-plugin="${plugin}"] .chart`).boundingBox();
	return { x: (share) => box.x + box.width * share, y: box.y + box.height / 2, width: box.width };
}

async function drag(page, plugin, from, to) {
	const at = await middle(page, plugin);
	await page.mouse.move(at.x(from), at.y);
	await page.mouse.down();
	await page.mouse.move(at.x((from + to) / 2), at.y, { steps: 3 });
	await page.mouse.move(at.x(to), at.y, { steps: 3 });
	await page.mouse.up();
}

/** The graph shows values of exactly this window. */
async function shows(page, plugin, condition, what) {
	return until(async () => {
		const drawn = await picture(page, plugin).catch(() => null);
		return drawn && drawn.times.length && condition(drawn) ? drawn : null;
	}, what);
}

const length_s = (drawn) => (drawn.window[1] - drawn.window[0]) / 1000;

test('drag zooms and asks for finer values; double click resets; Back goes back', async (t) => {
	const { page, requests } = await open(t, '#host=web-1&category=system');
	await graph(page, 'cpu');
	const before = await picture(page, 'cpu');
	await drag(page, 'cpu', 0.5, 0.62);
	await page.waitForURL(/from=\d+&until=\d+/);
	const after = await shows(page, 'cpu', (d) => d.step_s < before.step_s, 'a finer step');
	const asked = values_asked(requests).at(-1);
	assert.ok(asked.get('from') && asked.get('until') && asked.get('max_points'));
	assert.ok(length_s(after) < 86400 / 5 && length_s(after) > 3600);
	assert.equal(after.step_s, 60);
	assert.ok(after.times[0] >= after.window[0] - 120e3 && after.times.at(-1) <= after.window[1] + 120e3);
	assert.ok(Math.abs(after.times.length - length_s(after) / 60) <= 2, 'a point a minute');
	const other = await picture(page, 'entropy');
	assert.deepEqual(other.window, after.window, 'all graphs of the page zoom');
	await page.goBack();
	await shows(page, 'cpu', (d) => d.step_s === before.step_s && Math.abs(length_s(d) - 86400) < 5,
		'the day again');
	await page.goForward();
	await shows(page, 'cpu', (d) => d.step_s === 60, 'the zoom again');
	const at = await middle(page, 'cpu');
	await page.mouse.dblclick(at.x(0.5), at.y);
	await shows(page, 'cpu', (d) => Math.abs(length_s(d) - 86400) < 5 && d.step_s === before.step_s, 'reset');
	assert.doesNotMatch(page.url(), /from=/);
});

test('Shift and drag pans', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=load&from=-6h');
	await graph(page, 'load');
	const before = await picture(page, 'load');
	await page.keyboard.down('Shift');
	await drag(page, 'load', 0.4, 0.8);
	await page.keyboard.up('Shift');
	const after = await shows(page, 'load', (d) => d.window[1] < before.window[1] - 3600e3
		&& d.times[0] < d.window[0] + 300e3, 'values of before');
	assert.ok(Math.abs(length_s(after) - 21600) < 5, 'as long as before');
	assert.ok(after.high.load.some((v) => v !== null));
});

test('a click without a drag changes nothing', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=load');
	await graph(page, 'load');
	const at = await middle(page, 'load');
	await page.mouse.click(at.x(0.5), at.y);
	await page.mouse.move(at.x(0.6), at.y);
	assert.doesNotMatch(page.url(), /from/);
});

test('tabs', async (t) => {
	const { page, requests } = await open(t, '#host=web-1&plugin=load');
	await graph(page, 'load');
	for (const [range, seconds, query] of [['week', 604800, 'Weekly'], ['month', 2678400, 'Monthly'],
		['year', 31622400, 'Yearly'],
		['hour', 3600, null], ['day', 86400, 'Daily']]) {
		await page.locator(`[data-range=${range}]`).click();
		await shows(page, 'load', (d) => Math.abs(length_s(d) - seconds) < 5, range);
		assert.equal(await page.locator('.tab[aria-current]').getAttribute('data-range'), range);
		if (range !== 'day')
			assert.equal(values_asked(requests).at(-1).get('res'), query);
	}
	await page.goBack();
	await shows(page, 'load', (d) => Math.abs(length_s(d) - 3600) < 5, 'back to the hour');
});

test('the free range', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=load');
	await graph(page, 'load');
	await page.locator('.free summary').click();
	await page.locator('.free input').nth(0).fill('2031-01-01T00:00:01');
	await page.locator('.free button').click();
	assert.match(await page.locator('.free .error').innerText(), /before now/);
	const begin = new Date(Date.now() - 5 * 3600e3);
	const end = new Date(Date.now() - 3 * 3600e3);
	[begin, end].forEach((d) => d.setSeconds(1)); // browsers write full minutes without seconds
	const local = (d) => new Date(d - d.getTimezoneOffset() * 60e3).toISOString().slice(0, 19);
	await page.locator('.free input').nth(0).fill(local(begin));
	await page.locator('.free input').nth(1).fill(local(end));
	await page.locator('.free button').click();
	const drawn = await shows(page, 'load', (d) => Math.abs(length_s(d) - 7200) < 3 && d.step_s === 60,
		'two hours');
	assert.ok(Math.abs(drawn.window[0] - begin) < 2000);
	await page.locator('[data-do=out]').click();
	await shows(page, 'load', (d) => length_s(d) > 14000, 'zoomed out');
	await page.locator('[data-do=reset]').click();
	await shows(page, 'load', (d) => Math.abs(length_s(d) - 86400) < 5, 'the day');
});

test('by keys alone', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=load');
	await graph(page, 'load');
	await page.locator('.chart').focus();
	await page.keyboard.press('+');
	await shows(page, 'load', (d) => Math.abs(length_s(d) - 43200) < 5, 'zoomed in');
	await page.keyboard.press('Shift+ArrowLeft');
	const left = await shows(page, 'load', (d) => d.window[1] < Date.now() - 4 * 3600e3, 'panned');
	await page.keyboard.press('-');
	await shows(page, 'load', (d) => length_s(d) > length_s(left) * 1.9, 'zoomed out');
	await page.keyboard.press('0');
	await shows(page, 'load', (d) => Math.abs(length_s(d) - 86400) < 5, 'reset');
	assert.equal(await page.locator('#say').innerText(), '', 'nothing is said that was not asked for');
	await page.keyboard.press('ArrowLeft');
	await page.keyboard.press('ArrowLeft');
	await until(async () => /^\d{4}-\d\d-\d\d \d\d:\d\d: load [\d.]+/.test(await page.locator('#say').innerText()),
		'the value is said');
	assert.equal(await page.locator('.cursor').isVisible(), true);
	await page.keyboard.press('Escape');
	await page.locator('.cursor').waitFor({ state: 'hidden' });
});

test('by fingers: sideways pans, two zoom, a tap shows the cursor', async (t) => {
	const { page, context } = await open(t, '#host=web-1&plugin=load&from=-6h',
		{ viewport: { width: 390, height: 800 }, isMobile: true, hasTouch: true });
	await graph(page, 'load');
	const session = await context.newCDPSession(page);
	const at = await middle(page, 'load');
	const touch = (type, ...shares) => session.send('Input.dispatchTouchEvent', { type,
		touchPoints: shares.map((share, id) => ({ x: at.x(share), y: at.y, id })) });
	await page.touchscreen.tap(at.x(0.6), at.y);
	await page.locator('.cursor').waitFor({ state: 'visible' });
	const before = await picture(page, 'load');
	await touch('touchStart', 0.3);
	for (const share of [0.4, 0.5, 0.6, 0.7])
		await touch('touchMove', share);
	await touch('touchEnd');
	const panned = await shows(page, 'load', (d) => d.window[1] < before.window[1] - 3600e3, 'panned');
	await touch('touchStart', 0.45, 0.55);
	for (const spread of [0.1, 0.2, 0.3])
		await touch('touchMove', 0.5 - spread, 0.5 + spread);
	await touch('touchEnd');
	await shows(page, 'load', (d) => length_s(d) < length_s(panned) / 3, 'zoomed');
});

/** Legend, cursor, theme, files, keys, and that the address says all of it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { api, graph, open, picture, until } from './browser.mjs';

const series = (page, ds) => page.locator(`.series[data-ds="${ds}"]`);
const hidden = async (page, plugin) => (await picture(page, plugin)).hidden;

test('click hides, Ctrl-click shows one alone, a stack closes up', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=cpu');
	await graph(page, 'cpu');
	const full = await picture(page, 'cpu');
	await series(page, 'idle').click();
	await until(async () => (await hidden(page, 'cpu')).join() === 'idle', 'idle is hidden');
	const without = await picture(page, 'cpu');
	assert.ok(without.range[1] < full.range[1] / 1.5, 'the scale follows');
	assert.equal(await series(page, 'idle').getAttribute('aria-pressed'), 'false');
	assert.match(page.url(), /hide=cpu%2Fidle/);
	await page.reload();
	await graph(page, 'cpu');
	assert.deepEqual(await hidden(page, 'cpu'), ['idle'], 'the address says it');
	await series(page, 'user').click({ modifiers: ['Control'] });
	await until(async () => (await hidden(page, 'cpu')).length === 8, 'user alone');
	assert.match(page.url(), /only=cpu%2Fuser/);
	await page.locator('[data-solo=user]').focus();
	await page.keyboard.press('Enter');
	await until(async () => (await hidden(page, 'cpu')).length === 0, 'all again, by keyboard');
	await page.locator('[data-ds=steal]').focus();
	await page.keyboard.press('Space');
	await until(async () => (await hidden(page, 'cpu')).join() === 'steal', 'hidden by keyboard');
	assert.equal(await page.evaluate(() => document.activeElement.dataset.ds), 'steal', 'the focus stays');
});

test('the legend’s numbers are those of the window', async (t) => {
	const { page } = await open(t, '#host=odd-1&plugin=limits&from=-65min');
	await graph(page, 'limits');
	const cells = (await page.locator('.legend tbody td').allInnerTexts()).slice(0, 4);
	const { a } = (await picture(page, 'limits')).value;
	const known = a.filter((v) => v !== null);
	assert.deepEqual(cells, ['59', '0', (known.reduce((x, y) => x + y, 0) / known.length).toFixed(1), '59']);
	assert.ok(known.length < a.length && !known.includes(25), 'the gap is one');
});

test('the cursor is shared by all graphs', async (t) => {
	const { page } = await open(t, '#host=web-1&category=system');
	await graph(page, 'cpu');
	await graph(page, 'entropy');
	const box = await page.locator('.panel[data-plugin=cpu] .chart').boundingBox();
	const other = page.locator('.panel[data-plugin=entropy]');
	const read = () => page.evaluate(() => {
		const of = (name) => [...window.numeter.panels.values()].find((p) => p.plugin === name);
		const slot = of('entropy').chart.slot_at(window.numeter.cursor_ms);
		const row = of('entropy').element.querySelector('.legend');
		return [of('entropy').chart.picture.layers[0].value[slot], row.querySelector('td.last').textContent,
			row.querySelector('thead th:nth-child(2)').textContent];
	});
	const point_at = async (share) => {
		await page.mouse.move(box.x + box.width * share, box.y + 60);
		await other.locator('.cursor').waitFor({ state: 'visible' });
	};
	await point_at(0.5);
	if ((await read())[0] === null)
		await point_at(0.35); // the hour of the night that is a gap was in the middle
	await until(async () => (await read())[0] !== null, 'the cursor is where values are');
	await until(async () => {
		const [at, cell] = await read();
		return Number(cell) === Math.round(at);
	}, 'the legend says the value under the cursor');
	const [, , head] = await read();
	assert.match(head, /^\d\d:\d\d$/);
	const [a, b] = await page.locator('.cursor-time:visible').allInnerTexts();
	assert.equal(a, b);
	await page.mouse.move(5, 300);
	await other.locator('.cursor').waitFor({ state: 'hidden' });
	assert.equal(await other.locator('thead th').nth(1).innerText(), 'Last');
	assert.equal(await page.locator('#say').innerText(), '', 'the mouse makes no screen reader talk');
});

test('dark: as the browser prefers, by the switch, in the address', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=load', { colorScheme: 'dark' });
	await graph(page, 'load');
	const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	const dark = await ground();
	await page.locator('[data-do=theme]').click();
	await page.waitForFunction(() => document.documentElement.dataset.theme === 'light');
	assert.notEqual(await ground(), dark);
	assert.match(page.url(), /theme=light/);
	await page.locator('[data-do=theme]').click();
	assert.match(page.url(), /theme=dark/);
	await page.emulateMedia({ colorScheme: 'light' });
	await page.reload();
	await graph(page, 'load');
	assert.equal(await ground(), dark);
});

test('everything comes back from the address', async (t) => {
	const hash = '#host=web-1&host=web-2&plugin=cpu&from=-12h&only=cpu%2Fuser&theme=dark';
	const { page, context } = await open(t, hash);
	await graph(page, 'cpu', { host: 'web-2' });
	await page.locator('.series[data-ds=system]').first().click();
	await until(() => page.url().includes('only=cpu%2Fsystem'), 'the address');
	const url = page.url();
	const again = await context.newPage();
	await again.goto(url);
	await graph(again, 'cpu', { host: 'web-2' });
	assert.equal(again.url(), url);
	assert.equal(await again.locator('.panel').count(), 2);
	assert.deepEqual((await hidden(again, 'cpu')).length, 7);
	assert.equal(await again.evaluate(() => document.documentElement.dataset.theme), 'dark');
});

async function saved(page, what) {
	await page.locator('.menu summary').click();
	const [file] = await Promise.all([page.waitForEvent('download'), page.locator(`[data-do=${what}]`).click()]);
	return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

test('a graph as PNG', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=cpu');
	await graph(page, 'cpu');
	const { name, bytes } = await saved(page, 'png');
	assert.equal(name, 'web-1-cpu.png');
	const seen = await page.evaluate(async (base64) => {
		const blob = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: 'image/png' });
		const picture_ = await createImageBitmap(blob);
		const canvas = new OffscreenCanvas(picture_.width, picture_.height);
		const ctx = canvas.getContext('2d');
		ctx.drawImage(picture_, 0, 0);
		const { data } = ctx.getImageData(0, 0, picture_.width, picture_.height);
		const counts = {};
		for (let i = 0; i < data.length; i += 4) {
			const key = `${data[i] >> 4},${data[i + 1] >> 4},${data[i + 2] >> 4},${data[i + 3]}`;
			counts[key] = (counts[key] ?? 0) + 1;
		}
		const ink = (y0, y1) => {
			let n = 0;
			for (let i = y0 * picture_.width * 4; i < y1 * picture_.width * 4; i += 4)
				n += data[i] + data[i + 1] + data[i + 2] < 380;
			return n;
		};
		return { width: picture_.width, height: picture_.height,
			most: Math.max(...Object.values(counts)) / (data.length / 4),
			colours: Object.values(counts).filter((n) => n > 300).length, title: ink(0, 24),
				legend: ink(picture_.height - 160, picture_.height) };
	}, bytes.toString('base64'));
	assert.ok(seen.width > 500 && seen.height > 400);
	assert.ok(seen.colours >= 4 && seen.most < 0.8, JSON.stringify(seen));
	assert.ok(seen.title > 50 && seen.legend > 300, 'title and legend are written on it');
});

test('a graph as CSV', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=if_eth0&from=-2h');
	await graph(page, 'if_eth0');
	await series(page, 'down').click();
	const { name, bytes } = await saved(page, 'csv');
	assert.equal(name, 'web-1-if_eth0.csv');
	const [head, ...lines] = bytes.toString().trim().split('\r\n');
	assert.equal(head, 'time,iso_time,bps', 'what is shown');
	assert.ok(lines.length >= 119 && lines.length <= 121);
	const { results: [stored] } = await api('values', { host: 'web-1', plugin: 'if_eth0', from: '-2h' });
	const [time, iso, value] = lines[50].split(',');
	assert.equal(Date.parse(iso) / 1000, Number(time));
	const up = stored.DATAS.up[(Number(time) - stored.TS_start) / stored.TS_step];
	assert.ok(Math.abs(Number(value) - 8 * up) < 1e-6 * Number(value));
});

test('the last values as a table, and the storage’s own picture', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=load&range=week');
	const panel = await graph(page, 'load');
	await panel.locator('.menu summary').click();
	const link = await panel.locator('.items a', { hasText: 'PNG' }).getAttribute('href');
	assert.equal(link, '../graph.png?host=web-1&plugin=load&res=Weekly');
	const made = await fetch(new URL(link, page.url().split('#')[0]));
	assert.deepEqual([made.status, made.headers.get('content-type')], [200, 'image/png']);
	await panel.locator('[data-do=table]').click();
	assert.ok(await panel.locator('.values tbody tr').count() >= 10);
	assert.match(await panel.locator('.values caption').innerText(), /newest first/);
	await panel.locator('.menu summary').click();
	await panel.locator('[data-do=table]').click();
	assert.equal(await panel.locator('.values').count(), 0);
});

test('by keys from the search to a graph; landmarks and names for screen readers', async (t) => {
	const { page } = await open(t);
	await page.waitForSelector('.overview');
	await page.keyboard.press('/');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'search');
	await page.keyboard.type('web-3');
	assert.equal(await page.locator('.count').innerText(), '1 of 9 hosts');
	await page.keyboard.press('ArrowDown');
	const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
	assert.equal(ring, 'solid', 'the focus can be seen');
	await page.keyboard.press('Enter');
	await graph(page, 'cpu');
	for (const role of ['banner', 'main', 'navigation'])
		assert.ok(await page.getByRole(role).count() >= 1, role);
	assert.equal(await page.getByRole('searchbox', { name: 'Search hosts' }).count(), 1);
	const chart = page.locator('.panel[data-plugin=load] .chart');
	assert.match(await chart.getAttribute('aria-label'),
		/^Load average, web-3: load [\d.]+[km]?\. Left and Right move/);
	const nameless = await page.evaluate(() => [...document.querySelectorAll('button, a[href], summary, input')]
		.filter((e) => e.checkVisibility()
			&& !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map((e) =>
			e.outerHTML));
	assert.deepEqual(nameless, []);
	await page.locator('#skip').focus();
	await page.keyboard.press('Enter');
	assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
});

/** What the page shows: overview, hosts, graphs of every kind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { api, graph, open, picture, values_asked } from './browser.mjs';

test('the overview names every host, those that need a look first', async (t) => {
	const { page } = await open(t);
	await page.waitForSelector('.overview');
	const rows = await page.locator('.overview tbody tr').evaluateAll((all) => all.map((row) => row.dataset.host));
	const states = await page.locator('.overview tbody .dot').evaluateAll((all) => all.map((dot) => dot.classList[1]));
	assert.deepEqual([rows[0], states[0], states[rows.indexOf('empty-1')]], ['old-1', 'silent', 'never']);
	const order = ['silent', 'late', 'never', 'fresh']; // late: when the tests took long to come here
	assert.deepEqual(states, [...states].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
	assert.deepEqual([...rows].sort(), Object.keys(await api('hosts')).sort());
	assert.match(await page.locator('.overview tr[data-host=old-1]').innerText(), /silent.*old-1.*3 days ago/s);
	assert.equal(await page.locator('#hosts li .dot.silent').count(), 1);
	await page.locator('.plugins a', { hasText: /^load$/ }).click();
	await graph(page, 'load', { host: 'web-1' });
	assert.match(page.url(), /#plugin=load$/);
	await page.waitForFunction(() => document.querySelector('.panel[data-host="many-1"]').hidden, null);
	assert.equal(await page.locator('.panel[data-host="web-3"]').isVisible(), true,
		'hosts without the plugin step aside');
});

test('search a host, see its lines with the right number of points', async (t) => {
	const { page, requests } = await open(t);
	await page.locator('#search').fill('second web-2');
	assert.deepEqual(await page.locator('#hosts li:visible').evaluateAll((all) =>
		all.map((li) => li.dataset.host)), ['web-2']);
	await page.locator('#search').press('Enter');
	const panel = await graph(page, 'load');
	assert.match(await panel.innerText(), /Load average/);
	const asked = values_asked(requests).find((q) => q.getAll('plugin').includes('load'));
	assert.equal(asked.get('res'), 'Daily');
	assert.ok(Number(asked.get('max_points')) >= 400 && Number(asked.get('max_points')) <= 700,
		'about one point a pixel');
	assert.ok(asked.getAll('plugin').length > 1, 'several plugins in one request');
	const drawn = await picture(page, 'load');
	const { results } = await api('values',
		{ host: 'web-2', plugin: 'load', res: 'Daily', max_points: asked.get('max_points') });
	assert.ok(Math.abs(drawn.times.length - results[0].DATAS.load.length) <= 1);
	assert.ok(drawn.times.length > 300 && drawn.times.length <= Number(asked.get('max_points')));
	assert.ok(drawn.high.load.filter((v) => v === null).length >= 15, 'the hour of the night is a gap');
	assert.ok(drawn.high.load.filter((v) => v !== null).length > 300);
});

test('the first graph comes soon (printed, not judged)', async (t) => {
	const took = [];
	for (let i = 0; i < 5; i++) {
		const { page, context } = await open(t, '#host=web-1');
		await graph(page, 'df');
		took.push(await page.evaluate(() =>
			Math.round(performance.getEntriesByName('first-graph')[0].startTime)));
		await context.close();
	}
	console.log(`view: from an empty cache to the first graph of 31: ${took.join(' ')} ms, median ${took.sort((a, b) => a - b)[2]} ms`);
});

test('a stacked graph, a mirrored one, one of base 1024', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=cpu');
	await graph(page, 'cpu');
	const cpu = await picture(page, 'cpu');
	const i = cpu.times.length - 30;
	assert.ok(Math.abs(cpu.high.user[i] - cpu.value.system[i] - cpu.value.user[i]) < 1e-9);
	assert.ok(cpu.high.guest[i] > cpu.high.idle[i] && cpu.high.idle[i] > 150);
	await page.goto(`${page.url().split('#')[0]}#host=web-1&plugin=if_eth0`);
	await graph(page, 'if_eth0');
	const net = await picture(page, 'if_eth0');
	const { results: [stored] } = await api('values', { host: 'web-1', plugin: 'if_eth0', from: '-1h' });
	const last = (column) => column.filter((v) => v !== null).at(-1);
	assert.ok(net.high.down.every((v) => v === null || v <= 0) && net.range[0] < 0);
	const bits = await page.locator('[data-ds=down]').locator('xpath=ancestor::tr').locator('td.max').innerText();
	assert.match(bits, /M$/);
	assert.ok(last(net.value.up) > 2 * last(stored.DATAS.up), 'bits, not bytes');
	await page.goto(`${page.url().split('#')[0]}#host=web-1&plugin=memory`);
	const memory = await graph(page, 'memory');
	assert.match(await memory.locator('.legend').innerText(), /[KMG]i/);
});

test('everything rare: bands, sums, stacks, cdefs beyond us, text that would be HTML', async (t) => {
	const { page } = await open(t, '#host=odd-1&from=-65min');
	const odd = page.locator('.panel[data-plugin=mixed]');
	await graph(page, 'mixed');
	assert.equal(await odd.locator('h3').innerText(), 'Mixed <b>draw</b> types');
	assert.match(await odd.locator('[data-ds=a]').innerText(), /<img src=x onerror=alert\(1\)>/);
	assert.equal(await page.locator('main img, main b').count(), 0);
	const mixed = await picture(page, 'mixed');
	const at = mixed.high.a.findLastIndex((v) => v !== null);
	assert.deepEqual([mixed.high.a[at], mixed.high.b[at], mixed.high.c[at]], [59, 69, 25]);
	await graph(page, 'sums');
	const sums = await picture(page, 'sums');
	assert.deepEqual(Object.keys(sums.high), ['total', 'a', 'b']);
	assert.ok(sums.high.total.includes(69) && sums.high.b.includes(69));
	await graph(page, 'strange_cdef');
	assert.match(await page.locator('.panel[data-plugin=strange_cdef] .notes').innerText(),
		/a: shown as stored, LOG in a,LOG/);
	assert.ok((await picture(page, 'strange_cdef')).high.b.includes(100));
	const limits = await graph(page, 'limits');
	assert.equal(await limits.locator('.badge').innerText(), 'critical');
	assert.equal(await limits.locator('td.last.critical').innerText(), '59');
});

test('a silent host shows when it was last seen, and leads to its last day', async (t) => {
	const { page } = await open(t, '#host=old-1');
	await graph(page, 'load', { values: false });
	assert.match(await page.locator('.hint.silent').innerText(),
		/old-1 is silent: last seen \d{4}-\d\d-\d\d \d\d:\d\d, 3 days ago/);
	assert.match(await page.locator('.panel[data-plugin=load] .message').innerText(),
		/No values in this range: last seen/);
	assert.match(await page.locator('.panel[data-plugin=load] .badge').innerText(), /last seen 3 days ago/);
	await page.getByText('Show its last day').click();
	await page.waitForFunction(() => document.querySelector('.panel[data-plugin=load] td.last').textContent !== '–');
	assert.equal(await page.locator('.panel[data-plugin=load] .message').isVisible(), false);
});

test('a host without plugins, a host nobody knows, a plugin that is not there', async (t) => {
	const { page } = await open(t, '#host=empty-1');
	assert.match(await page.locator('main .hint').innerText(), /has sent no plugin yet/);
	await page.goto(`${page.url().split('#')[0]}#host=nobody`);
	await page.getByText('This host is not known').waitFor();
	await page.goto(`${page.url().split('#')[0]}#host=web-1&plugin=nothing`);
	await page.getByText('There is no plugin nothing here').waitFor();
});

test('several hosts side by side', async (t) => {
	const { page } = await open(t, '#host=web-1&plugin=load');
	await graph(page, 'load');
	await page.locator('#hosts li[data-host=web-2] .add').click();
	await page.locator('#hosts li[data-host=web-3] .add').click();
	await graph(page, 'load', { host: 'web-3' });
	assert.match(page.url(), /#host=web-1&host=web-2&host=web-3&plugin=load$/);
	const boxes = await page.locator('.panel').evaluateAll((all) =>
		all.map((p) => p.getBoundingClientRect().toJSON()));
	assert.equal(boxes.length, 3);
	assert.equal(boxes[0].top, boxes[1].top);
	assert.ok(boxes[1].left > boxes[0].right);
	await page.goBack();
	await page.waitForFunction(() => document.querySelectorAll('.panel').length === 2);
	await page.locator('#search').fill('web-');
	await page.getByText('Show these 3 side by side').click();
	await page.waitForFunction(() => document.querySelectorAll('.panel').length === 3);
});

test('categories are anchors', async (t) => {
	const { page } = await open(t, '#host=web-1');
	await graph(page, 'df');
	await page.locator('[data-anchor=system]').click();
	await graph(page, 'cpu');
	assert.equal(await page.evaluate(() => document.activeElement.textContent), 'system');
	assert.ok(await page.locator('section[data-category=system] h2').evaluate((h) =>
		h.getBoundingClientRect().top < 200));
});

test('on a phone: hosts in a drawer, nothing wider than the screen', async (t) => {
	const { page } = await open(t, '', { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true });
	await page.waitForSelector('.overview');
	assert.equal(await page.locator('#search').isVisible(), false);
	await page.locator('#drawer').tap();
	await page.locator('#hosts li[data-host=web-2] a').tap();
	await graph(page, 'df');
	assert.equal(await page.locator('#search').isVisible(), false, 'the drawer closes');
	assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
	const size = await page.locator('.tab').first().boundingBox();
	assert.ok(size.height >= 24);
});

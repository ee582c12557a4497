/** Pictures of the page, for people to look at: they stay in the build folder. */
import { test } from 'node:test';
import { graph, open, SHOTS } from './browser.mjs';

for (const [name, hash, plugin, options = {}] of [
	['overview', '', null],
	['day', '#host=web-1', 'df'],
	['dark', '#host=web-1&category=network', 'if_eth0', { colorScheme: 'dark' }],
	['phone', '#host=web-2', 'df', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true,
		deviceScaleFactor: 2 }],
	['several', '#host=web-1&host=web-2&host=web-3&plugin=if_eth0', 'if_eth0'],
	['mirrored', '#host=web-1&plugin=if_eth0', 'if_eth0'],
	['stacked', '#host=web-1&plugin=cpu', 'cpu'],
	['many', '#host=many-1&from=-2h', 'service_003'],
	['odd', '#host=odd-1&from=-65min', 'sums'],
	['silent', '#host=old-1', 'cpu'],
	['page-light', '#host=web-1&category=system&hide=cpu%2Fidle', 'memory',
		{ viewport: { width: 1280, height: 880 } }],
	['page-dark', '#host=web-1&host=web-2&theme=dark&category=system&hide=cpu%2Fidle', 'cpu',
		{ viewport: { width: 1280, height: 880 } }],
])
	test(`picture: ${name}`, async (t) => {
		const { page } = await open(t, hash, options);
		if (plugin)
			await graph(page, plugin, { values: name !== 'silent' });
		else
			await page.waitForSelector('.overview');
		if (name === 'mirrored') {
			const box = await page.locator('.chart').boundingBox();
			await page.mouse.move(box.x + box.width * 0.7, box.y + 80);
			await page.locator('.cursor').waitFor({ state: 'visible' });
		}
		if (name === 'dark')
			await page.locator(`.panel[data-plugin=${plugin}]`).scrollIntoViewIfNeeded();
		await page.waitForFunction(() => window.numeter.shown().every((panel) => panel.chart));
		await page.evaluate(() => new Promise((done) =>
			requestAnimationFrame(() => requestAnimationFrame(done))));
		await page.screenshot({ path: `${SHOTS}/${name}.png` });
	});

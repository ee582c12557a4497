/** Behind nginx, below another path. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graph, open, values_asked } from './browser.mjs';

const PAGE = process.env.E2E_PREFIX_PAGE;

test('the page works behind any prefix', { skip: PAGE ? false : 'no nginx on this machine' }, async (t) => {
	const { page, requests } = await open(t, '', { url: PAGE });
	await page.locator('.overview a', { hasText: 'web-1' }).click();
	await graph(page, 'df');
	assert.ok(values_asked(requests).length > 0);
	assert.deepEqual(requests.filter((r) => !new URL(r).pathname.startsWith('/monitor/numeter-storage/')
		&& !r.startsWith('data:')), []);
	await page.locator('.panel[data-plugin=df] h3 a').click();
	await graph(page, 'df');
	assert.match(page.url(), /\/monitor\/numeter-storage\/ui\/#host=web-1&plugin=df$/);
	await page.goto(new URL('../', PAGE).href);
	await page.waitForSelector('.overview');
	assert.equal(page.url(), PAGE, 'the way there keeps the prefix');
});

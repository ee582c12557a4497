/** 200 graphs on a page: only those in view are loaded and drawn, and scrolling stays smooth (printed, not judged). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graph, open, until, values_asked } from './browser.mjs';

const charts = (page) => page.evaluate(() => [...window.numeter.panels.values()].filter((p) => p.chart).length);

test('200 graphs', async (t) => {
	const { page, requests } = await open(t, '#host=many-1&from=-2h');
	await graph(page, 'service_000');
	assert.equal(await page.locator('.panel').count(), 200);
	await until(async () => await charts(page) >= 6, 'those in view are drawn');
	const asked = () => new Set(values_asked(requests).flatMap((q) => q.getAll('plugin')));
	assert.ok(asked().size <= 20, `${asked().size} graphs asked for at first`);
	assert.ok(values_asked(requests).length <= 4, 'in few requests');
	const frames = await page.evaluate(async () => {
		const seen = [];
		const bottom = document.documentElement.scrollHeight;
		let last = performance.now();
		let most = 0;
		for (let y = 0; y < bottom; y += 120) {
			scrollTo(0, y);
			const now = await new Promise(requestAnimationFrame);
			seen.push(now - last);
			last = now;
			most = Math.max(most, document.querySelectorAll('.plot canvas').length / 2);
		}
		return { seen: seen.slice(1).sort((a, b) => a - b), most };
	});
	const { seen, most } = frames;
	const at = (share) => Math.round(seen[Math.floor((seen.length - 1) * share)]);
	console.log(`many: ${seen.length} frames of scrolling through 200 graphs: median ${at(0.5)} ms, 95 % within ${at(0.95)} ms, longest ` +
		`${at(1)} ms, over 50 ms ${seen.filter((f) => f > 50).length}; at most ${most} charts at a time`);
	assert.ok(most <= 30, `${most} charts alive while scrolling`);
	await graph(page, 'service_199');
	await until(async () => await charts(page) <= 16, 'those out of view are gone');
	await page.evaluate(() => scrollTo(0, 0));
	await graph(page, 'service_000');
	const canvases = await page.locator('.panel[data-plugin=service_199] canvas').count();
	assert.equal(canvases, 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format_csv, format_file_name, format_number, format_span, format_ticks,
	format_time } from '../../web/format.js';

test('numbers with SI prefixes', () => {
	for (const [value, expected] of [[0, '0'], [1, '1'], [12, '12'], [999, '999'], [1000, '1.00k'],
		[1234, '1.23k'], [12345, '12.3k'],
		[123456, '123k'], [999.7, '1.00k'], [999999, '1.00M'], [1e6, '1.00M'], [1.5e9, '1.50G'],
			[0.25, '250m'], [0.0042, '4.20m'],
		[0.0000042, '4.20µ'], [-1234, '-1.23k'], [1e30, '1000000000000E'], [1e-20, '0'], [null, '–'],
			[undefined, '–'], [NaN, '–'],
		[Infinity, '–'], [93.612, '93.6'], [9.999, '10.0']])
		assert.equal(format_number(value), expected, String(value));
});

test('numbers with binary prefixes', () => {
	for (const [value, expected] of [[1000, '1000'], [1024, '1.00Ki'], [1536, '1.50Ki'], [2 ** 20, '1.00Mi'],
		[28 * 2 ** 30, '28.0Gi'],
		[2 ** 30 - 1, '1.00Gi'], [0.5, '0.50'], [0.0001, '0']])
		assert.equal(format_number(value, 1024), expected, String(value));
});

test('ticks are round, few, inside', () => {
	const labels = (...more) => format_ticks(...more).map((tick) => tick.label);
	assert.deepEqual(labels(0, 106, 1000, 5), ['0', '50', '100']);
	assert.deepEqual(labels(0, 1.06, 1000, 5), ['0', '0.5', '1']);
	assert.deepEqual(labels(-15e6, 48e6, 1000, 7), ['-10M', '0', '10M', '20M', '30M', '40M']);
	assert.deepEqual(labels(0, 32 * 2 ** 30, 1024, 4), ['0', '10Gi', '20Gi', '30Gi']);
	assert.deepEqual(labels(0, 900 * 2 ** 20, 1024, 4), ['0', '256Mi', '512Mi', '768Mi']);
	assert.deepEqual(labels(999.4, 1010.6, 1000, 3), ['1k', '1.005k', '1.01k']);
	assert.deepEqual(labels(0, 0.00006, 1000, 3), ['0', '20µ', '40µ', '60µ']);
	for (const [low, high] of [[0, 1], [-3, 7], [0, 1e18], [1e-9, 2e-9], [12345, 12346], [0, 1023]])
		for (const base of [1000, 1024])
			for (const n of [2, 5, 9]) {
				const ticks = format_ticks(low, high, base, n);
				assert.ok(ticks.length >= 1 && ticks.length <= n + 2,
					`${low} ${high} ${base} ${n}: ${ticks.length}`);
				assert.ok(ticks.every((t) => t.v >= low - (high - low) * 1e-6 && t.v <= high
					+ (high - low) * 1e-6));
				assert.equal(new Set(ticks.map((t) => t.label)).size, ticks.length,
					`twice: ${JSON.stringify(ticks)}`);
			}
});

test('spans and times', () => {
	assert.deepEqual([0, 119, 120, 7199, 7200, 172799, 172800, -5].map(format_span),
		['0 s', '119 s', '2 min', '120 min', '2 h', '48 h', '2 days', '0 s']);
	assert.match(format_time(1400003617000), /^2014-05-1[34] \d\d:\d\d$/);
	assert.match(format_time(1400003617000, true), /:37$/);
});

test('CSV', () => {
	assert.equal(format_csv([1400003580, 1400003640],
		[{ label: 'a "b", c', value: [1.5, null] }, { label: 'd', value: [0, -2] }]),
		'time,iso_time,"a ""b"", c",d\r\n1400003580,2014-05-13T17:53:00Z,1.5,0\r\n1400003640,2014-05-13T17:54:00Z,,-2\r\n');
});

test('file names', () => {
	assert.equal(format_file_name('web-1', 'if_eth0'), 'web-1-if_eth0');
	assert.equal(format_file_name('a/b:c', '../d'), 'a_b_c-.._d');
	assert.equal(format_file_name('', 'x'.repeat(300)).length, 120);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notice_of } from '../../web/notice.js';

const limits = { max_series_per_host: 10, max_series: 1000, max_new_series_per_minute: 50 };

test('nothing is said when nothing is refused, nor of what is not known', () => {
	for (const status of [{}, { refusing: [] }, { refusing: [], limits }, { refusing: ['something_new'], limits }])
		assert.equal(notice_of(status), '');
});

test('each reason names its limit', () => {
	assert.equal(notice_of({ refusing: ['series_total'], limits }), 'New series are being refused: there are 1000 already '
		+ '(max_series). Their values are kept aside.');
	assert.equal(notice_of({ refusing: ['series_per_host', 'series_rate'], limits }), 'New series are being refused: a host '
		+ 'has 10 already (max_series_per_host); more than 50 came in a minute (max_new_series_per_minute). Their values '
		+ 'are kept aside.');
});

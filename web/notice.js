/** What the storage should have its administrator know, in words. */

const WHY = {
	series_per_host: (limits) => `a host has ${limits.max_series_per_host} already (max_series_per_host)`,
	series_total: (limits) => `there are ${limits.max_series} already (max_series)`,
	series_rate: (limits) => `more than ${limits.max_new_series_per_minute} came in a minute (max_new_series_per_minute)`,
};

/** @param {object} status  of GET /status @returns {string} '' when all is well */
export function notice_of(status) {
	const why = (status.refusing ?? []).filter((reason) => WHY[reason]).map((reason) => WHY[reason](status.limits ?? {}));
	return why.length ? `New series are being refused: ${why.join('; ')}. Their values are kept aside.` : '';
}

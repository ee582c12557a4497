/** Numbers, times and files as people read them. Nothing here knows of the page. */

const PREFIX_1000 = ['', 'k', 'M', 'G', 'T', 'P', 'E'];
const PREFIX_SMALL = ['', 'm', 'µ', 'n', 'p'];
const PREFIX_1024 = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** Which power of the base a number is written with, -4..6. */
function power_of(value, base) {
	const size = Math.abs(value);
	if (size === 0 || !Number.isFinite(size))
		return 0;
	let power = Math.floor(Math.log(size) / Math.log(base) + 1e-9);
	if (base === 1024 && power < 0)
		power = 0;
	return Math.min(Math.max(power, 1 - PREFIX_SMALL.length), PREFIX_1000.length - 1);
}

function prefix_of(power, base) {
	return power < 0 ? PREFIX_SMALL[-power] : (base === 1024 ? PREFIX_1024 : PREFIX_1000)[power];
}

/**
 * Three digits that matter and a prefix: 1234 → `1.23k`, base 1024: 1536 → `1.50Ki`, 0.0042 → `4.20m`, null → `–`.
 * @param {number|null|undefined} value
 * @param {1000|1024} base
 */
export function format_number(value, base = 1000) {
	if (value === null || value === undefined || !Number.isFinite(value))
		return '–';
	let power = power_of(value, base);
	let scaled = value / base ** power;
	if (Math.abs(scaled) >= base - 0.5 && power < PREFIX_1000.length - 1) // 999.7 must not become 1000
		scaled = value / base ** ++power;
	const size = Math.abs(scaled);
	if (size < 0.0005)
		return '0';
	const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
	const text = scaled.toFixed(digits);
	return (Number.isInteger(value) && power === 0 ? String(value) : text) + prefix_of(power, base);
}

/**
 * Round places on an axis, at most about n of them.
 * @param {number} low
 * @param {number} high
 * @param {1000|1024} base
 * @param {number} n
 * @returns {Array<{v: number, label: string}>}
 */
export function format_ticks(low, high, base, n) {
	const rough = (high - low) / Math.max(n, 1);
	if (!(rough > 0))
		return [{ v: low, label: format_number(low, base) }];
	const unit = base === 1024 ? 1024 ** Math.max(power_of(rough, 1024), 0) : 1;
	const ten = 10 ** Math.floor(Math.log10(rough / unit));
	const steps = base === 1024 && ten >= 100 ? [1, 1.28, 2.56, 5.12, 10.24] : [1, 2, 5, 10];
	const step = unit * ten * steps.find((s) => unit * ten * s >= rough * 0.999);
	const most = Math.max(Math.abs(low), Math.abs(high));
	const power = power_of(most, base);
	const scale = base ** power;
	const digits = Math.min(Math.max(Math.ceil(-Math.log10(step / scale) - 1e-9), 0), 12);
	const ticks = [];
	for (let i = Math.ceil(low / step - 1e-9); i * step <= high * (1 + 1e-12) + step * 1e-9; i++) {
		const v = i * step;
		ticks.push({ v, label: i === 0 ? '0'
			: trimmed((v / scale).toFixed(base === 1024 ? Math.max(digits, 1) : digits)) +
			prefix_of(power, base) });
	}
	return ticks;
}

/** Without zeros behind the point. */
function trimmed(text) {
	return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

const two = (n) => String(n).padStart(2, '0');

/** @param {number} ms  @param {boolean} seconds  @returns {string} `2014-05-13 19:53`, the browser's zone */
export function format_time(ms, seconds = false) {
	const d = new Date(ms);
	return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}` +
		(seconds ? `:${two(d.getSeconds())}` : '');
}

/** How far apart slots are decides how a time is said: `19:53:20`, `19:53`, `13 May 19:53`. */
export function format_slot(ms, window_ms) {
	const d = new Date(ms);
	const clock = `${two(d.getHours())}:${two(d.getMinutes())}`;
	if (window_ms <= 2 * 3600e3)
		return `${clock}:${two(d.getSeconds())}`;
	if (window_ms <= 36 * 3600e3)
		return clock;
	return `${d.getDate()} ${d.toLocaleString('en', { month: 'short' })} ${clock}`;
}

/** @param {number} seconds  @returns {string} `40 s`, `12 min`, `5 h`, `3 days` */
export function format_span(seconds) {
	const s = Math.max(Math.round(seconds), 0);
	if (s < 120)
		return `${s} s`;
	if (s < 2 * 3600)
		return `${Math.round(s / 60)} min`;
	if (s < 48 * 3600)
		return `${Math.round(s / 3600)} h`;
	return `${Math.round(s / 86400)} days`;
}

/**
 * One graph as CSV (RFC 4180): time in Unix seconds and in ISO 8601, then a column for each series.
 * @param {number[]} times_s
 * @param {Array<{label: string, value: Array<number|null>}>} columns
 * @returns {string}
 */
export function format_csv(times_s, columns) {
	const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
	const lines = [['time', 'iso_time', ...columns.map((c) => cell(c.label))].join(',')];
	times_s.forEach((t, i) => lines.push([t, new Date(t * 1000).toISOString().replace('.000Z', 'Z'),
		...columns.map((c) => c.value[i] ?? '')].join(',')));
	return `${lines.join('\r\n')}\r\n`;
}

/** A file name that every system takes. */
export function format_file_name(...words) {
	return words.filter(Boolean).join('-').replace(/[^\p{L}\p{N}._-]+/gu, '_').slice(0, 120);
}

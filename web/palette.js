/** Colours of series: munin's own palette, so that a graph looks as its readers know it, and what a dark page needs. */

const MUNIN = ('00CC00 0066B3 FF8000 FFCC00 330099 990099 CCFF00 FF0000 808080 008F00 00487D B35A00 B38F00 6B006B ' +
	'8FB300 B30000 BEBEBE 80FF80 80C9FF FFC080 FFE680 AA80FF EE00CC FF8080 666600 FFBFFF 00FFCC CC6699 999900').split(' ');

/** @param {number} index  @returns {string} `#rrggbb` */
export function palette_colour(index) {
	return `#${MUNIN[index % MUNIN.length].toLowerCase()}`;
}

/**
 * @param {string|undefined} text  munin's `colour`: `ff0000`, `#ff0000`, `f00` or `COLOUR12`
 * @returns {string|null} `#rrggbb`, null when it says none of these
 */
export function palette_parse(text) {
	const given = /^COLOUR(\d{1,4})$/.exec(text ?? '');
	if (given)
		return palette_colour(Number(given[1]));
	const hex = /^#?([0-9a-f]{6}|[0-9a-f]{3})$/i.exec(text ?? '');
	if (!hex)
		return null;
	const digits = hex[1].length === 3 ? [...hex[1]].map((d) => d + d).join('') : hex[1];
	return `#${digits.toLowerCase()}`;
}

/** Parts 0..255 of `#rrggbb`. */
function parts(colour) {
	return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

/** 0 (black) .. 1 (white), as the eye weighs the parts. */
function lightness([r, g, b]) {
	return (0.299 * r + 0.587 * g + 0.114 * b) / 255;
}

/**
 * The colour to draw with: what would drown in the background moves towards the other end.
 * @param {string} colour  `#rrggbb`
 * @param {boolean} dark  the page's theme
 * @returns {string} `#rrggbb`
 */
export function palette_on(colour, dark) {
	const rgb = parts(colour);
	const light = lightness(rgb);
	const least = 0.42;
	const most = 0.8;
	let mixed = rgb;
	if (dark && light < least) {
		const share = (least - light) / (1 - light);
		mixed = rgb.map((part) => part + (255 - part) * share);
	} else if (!dark && light > most) {
		mixed = rgb.map((part) => part * (most / light));
	}
	return `#${mixed.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;
}

/** @param {string} colour `#rrggbb` @param {number} alpha 0..1 @returns {string} CSS colour */
export function palette_alpha(colour, alpha) {
	return `rgba(${parts(colour).join(',')},${alpha})`;
}

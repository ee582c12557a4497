/** One graph as a file: a picture painted from the chart's canvas with title and legend, or its numbers as CSV. */
import { save_file } from './dom.js';
import { format_csv, format_file_name, format_number, format_time } from './format.js';
import { palette_on } from './palette.js';
import { series_stats } from './series.js';

const ROW = 18;
const PAD = 12;
const HEAD = 44;

/** @param {import('./panel.js').Panel} panel */
export function save_csv(panel) {
	const columns = panel.layers.filter((layer) => !layer.hidden)
		.map((layer) => ({ label: layer.series.label, value: layer.value }));
	save_file(new Blob([format_csv(panel.times_s, columns)], { type: 'text/csv' }),
		`${format_file_name(panel.page.host_name(panel.host), panel.plugin)}.csv`);
}

/** @param {import('./panel.js').Panel} panel @param {boolean} dark @returns {Promise<void>} */
export async function save_png(panel, dark) {
	const blob = await new Promise((resolve) => paint(panel, dark).toBlob(resolve, 'image/png'));
	save_file(blob, `${format_file_name(panel.page.host_name(panel.host), panel.plugin)}.png`);
}

function paint(panel, dark) {
	const { chart, definition } = panel;
	const plot = chart.canvas;
	const width = chart.box.clientWidth + 2 * PAD;
	const plot_height = chart.box.clientHeight;
	const layers = panel.layers.filter((layer) => !layer.hidden);
	const height = HEAD + plot_height + ROW * (layers.length + 1) + 2 * PAD;
	const scale = plot.width / plot.clientWidth;
	const canvas = document.createElement('canvas');
	canvas.width = width * scale;
	canvas.height = height * scale;
	const ctx = canvas.getContext('2d');
	const ink = dark ? '#e3e7eb' : '#1d2329';
	const quiet = dark ? '#98a2ac' : '#5a6570';
	ctx.scale(scale, scale);
	ctx.fillStyle = dark ? '#14181c' : '#ffffff';
	ctx.fillRect(0, 0, width, height);

	const write = (text, x, y, { colour = ink, font = '12px', align = 'left', most } = {}) => {
		ctx.fillStyle = colour;
		ctx.font = `${font} system-ui, sans-serif`;
		ctx.textAlign = align;
		ctx.textBaseline = 'alphabetic';
		ctx.fillText(text, x, y, most);
	};
	const [from, until] = chart.window;
	write(definition.title, PAD, 20, { font: '600 15px', most: width - 2 * PAD });
	write([panel.page.host_name(panel.host), definition.unit,
		`${format_time(from)} to ${format_time(until)}`].filter(Boolean)
		.join('  ·  '), PAD, 37, { colour: quiet, most: width - 2 * PAD });

	ctx.drawImage(plot, PAD, HEAD, plot.clientWidth, plot.clientHeight);
	const origin = chart.box.getBoundingClientRect();
	for (const label of chart.box.querySelectorAll('.dygraph-axis-label')) { // elements, not on the canvas
		const at = label.getBoundingClientRect();
		const vertical = label.classList.contains('dygraph-axis-label-y');
		write(label.textContent, PAD + (vertical ? at.right : at.left + at.width / 2) - origin.left,
			HEAD + at.bottom - origin.top - 3,
			{ colour: quiet, font: '11px', align: vertical ? 'right' : 'center' });
	}

	const columns = ['last', 'min', 'avg', 'max'];
	const right = (i) => width - PAD - (columns.length - 1 - i) * 64;
	let y = HEAD + plot_height + PAD + 12;
	columns.forEach((kind, i) => write(kind, right(i), y, { colour: quiet, align: 'right' }));
	for (const { series, value } of layers) {
		y += ROW;
		ctx.fillStyle = palette_on(series.colour, dark);
		ctx.fillRect(PAD, y - 9, 10, 10);
		write(series.label + (series.mirrored ? ' (−)' : ''), PAD + 16, y, { most: right(0) - PAD - 90 });
		const stats = series_stats(value);
		columns.forEach((kind, i) => write(format_number(stats[kind], definition.base), right(i), y,
			{ align: 'right' }));
	}
	return canvas;
}

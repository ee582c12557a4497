/**
 * What fingers, mice and keys do on a graph. Mouse: move shows the cursor, drag zooms, with Shift it pans, double click
 * resets. Touch: tap shows the cursor, drag sideways pans, two fingers zoom, double tap resets; up and down scrolls the
 * page. Keys: see KEYS. Nothing here knows what is drawn.
 *
 * @typedef {object} Hooks
 * @property {() => import('./chart.js').Chart|null} chart
 * @property {(ms: number|null) => void} cursor
 * @property {(slots: number) => void} step  cursor by keys
 * @property {(window: [number, number]) => void} preview  while panning or pinching
 * @property {(window: [number, number]) => void} go  a new window
 * @property {() => void} reset
 */

export const KEYS = 'Left and Right move the cursor, with Shift they pan; plus and minus zoom; 0 resets; Escape hides the cursor.';

const LEAST_DRAG_PX = 5;

/** @param {HTMLElement} surface @param {Hooks} hooks */
export function gestures_on(surface, hooks) {
	const pointers = new Map(); // id → x
	let began = null; // {x, kind: 'zoom' | 'pan' | 'pinch', window, spread}

	const x_in = (event) => event.clientX - surface.getBoundingClientRect().left;

	function moved_window(x) {
		const [from, until] = began.window;
		const shift = ((began.x - x) / hooks.chart().area.w) * (until - from);
		return [from + shift, until + shift];
	}

	function pinched_window() {
		const [a, b] = [...pointers.values()];
		const [from, until] = began.window;
		const { x, w } = hooks.chart().area;
		const factor = began.spread / Math.max(Math.abs(a - b), 10);
		const share = (began.x - x) / w;
		const middle = from + share * (until - from);
		const length = (until - from) * factor;
		const at = ((a + b) / 2 - x) / w;
		return [middle - at * length, middle + (1 - at) * length];
	}

	surface.addEventListener('pointerdown', (event) => {
		const chart = hooks.chart();
		if (!chart?.window || event.button !== 0)
			return;
		pointers.set(event.pointerId, x_in(event));
		if (pointers.size === 2) {
			const [a, b] = [...pointers.values()];
			began = { x: (a + b) / 2, kind: 'pinch', window: [...chart.window],
				spread: Math.max(Math.abs(a - b), 10) };
		} else {
			const kind = event.pointerType === 'touch' || event.shiftKey ? 'pan' : 'zoom';
			began = { x: x_in(event), kind, window: [...chart.window], moved: false };
		}
		surface.setPointerCapture(event.pointerId);
	});

	surface.addEventListener('pointermove', (event) => {
		const chart = hooks.chart();
		if (!chart?.window)
			return;
		const x = x_in(event);
		if (pointers.has(event.pointerId))
			pointers.set(event.pointerId, x);
		if (!began) {
			hooks.cursor(chart.time_at(x));
			return;
		}
		if (Math.abs(x - began.x) >= LEAST_DRAG_PX)
			began.moved = true;
		if (!began.moved)
			return;
		if (began.kind === 'zoom')
			chart.set_selection([began.x, x]);
		else
			hooks.preview(began.kind === 'pan' ? moved_window(x) : pinched_window());
	});

	surface.addEventListener('pointerup', (event) => {
		const chart = hooks.chart();
		const x = x_in(event);
		const was = began;
		const pinched = was?.kind === 'pinch' && chart?.window ? pinched_window() : null;
		pointers.delete(event.pointerId);
		if (!was || !chart?.window)
			return;
		if (was.kind === 'zoom') {
			chart.set_selection(null);
			if (was.moved && Math.abs(x - was.x) >= LEAST_DRAG_PX)
				hooks.go([chart.time_at(Math.min(x, was.x)), chart.time_at(Math.max(x, was.x))]);
		} else if (was.kind === 'pan') {
			if (was.moved)
				hooks.go(moved_window(x));
			else
				hooks.cursor(chart.time_at(x));
		} else {
			hooks.go(pinched);
		}
		began = null;
	});

	surface.addEventListener('pointercancel', (event) => {
		pointers.delete(event.pointerId);
		hooks.chart()?.set_selection(null);
		if (began?.moved && began.kind !== 'zoom')
			hooks.preview(began.window);
		began = null;
	});

	surface.addEventListener('pointerleave', (event) => {
		if (event.pointerType === 'mouse' && !began)
			hooks.cursor(null);
	});

	surface.addEventListener('dblclick', () => hooks.reset());

	surface.addEventListener('keydown', (event) => {
		const window = hooks.chart()?.window;
		if (!window || event.ctrlKey || event.metaKey || event.altKey)
			return;
		const [from, until] = window;
		const length = until - from;
		const by = (a, b) => hooks.go([from + a * length, until + b * length]);
		const keys = {
			ArrowLeft: () => (event.shiftKey ? by(-0.25, -0.25) : hooks.step(-1)),
			ArrowRight: () => (event.shiftKey ? by(0.25, 0.25) : hooks.step(1)),
			'+': () => by(0.25, -0.25),
			'=': () => by(0.25, -0.25),
			'-': () => by(-0.5, 0.5),
			0: () => hooks.reset(),
			Escape: () => hooks.cursor(null),
		};
		if (Object.hasOwn(keys, event.key)) {
			event.preventDefault();
			keys[event.key]();
		}
	});
}

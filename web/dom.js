/** The few helpers for building elements. Text from the storage goes in as text, never as HTML. */

/**
 * @param {string} tag
 * @param {object} [with_]  attributes; `text` sets the content, `on` is {event: listener}; false and null leave one out
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function el(tag, with_ = {}, ...children) {
	const made = document.createElement(tag);
	for (const [key, value] of Object.entries(with_)) {
		if (key === 'text')
			made.textContent = value;
		else if (key === 'on')
			Object.entries(value).forEach(([event, listener]) => made.addEventListener(event, listener));
		else if (value !== false && value !== null && value !== undefined)
			made.setAttribute(key, value === true ? '' : value);
	}
	made.append(...children.filter((child) => child !== null && child !== undefined));
	return made;
}

/** Give the browser a file to keep. @param {Blob} blob @param {string} name */
export function save_file(blob, name) {
	const link = el('a', { href: URL.createObjectURL(blob), download: name });
	document.body.append(link);
	link.click();
	link.remove();
	setTimeout(() => URL.revokeObjectURL(link.href), 60e3);
}

/** Text that only screen readers get. */
export function unseen(text) {
	return el('span', { class: 'unseen', text });
}

/**
 * Work that may wait for a free moment: at most some milliseconds of it in one frame, so that scrolling stays smooth.
 * @returns {(key: object, work: () => void) => void}  a newer work of the same key takes the older one's place
 */
export function frame_queue(budget_ms = 10) {
	const waiting = new Map();
	let scheduled = false;
	function run() {
		const end = performance.now() + budget_ms;
		for (const [key, work] of waiting) {
			waiting.delete(key);
			work();
			if (performance.now() > end)
				break;
		}
		scheduled = waiting.size > 0;
		if (scheduled)
			requestAnimationFrame(run);
	}
	return (key, work) => {
		waiting.set(key, work);
		if (!scheduled) {
			scheduled = true;
			requestAnimationFrame(run);
		}
	};
}

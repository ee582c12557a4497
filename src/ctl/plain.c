#include "ctl/plain.h"

#include <wchar.h>

/*
 * The character at the beginning of t, 1 to 4 bytes of *n; -1 and *n == 1 where it is not UTF-8.
 */
static int32_t character(struct text t, size_t *n)
{
	unsigned char lead = (unsigned char)t.s[0];
	int32_t c;

	*n = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (*n > t.n || !text_is_utf8((struct text){ t.s, *n })) {
		*n = 1;
		return -1;
	}
	c = *n == 1 ? lead : lead & (0x7f >> *n);
	for (size_t i = 1; i < *n; i++)
		c = c << 6 | ((unsigned char)t.s[i] & 0x3f);
	return c;
}

/* Marks that turn the direction of reading round, and separators of lines. */
static bool is_tricky(int32_t c)
{
	return (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
	       c == 0x061c || c == 0xfeff;
}

static void escape(struct buf *out, int32_t c, unsigned char byte)
{
	if (c == '\n')
		buf_add_str(out, "\\n");
	else if (c == '\t')
		buf_add_str(out, "\\t");
	else if (c == '\r')
		buf_add_str(out, "\\r");
	else if (c < 0x80) /* below 0: not UTF-8 */
		buf_addf(out, "\\x%02x", (unsigned)byte);
	else
		buf_addf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
}

void plain_add(struct buf *out, struct text t)
{
	while (t.n > 0) {
		size_t n;
		int32_t c = character(t, &n);

		if (c < 0 || is_tricky(c) || wcwidth((wchar_t)c) < 0 || c == 0)
			escape(out, c, (unsigned char)t.s[0]);
		else
			buf_add(out, t.s, n);
		t = (struct text){ t.s + n, t.n - n };
	}
}

struct text plain_begin(struct text t, size_t columns)
{
	size_t used = 0, at = 0;

	while (at < t.n) {
		size_t n;
		int32_t c = character((struct text){ t.s + at, t.n - at }, &n);
		int width = c < 0 ? 1 : wcwidth((wchar_t)c);

		used += width < 0 ? 1 : (size_t)width;
		if (used > columns)
			break;
		at += n;
	}
	return (struct text){ t.s, at };
}

size_t plain_width(struct text t)
{
	size_t used = 0;

	while (t.n > 0) {
		size_t n;
		int32_t c = character(t, &n);
		int width = c < 0 ? 1 : wcwidth((wchar_t)c);

		used += width < 0 ? 1 : (size_t)width;
		t = (struct text){ t.s + n, t.n - n };
	}
	return used;
}

void plain_add_cut(struct buf *out, struct text t, size_t columns)
{
	struct buf whole;
	struct text shown;

	buf_init(&whole, SIZE_MAX);
	plain_add(&whole, t);
	shown = buf_text(&whole);
	if (plain_width(shown) <= columns) {
		buf_add_text(out, shown);
	} else if (columns > 0) {
		buf_add_text(out, plain_begin(shown, columns - 1));
		buf_add_str(out, "…");
	}
	buf_fini(&whole);
}

void plain_pad(struct buf *out, size_t columns)
{
	while (columns-- > 0)
		buf_add_str(out, " ");
}

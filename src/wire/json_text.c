#include "wire/json_text.h"

#include "base/text.h"
#include "wire/json_scan.h"

/* What stands behind a backslash → the byte it means; 0: none of them (u has its own way). */
static const char meaning[256] = {
	['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
};

/* The four hexadecimal digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		if (c >= '0' && c <= '9')
			v = v * 16 + (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v * 16 + ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* The character of the \u escape (one, or a surrogate pair) whose backslash is at *p, which is moved behind it. */
static unsigned long unicode_escape(const char **p, const char *end, const char **problem)
{
	int high = hex4(*p + 2, end), low;

	if (high < 0) {
		*problem = "\\u without four hexadecimal digits";
		return 0;
	}
	if (high < 0xD800 || high > 0xDFFF) {
		*p += 6;
		return (unsigned long)high;
	}
	low = end - *p >= 12 && (*p)[6] == '\\' && (*p)[7] == 'u' ? hex4(*p + 8, end) : -1;
	if (high > 0xDBFF || low < 0xDC00 || low > 0xDFFF) {
		*problem = "lone surrogate";
		return 0;
	}
	*p += 12;
	return 0x10000 + ((unsigned long)(high - 0xD800) << 10) + (unsigned long)(low - 0xDC00);
}

static char *put_utf8(char *o, unsigned long c)
{
	if (c < 0x80) {
		*o++ = (char)c;
	} else if (c < 0x800) {
		*o++ = (char)(0xC0 | c >> 6);
		*o++ = (char)(0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		*o++ = (char)(0xE0 | c >> 12);
		*o++ = (char)(0x80 | (c >> 6 & 0x3F));
		*o++ = (char)(0x80 | (c & 0x3F));
	} else {
		*o++ = (char)(0xF0 | c >> 18);
		*o++ = (char)(0x80 | (c >> 12 & 0x3F));
		*o++ = (char)(0x80 | (c >> 6 & 0x3F));
		*o++ = (char)(0x80 | (c & 0x3F));
	}
	return o;
}

/* The escape whose backslash is at p: returns behind it, with its bytes at *out (at most as many as it has itself). */
static const char *escape(const char *p, const char *end, char **out, const char **problem)
{
	unsigned long c;

	if (end - p < 2) {
		*problem = "text without an end";
	} else if (p[1] == 'u') {
		c = unicode_escape(&p, end, problem);
		if (*problem == NULL)
			*out = put_utf8(*out, c);
	} else if (meaning[(unsigned char)p[1]] != 0) {
		*(*out)++ = meaning[(unsigned char)p[1]];
		p += 2;
	} else {
		*problem = "unknown escape";
	}
	return p;
}

/* The bytes above ASCII at p: returns behind them. A sequence never reaches into what follows such a run. */
static const char *beyond_ascii(const char *p, const char *end, const char **problem)
{
	const char *start = p;

	while (p < end && (signed char)*p < 0)
		p++;
	if (text_is_utf8((struct text){ start, (size_t)(p - start) }))
		return p;
	*problem = "not UTF-8";
	return start;
}

const char *json_text_check(const char *p, const char *end, bool stop_at_escape, bool *escaped, const char **problem)
{
	char bytes[4], *out;

	for (;;) {
		p = json_plain_end(p, end);
		if (p == end) {
			*problem = "text without an end";
			return p;
		}
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*escaped = true;
			if (stop_at_escape)
				return p;
			out = bytes;
			p = escape(p, end, &out, problem);
		} else if ((signed char)*p < 0) {
			p = beyond_ascii(p, end, problem);
		} else {
			*problem = "control character in a text";
		}
		if (*problem != NULL)
			return p;
	}
}

const char *json_text_decode(const char *p, const char *end, char **out, const char **problem)
{
	const char *start;
	char *o = *out;

	for (;;) {
		p = json_plain_copy(p, end, &o);
		if (p == end || *p == '"')
			break;
		if (*p == '\\') {
			/* JSON inside JSON has its escapes in runs */
			while (end - p >= 2 && *p == '\\' && meaning[(unsigned char)p[1]] != 0) {
				*o++ = meaning[(unsigned char)p[1]];
				p += 2;
			}
			if (p < end && *p == '\\')
				p = escape(p, end, &o, problem);
		} else if ((signed char)*p < 0) {
			start = p;
			p = beyond_ascii(p, end, problem);
			memcpy(o, start, (size_t)(p - start));
			o += p - start;
		} else {
			*problem = "control character in a text";
		}
		if (*problem != NULL)
			break;
	}
	*out = o;
	return p;
}

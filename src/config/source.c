#include "config/source.h"

#include "base/fileio.h"

enum { SHOWN_MAX = 60 };

void source_warn(const struct source *s, size_t line, const char *format, ...)
{
	struct why detail, all;
	va_list args;

	if (s->warn == NULL)
		return;
	va_start(args, format);
	vsnprintf(detail.text, sizeof(detail.text), format, args);
	va_end(args);
	(void)because(&all, RC_OK, "%s:%zu: %s", s->name, line, detail.text);
	s->warn(s->argument, all.text);
}

enum rc source_refuse(const struct source *s, size_t line, struct why *why, const char *format, ...)
{
	struct why detail;
	va_list args;

	va_start(args, format);
	vsnprintf(detail.text, sizeof(detail.text), format, args);
	va_end(args);
	return because(why, RC_REFUSED, "%s:%zu: %s", s->name, line, detail.text);
}

enum rc source_read(const char *path, struct buf *out, struct why *why)
{
	struct why cause;
	enum rc rc = fileio_read_all(path, out, &cause);
	const char *reason;

	if (rc == RC_OK)
		return RC_OK;
	if (rc == RC_FULL)
		return because(why, RC_REFUSED, "%s: longer than %zu bytes", path, out->max);
	/* "open PATH: reason" → "PATH: reason" */
	reason = strstr(cause.text, path);
	reason =
		reason == NULL || strncmp(reason + strlen(path), ": ", 2) != 0 ? cause.text : reason + strlen(path) + 2;
	return because(why, rc, "%s: %s", path, reason);
}

bool source_next_line(struct text *rest, struct text *line)
{
	const char *end;

	if (rest->n == 0)
		return false;
	end = memchr(rest->s, '\n', rest->n);
	*line = (struct text){ rest->s, end == NULL ? rest->n : (size_t)(end - rest->s) };
	rest->s += end == NULL ? rest->n : line->n + 1;
	rest->n -= end == NULL ? rest->n : line->n + 1;
	if (line->n > 0 && line->s[line->n - 1] == '\r')
		line->n--;
	return true;
}

const char *source_show(struct text t, struct shown *out)
{
	bool cut = t.n > SHOWN_MAX, utf8 = text_is_utf8(t);
	size_t n = cut ? SHOWN_MAX : t.n;

	while (cut && n > 0 && ((unsigned char)t.s[n] & 0xC0) == 0x80) /* not inside a character */
		n--;
	for (size_t i = 0; i < n; i++)
		out->text[i] = (unsigned char)t.s[i] < ' ' || t.s[i] == 0x7F || (!utf8 && (unsigned char)t.s[i] > '~')
				       ? '?'
				       : t.s[i];
	memcpy(out->text + n, cut ? "..." : "", cut ? 4 : 1);
	return out->text;
}

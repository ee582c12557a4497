#include "config/ini.h"

#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Without the comment: from the first blank followed by `;` on. */
static struct text without_comment(struct text line)
{
	for (size_t i = 1; i < line.n; i++)
		if (line.s[i] == ';' && is_blank(line.s[i - 1]))
			return (struct text){ line.s, i };
	return line;
}

static bool is_comment(struct text line)
{
	struct text t = text_trim(line);

	if (t.n == 0 || t.s[0] == ';' || t.s[0] == '#')
		return true;
	return t.s == line.s && t.n >= 3 && strncasecmp(t.s, "rem", 3) == 0 && (t.n == 3 || is_blank(t.s[3]));
}

static struct ini_line *add_line(struct ini *i, size_t number)
{
	array_grow(&i->line, &i->capacity, i->n, sizeof(*i->line));
	i->line[i->n] = (struct ini_line){ .number = number };
	return &i->line[i->n++];
}

static enum rc open_section(struct ini *i, const struct source *source, size_t number, struct text t, struct why *why)
{
	const char *end = memchr(t.s, ']', t.n);
	struct text name;

	if (end == NULL || end == t.s + 1)
		return source_refuse(source, number, why, "expected a section's name between [ and ]");
	name = text_trim((struct text){ t.s + 1, (size_t)(end - t.s) - 1 });
	if (end + 1 < t.s + t.n)
		source_warn(source, number, "[%.*s]: what stands behind the ] is ignored", TEXT_ARG(name));
	add_line(i, number)->section = must_strndup(name.s, name.n);
	return RC_OK;
}

static enum rc add_key(struct ini *i, const struct source *source, size_t number, struct text t, struct why *why)
{
	struct text key, value;
	struct ini_line *line;
	struct shown shown;
	size_t n = 0;

	while (n < t.n && t.s[n] != '=' && t.s[n] != ':')
		n++;
	if (n == 0 || n == t.n)
		return source_refuse(source, number, why, "expected key = value, a [section] or a comment");
	key = text_trim((struct text){ t.s, n });
	value = text_trim((struct text){ t.s + n + 1, t.n - n - 1 });
	if (text_is(value, "\"\""))
		value.n = 0;
	if (i->n == 0)
		return source_refuse(source, number, why, "%s: stands before any section; expected [global] first",
				     source_show(key, &shown));
	line = add_line(i, number);
	line->section = i->line[i->n - 2].section;
	line->key = must_strndup(key.s, key.n);
	for (char *c = line->key; *c != '\0'; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
	line->value = must_strndup(value.s, value.n);
	line->value_n = value.n;
	return RC_OK;
}

static enum rc go_on(struct ini *i, const struct source *source, size_t number, struct text t, struct why *why)
{
	struct ini_line *line = i->n == 0 ? NULL : &i->line[i->n - 1];

	if (line == NULL || line->key == NULL)
		return source_refuse(
			source, number, why,
			"an indented line with nothing to go on with: expected it at the line's beginning");
	line->value = must_realloc(line->value, line->value_n + 1 + t.n + 1);
	line->value[line->value_n++] = '\n';
	memcpy(line->value + line->value_n, t.s, t.n);
	line->value_n += t.n;
	line->value[line->value_n] = '\0';
	if (line->continued_at == 0)
		line->continued_at = number;
	return RC_OK;
}

static enum rc take_line(struct ini *i, const struct source *source, size_t number, struct text line, struct why *why)
{
	struct text t;

	if (memchr(line.s, '\0', line.n) != NULL)
		return source_refuse(source, number, why, "a NUL byte: expected text in UTF-8");
	if (is_comment(line))
		return RC_OK;
	if (!text_is_utf8(line))
		return source_refuse(source, number, why, "bytes that are not UTF-8: expected text in UTF-8");
	t = text_trim(without_comment(line));
	if (is_blank(line.s[0]))
		return go_on(i, source, number, t, why);
	if (t.s[0] == '[')
		return open_section(i, source, number, t, why);
	return add_key(i, source, number, t, why);
}

enum rc ini_parse(struct text content, const struct source *source, struct ini *out, struct why *why)
{
	struct ini i = { 0 };
	struct text line;
	enum rc rc = RC_OK;

	if (content.n >= 3 && memcmp(content.s, "\xEF\xBB\xBF", 3) == 0) /* byte order mark */
		content = (struct text){ content.s + 3, content.n - 3 };
	for (size_t number = 1; source_next_line(&content, &line); number++) {
		rc = take_line(&i, source, number, line, why);
		if (rc != RC_OK)
			goto out;
	}
	*out = i;
	i = (struct ini){ 0 };
out:
	ini_fini(&i);
	return rc;
}

void ini_fini(struct ini *i)
{
	for (size_t k = 0; k < i->n; k++) {
		if (i->line[k].key == NULL)
			free(i->line[k].section);
		free(i->line[k].key);
		free(i->line[k].value);
	}
	free(i->line);
	*i = (struct ini){ 0 };
}

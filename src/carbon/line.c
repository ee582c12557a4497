#include "carbon/line.h"

#include "model/name.h"
#include "wire/number.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next run of bytes that are no blanks; *at is moved behind it. Empty at the end. */
static struct text next_field(struct text line, size_t *at)
{
	size_t start;

	while (*at < line.n && is_blank(line.s[*at]))
		(*at)++;
	start = *at;
	while (*at < line.n && !is_blank(line.s[*at]))
		(*at)++;
	return (struct text){ line.s + start, *at - start };
}

/* What of a field fits into a sentence. */
static struct text excerpt(struct text t)
{
	if (t.n > 64)
		t.n = 64;
	return t;
}

static enum reason refuse(struct why *why, enum reason reason, const char *what, struct text culprit)
{
	because(why, RC_REFUSED, "%s: \"%.*s\"", what, TEXT_ARG(excerpt(culprit)));
	return reason;
}

enum reason line_read(struct text line, int64_t now_s, struct line *out, struct why *why)
{
	struct text value, time;
	size_t at = 0;

	*out = (struct line){ .key = TEXT("") };
	if (line.n > 0 && line.s[line.n - 1] == '\r')
		line.n--;
	if (line.n > LINE_MAX_BYTES) {
		because(why, RC_REFUSED, "a line of over %d bytes", LINE_MAX_BYTES);
		return REASON_CARBON_LINE;
	}
	out->key = next_field(line, &at);
	if (out->key.n == 0)
		return REASON_NONE;
	value = next_field(line, &at);
	time = next_field(line, &at);
	if (time.n == 0 || next_field(line, &at).n > 0)
		return refuse(why, REASON_CARBON_LINE, "not three fields", line);
	switch (number_parse(value, &out->value)) {
	case NUMBER_VALUE:
		break;
	case NUMBER_UNKNOWN:
		out->unknown = true;
		break;
	case NUMBER_BAD:
		return refuse(why, REASON_VALUE, "no number", value);
	}
	if (text_is(time, "N"))
		out->t_s = now_s;
	else if (!number_parse_seconds(time, &out->t_s))
		return refuse(why, REASON_TIMESTAMP, "no Unix seconds", time);
	else if (out->t_s == -1)
		out->t_s = now_s;
	return REASON_NONE;
}

/* The last dot of the first n bytes, or n when there is none. */
static size_t last_dot(struct text key, size_t n)
{
	size_t at = n;

	while (at > 0 && key.s[at - 1] != '.')
		at--;
	return at == 0 ? n : at - 1;
}

static bool has_empty_part(struct text path)
{
	if (path.n == 0 || path.s[0] == '.' || path.s[path.n - 1] == '.')
		return true;
	for (size_t i = 1; i < path.n; i++)
		if (path.s[i] == '.' && path.s[i - 1] == '.')
			return true;
	return false;
}

enum reason line_split(struct text key, struct series *out, struct why *why)
{
	const char *tags = memchr(key.s, ';', key.n);
	struct text path = { key.s, tags == NULL ? key.n : (size_t)(tags - key.s) };
	size_t before_ds, before_plugin;

	*out = (struct series){ .host = TEXT("carbon"), .plugin = TEXT("carbon") };
	if (has_empty_part(path))
		return refuse(why, REASON_CARBON_LINE, "a name with an empty part", key);
	before_ds = last_dot(path, path.n);
	if (before_ds == path.n) {
		out->ds = key;
	} else {
		out->ds = (struct text){ key.s + before_ds + 1, key.n - before_ds - 1 };
		before_plugin = last_dot(path, before_ds);
		if (before_plugin < before_ds)
			out->plugin = (struct text){ key.s + before_plugin + 1, before_ds - before_plugin - 1 };
		out->host = (struct text){ key.s, before_plugin };
	}
	if (name_check_host(out->host, why) != RC_OK)
		return REASON_HOST_NAME;
	if (name_check_plugin_or_ds(out->plugin, why) != RC_OK)
		return REASON_PLUGIN_NAME;
	if (name_check_plugin_or_ds(out->ds, why) != RC_OK)
		return REASON_DS_NAME;
	return REASON_NONE;
}

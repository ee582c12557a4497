#include "munin/compose.h"

#include <stdlib.h>

#include "base/mem.h"

/* The code point at t[*i], and *i behind it; U+FFFD for a byte that begins none. */
static uint32_t next_point(struct text t, size_t *i)
{
	unsigned char c = (unsigned char)t.s[*i];
	size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
	uint32_t point = n == 1 ? c : c & (0xFFU >> (n + 1));

	if (n > t.n - *i || !text_is_utf8((struct text){ t.s + *i, n })) {
		(*i)++;
		return 0xFFFD;
	}
	for (size_t k = 1; k < n; k++)
		point = point << 6 | ((unsigned char)t.s[*i + k] & 0x3FU);
	*i += n;
	return point;
}

static void add_point(struct buf *out, uint32_t point)
{
	if (point >= 0x10000) {
		point -= 0x10000;
		buf_addf(out, "\\u%04x\\u%04x", 0xD800U + (unsigned)(point >> 10), 0xDC00U + (unsigned)(point & 0x3FF));
	} else {
		buf_addf(out, "\\u%04x", (unsigned)point);
	}
}

static bool is_plain(char c)
{
	return c >= ' ' && c != '"' && c != '\\' && (unsigned char)c < 0x80;
}

void compose_string(struct buf *out, struct text t)
{
	static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

	buf_add(out, "\"", 1);
	for (size_t i = 0; i < t.n;) {
		size_t from = i;
		const char *at;

		while (i < t.n && is_plain(t.s[i]))
			i++;
		buf_add(out, t.s + from, i - from);
		if (i == t.n)
			break;
		at = t.s[i] == '\0' ? NULL : strchr(escaped, t.s[i]);
		if (at != NULL) {
			buf_addf(out, "\\%c", letters[at - escaped]);
			i++;
		} else {
			add_point(out, next_point(t, &i));
		}
	}
	buf_add(out, "\"", 1);
}

void compose_member(struct buf *out, const char *name, struct text value)
{
	buf_addf(out, "\"%s\": ", name);
	compose_string(out, value);
}

static struct text attribute(const struct answer_graph *g, const char *name, struct text otherwise)
{
	const struct answer_attribute *a = answer_find(g->attribute, name);

	return a == NULL ? otherwise : a->value;
}

/* The number behind `--base` in graph_args; 1000 without. */
static struct text base_of(const struct answer_graph *g)
{
	struct text args = attribute(g, "graph_args", TEXT_NONE);
	static const char mark[] = "--base";
	const size_t n = sizeof(mark) - 1;

	for (size_t i = 0; i + n < args.n; i++) {
		struct text rest, digits;

		if (memcmp(args.s + i, mark, n) != 0 || (i > 0 && args.s[i - 1] != ' '))
			continue;
		rest = (struct text){ args.s + i + n, args.n - i - n };
		while (rest.n > 0 && (rest.s[0] == ' ' || rest.s[0] == '\t' || rest.s[0] == '=')) {
			rest.s++;
			rest.n--;
		}
		digits = (struct text){ rest.s, 0 };
		while (digits.n < rest.n && digits.n < 10 && rest.s[digits.n] >= '0' && rest.s[digits.n] <= '9')
			digits.n++;
		if (digits.n > 0 && (digits.n == rest.n || rest.s[digits.n] == ' ' || rest.s[digits.n] == '\t'))
			return digits;
	}
	return TEXT("1000");
}

static struct text draw_of(const struct answer_field *f)
{
	const struct answer_attribute *a = answer_find(f->attribute, "draw");

	return a == NULL ? TEXT_NONE : a->value;
}

/* graph_order; else the fields that say how they are drawn: the last one first, then those stacked upon it in order. */
static void add_order(struct buf *out, const struct answer_graph *g)
{
	struct text given = attribute(g, "graph_order", TEXT_NONE);
	const struct answer_field **drawn;
	struct buf order;
	size_t n = 0;

	if (given.n > 0) {
		compose_member(out, "Order", given);
		return;
	}
	drawn = must_alloc((g->n_fields + 1) * sizeof(*drawn));
	buf_init(&order, SIZE_MAX);
	for (const struct answer_field *f = g->field; f != NULL; f = f->next)
		if (draw_of(f).s != NULL && !text_is(draw_of(f), "STACK"))
			drawn[n++] = f;
	for (; n > 0; n--)
		buf_addf(&order, " %.*s", TEXT_ARG(drawn[n - 1]->name));
	for (const struct answer_field *f = g->field; f != NULL; f = f->next)
		if (text_is(draw_of(f), "STACK"))
			buf_addf(&order, " %.*s", TEXT_ARG(f->name));
	compose_member(out, "Order", text_trim(buf_text(&order)));
	buf_fini(&order);
	free(drawn);
}

static bool is_told(struct text name, enum compose_detail detail)
{
	if (text_is(name, "id") || detail == COMPOSE_IDS)
		return false;
	return detail == COMPOSE_ALL || text_is(name, "label") || text_is(name, "type") || text_is(name, "draw");
}

static void add_field(struct buf *out, const struct answer_field *f, enum compose_detail detail, size_t *n_told)
{
	buf_add_str(out, *n_told == 0 ? "" : ", ");
	(*n_told)++;
	compose_string(out, f->name);
	buf_add_str(out, ": {");
	for (const struct answer_attribute *a = f->attribute; a != NULL; a = a->next) {
		if (!is_told(a->name, detail))
			continue;
		compose_string(out, a->name);
		buf_add_str(out, ": ");
		compose_string(out, a->value);
		buf_add_str(out, ", ");
	}
	compose_member(out, "id", f->name);
	buf_add_str(out, "}");
}

static void add_fields(struct buf *out, const struct answer *config_answer, const struct answer_graph *config,
		       const struct answer_graph *values, enum compose_detail detail)
{
	size_t n_told = 0;

	for (const struct answer_field *f = config->field; f != NULL; f = f->next)
		add_field(out, f, detail, &n_told);
	for (const struct answer_field *f = values == NULL ? NULL : values->field; f != NULL; f = f->next)
		if (f->has_value && answer_field(config_answer, config, f->name) == NULL)
			add_field(out, f, COMPOSE_IDS, &n_told);
}

bool compose_info(struct buf *out, const struct answer *config_answer, const struct answer_graph *config,
		  const struct answer_graph *values, enum compose_detail detail)
{
	struct text category = attribute(config, "graph_category", TEXT_NONE);

	if (config->n_fields == 0 && (values == NULL || values->n_fields == 0))
		return false;
	buf_add_str(out, "{");
	compose_member(out, "Plugin", config->name);
	buf_add_str(out, ", ");
	compose_member(out, "Base", base_of(config));
	buf_add_str(out, ", ");
	compose_member(out, "Describ", attribute(config, "graph_info", TEXT("")));
	buf_add_str(out, ", ");
	compose_member(out, "Title", attribute(config, "graph_title", config->name));
	buf_add_str(out, ", ");
	compose_member(out, "Vlabel", attribute(config, "graph_vlabel", TEXT("")));
	buf_add_str(out, ", ");
	add_order(out, config);
	buf_add_str(out, ", \"Infos\": {");
	add_fields(out, config_answer, config, values, detail);
	buf_add_str(out, "}");
	if (category.n > 0) {
		buf_add_str(out, ", ");
		compose_member(out, "Category", category);
	}
	buf_add_str(out, "}");
	return true;
}

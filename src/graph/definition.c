#include "graph/definition.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "wire/json.h"
#include "wire/number.h"

static const uint32_t palette[] = {
	0x00CC00, 0x0066B3, 0xFF8000, 0xFFCC00, 0x330099, 0x990099, 0xCCFF00, 0xFF0000, 0x808080, 0x008F00,
	0x00487D, 0xB35A00, 0xB38F00, 0x6B006B, 0x8FB300, 0xB30000, 0xBEBEBE, 0x80FF80, 0x80C9FF, 0xFFC080,
	0xFFE680, 0xAA80FF, 0xEE00CC, 0xFF8080, 0x666600, 0xFFBFFF, 0x00FFCC, 0xCC6699, 0x999900,
};

uint32_t graph_colour(size_t i)
{
	return palette[i % ARRAY_LEN(palette)];
}

/* Reading one info. */
struct reading {
	const struct graph_plugin *plugin;
	struct graph_definition *out;
	struct json_value infos; /* an object, when has_infos */
	bool has_infos;
};

void graph_definition_note(struct graph_definition *d, const char *format, ...)
{
	char line[256];
	va_list args;
	int n;

	if (d->n_notes == GRAPH_MAX_NOTES)
		return;
	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (size_t i = 0; i < d->n_notes; i++)
		if (text_is(d->note[i], line))
			return;
	if (n > 0)
		d->note[d->n_notes++] = arena_text(&d->arena, (struct text){ line, strlen(line) });
}

const struct graph_field *graph_definition_find(const struct graph_definition *d, struct text name)
{
	for (size_t i = 0; i < d->n_fields; i++)
		if (text_equal(d->field[i].name, name))
			return &d->field[i];
	return NULL;
}

/* A member as text: strings, and numbers as they are written. TEXT_NONE when it is neither, or blank. */
static struct text member(struct graph_definition *d, struct json_value object, const char *name)
{
	struct json_value v;
	struct text t = TEXT_NONE;

	if (!json_member(&d->arena, object, name, &v))
		return t;
	if (v.type == JSON_STRING)
		t = text_trim(json_string(&d->arena, v.raw, v.escaped));
	else if (v.type == JSON_NUMBER)
		t = v.raw;
	return t.n == 0 ? TEXT_NONE : t;
}

enum { WORDS_MAX = 2 * GRAPH_MAX_FIELDS }; /* of a list: each may cost a walk through the info */

/* The next word between blanks; false at the end. */
static bool next_word(struct text *rest, struct text *word)
{
	size_t i = 0, start;

	while (i < rest->n && isspace((unsigned char)rest->s[i]))
		i++;
	start = i;
	while (i < rest->n && !isspace((unsigned char)rest->s[i]))
		i++;
	*word = (struct text){ rest->s + start, i - start };
	*rest = (struct text){ rest->s + i, rest->n - i };
	return word->n > 0;
}

static bool is_ds(const struct reading *r, struct text name)
{
	for (size_t i = 0; i < r->plugin->n_ds; i++)
		if (text_equal(r->plugin->ds[i], name))
			return true;
	return false;
}

static bool has_info(const struct reading *r, struct text name, struct json_value *out)
{
	struct json_value value;
	struct json_walk w;
	struct text key;
	bool escaped, found = false;

	if (!r->has_infos)
		return false;
	w = json_walk(r->infos);
	while (json_next_member(&w, &key, &escaped, &value)) {
		if (!text_equal(json_string(&r->out->arena, key, escaped), name) || value.type != JSON_OBJECT)
			continue;
		*out = value;
		found = true;
	}
	return found;
}

/* "load", "load.load", "web-1:load.load" → the ds of this plugin; TEXT_NONE: it is of another. */
static struct text resolve(const struct reading *r, struct text path)
{
	struct text host = r->plugin->host, plugin = r->plugin->plugin;
	struct json_value ignored;
	const char *mark;

	if (is_ds(r, path) || has_info(r, path, &ignored))
		return path;
	mark = path.n == 0 ? NULL : memchr(path.s, ';', path.n); /* a group before the host */
	if (mark != NULL)
		path = (struct text){ mark + 1, path.n - (size_t)(mark + 1 - path.s) };
	if (path.n > host.n && path.s[host.n] == ':' && text_equal((struct text){ path.s, host.n }, host))
		path = (struct text){ path.s + host.n + 1, path.n - host.n - 1 };
	if (path.n > plugin.n && path.s[plugin.n] == '.' && text_equal((struct text){ path.s, plugin.n }, plugin))
		path = (struct text){ path.s + plugin.n + 1, path.n - plugin.n - 1 };
	return is_ds(r, path) ? path : TEXT_NONE;
}

static void read_draw(struct text t, struct graph_field *f)
{
	static const struct {
		const char *name;
		enum graph_draw draw;
	} kinds[] = { { "LINESTACK", GRAPH_LINESTACK },
		      { "AREASTACK", GRAPH_AREASTACK },
		      { "STACK", GRAPH_STACK },
		      { "AREA", GRAPH_AREA },
		      { "LINE", GRAPH_LINE } };
	double width;

	f->draw = GRAPH_LINE;
	f->line_px = 1;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t n = strlen(kinds[i].name);

		if (t.n < n || memcmp(t.s, kinds[i].name, n) != 0)
			continue;
		f->draw = kinds[i].draw;
		if (t.n > n && number_parse((struct text){ t.s + n, t.n - n }, &width) == NUMBER_VALUE &&
		    width >= 0.5 && width <= 10)
			f->line_px = width;
		return;
	}
}

static double read_number(struct text t)
{
	double v;

	return number_parse(t, &v) == NUMBER_VALUE ? v : (double)NAN;
}

static struct graph_range read_range(struct text t)
{
	const char *colon = t.n == 0 ? NULL : memchr(t.s, ':', t.n);
	struct graph_range r = { NAN, NAN };

	if (colon == NULL) {
		r.max = read_number(t);
		return r;
	}
	r.min = read_number((struct text){ t.s, (size_t)(colon - t.s) });
	r.max = read_number((struct text){ colon + 1, t.n - (size_t)(colon + 1 - t.s) });
	return r;
}

/* COLOUR5, 00ff00, #00ff00, 00ff0080 (how dense is not looked at) */
static bool read_colour(struct text t, uint32_t *out)
{
	char digits[8];
	double number;
	char *end;

	if (t.n > 6 && t.n <= 10 && memcmp(t.s, "COLOUR", 6) == 0) {
		if (number_parse((struct text){ t.s + 6, t.n - 6 }, &number) != NUMBER_VALUE || number < 0)
			return false;
		*out = graph_colour((size_t)number);
		return true;
	}
	if (t.n > 0 && t.s[0] == '#')
		t = (struct text){ t.s + 1, t.n - 1 };
	if (t.n != 6 && t.n != 8)
		return false;
	memcpy(digits, t.s, 6);
	digits[6] = '\0';
	if (strspn(digits, "0123456789abcdefABCDEF") != 6)
		return false;
	*out = (uint32_t)strtoul(digits, &end, 16);
	return true;
}

static struct graph_field *add_field(struct graph_definition *d, struct text name)
{
	struct graph_field *f;

	if (d->n_fields == GRAPH_MAX_FIELDS)
		return NULL;
	array_grow(&d->field, &d->field_capacity, d->n_fields, sizeof(*d->field));
	f = &d->field[d->n_fields++];
	*f = (struct graph_field){ .name = name,
				   .label = name,
				   .source = name,
				   .line_px = 1,
				   .limits = { NAN, NAN },
				   .warning = { NAN, NAN },
				   .critical = { NAN, NAN } };
	return f;
}

static void read_sum(struct reading *r, struct text paths, struct graph_field *f)
{
	struct graph_definition *d = r->out;
	struct text rest = paths, word, *sum;
	size_t n = 0;

	while (n < WORDS_MAX && next_word(&rest, &word))
		n++;
	sum = arena_alloc(&d->arena, (n + 1) * sizeof(*sum));
	for (rest = paths; n > 0 && next_word(&rest, &word); n--) {
		struct text ds = resolve(r, word);

		if (ds.s == NULL)
			graph_definition_note(d, "%.*s: sum of \"%.*s\", which this plugin does not have",
					      TEXT_ARG(f->name), TEXT_ARG(word));
		else
			sum[f->n_sum++] = ds;
	}
	f->sum = sum;
	f->source = TEXT_NONE;
}

/* alias=path alias=path: a field each, one on top of the other. */
static void read_stack(struct reading *r, struct text stack)
{
	struct graph_definition *d = r->out;
	struct text word;

	for (size_t n = 0; n < WORDS_MAX && next_word(&stack, &word); n++) {
		const char *equals = memchr(word.s, '=', word.n);
		struct text alias = word, path = word;
		struct graph_field *f;

		if (equals != NULL) {
			alias.n = (size_t)(equals - word.s);
			path = (struct text){ equals + 1, word.n - alias.n - 1 };
		}
		path = resolve(r, path);
		if (path.s == NULL) {
			graph_definition_note(d, "\"%.*s\" is of another plugin, which is not drawn here",
					      TEXT_ARG(word));
			continue;
		}
		if (graph_definition_find(d, alias) != NULL)
			continue;
		f = add_field(d, alias);
		if (f == NULL)
			return;
		f->source = path;
		f->draw = GRAPH_AREASTACK;
	}
}

/* `source`: where its values are; its own name but for an alias. */
static void read_field(struct reading *r, struct text name, struct text source)
{
	struct graph_definition *d = r->out;
	struct json_value info;
	struct graph_field *f;
	struct text t;

	if (graph_definition_find(d, name) != NULL || d->n_fields == GRAPH_MAX_FIELDS) {
		if (d->n_fields == GRAPH_MAX_FIELDS && d->n_notes == 0)
			graph_definition_note(d, "only the first %d data sources are drawn", GRAPH_MAX_FIELDS);
		return;
	}
	if (!has_info(r, name, &info)) {
		f = add_field(d, name);
		if (f != NULL)
			f->source = source;
		return;
	}
	t = member(d, info, "stack");
	if (t.s != NULL) {
		read_stack(r, t);
		return;
	}
	f = add_field(d, name);
	if (f == NULL)
		return;
	f->source = source;
	t = member(d, info, "label");
	if (t.s != NULL)
		f->label = t;
	f->cdef = member(d, info, "cdef");
	f->negative = member(d, info, "negative");
	read_draw(member(d, info, "draw"), f);
	f->has_colour = read_colour(member(d, info, "colour"), &f->colour);
	f->limits = (struct graph_range){ read_number(member(d, info, "min")), read_number(member(d, info, "max")) };
	f->warning = read_range(member(d, info, "warning"));
	f->critical = read_range(member(d, info, "critical"));
	f->hidden = text_is(member(d, info, "graph"), "no");
	t = member(d, info, "sum");
	if (t.s != NULL)
		read_sum(r, t, f);
}

/* An order is names, or alias=path. */
static void read_order(struct reading *r, struct text order)
{
	struct text word;

	for (size_t n = 0; n < WORDS_MAX && next_word(&order, &word); n++) {
		const char *equals = memchr(word.s, '=', word.n);
		struct json_value ignored;
		struct text source;

		if (equals == NULL) {
			if (is_ds(r, word) || has_info(r, word, &ignored))
				read_field(r, word, word);
			continue;
		}
		source = resolve(r, (struct text){ equals + 1, word.n - (size_t)(equals + 1 - word.s) });
		if (source.s != NULL)
			read_field(r, (struct text){ word.s, (size_t)(equals - word.s) }, source);
		else
			graph_definition_note(r->out, "\"%.*s\" is of another plugin, which is not drawn here",
					      TEXT_ARG(word));
	}
}

static void read_infos(struct reading *r)
{
	struct json_value value;
	struct json_walk w;
	struct text key;
	bool escaped;

	if (!r->has_infos)
		return;
	w = json_walk(r->infos);
	while (json_next_member(&w, &key, &escaped, &value)) {
		struct text name = json_string(&r->out->arena, key, escaped);

		read_field(r, name, name);
	}
}

/* Rates are stored a second; ${graph_period} of the label says so. */
static struct text fill_period(struct graph_definition *d, struct text t)
{
	static const char mark[] = "${graph_period}", period[] = "second";
	struct buf b;

	buf_init(&b, 4096);
	for (size_t i = 0; i < t.n;) {
		if (t.n - i >= strlen(mark) && memcmp(t.s + i, mark, strlen(mark)) == 0) {
			buf_add_str(&b, period);
			i += strlen(mark);
		} else {
			buf_add(&b, t.s + i++, 1);
		}
	}
	t = arena_text(&d->arena, buf_text(&b));
	buf_fini(&b);
	return t;
}

static bool is_among(struct text list, struct text name)
{
	while (list.n > 0) {
		const char *comma = memchr(list.s, ',', list.n);
		size_t n = comma == NULL ? list.n : (size_t)(comma - list.s);

		if (text_equal((struct text){ list.s, n }, name))
			return true;
		list = comma == NULL ? TEXT_NONE : (struct text){ comma + 1, list.n - n - 1 };
	}
	return false;
}

/* Only those asked for; those that another draws as its negative stay hidden unless asked for. */
static void choose(struct graph_definition *d, struct text only)
{
	if (only.s == NULL)
		return;
	for (size_t i = 0; i < d->n_fields; i++)
		d->field[i].hidden = !is_among(only, d->field[i].name);
}

void graph_definition_read(const struct graph_plugin *p, struct graph_definition *out)
{
	struct reading r = { .plugin = p, .out = out };
	struct json_value info;

	*out = (struct graph_definition){ .title = p->plugin, .base = 1000 };
	arena_init(&out->arena);
	if (p->info.s != NULL && json_check(p->info, false, &info, NULL) == RC_OK && info.type == JSON_OBJECT) {
		struct text title = member(out, info, "Title");

		if (title.s != NULL)
			out->title = title;
		out->vertical_label = fill_period(out, member(out, info, "Vlabel"));
		out->base = text_is(member(out, info, "Base"), "1024") ? 1024 : 1000;
		r.has_infos = json_member(&out->arena, info, "Infos", &r.infos) && r.infos.type == JSON_OBJECT;
		read_order(&r, member(out, info, "Order"));
		read_infos(&r);
	}
	for (size_t i = 0; i < p->n_ds; i++)
		read_field(&r, p->ds[i], p->ds[i]);
	choose(out, p->only);
}

void graph_definition_fini(struct graph_definition *d)
{
	free(d->field);
	arena_fini(&d->arena);
	*d = (struct graph_definition){ .base = 1000 };
}

#include "import/datafile.h"

#include <ctype.h>
#include <stdlib.h>

#include "munin/compose.h"
#include "wire/message.h"

/* "GROUP;HOST:a.b.c value", cut up. */
struct entry {
	struct text path, name, value;
	struct text part[DATAFILE_MAX_PARTS]; /* of name, between its dots */
	size_t n_parts;
};

static bool begins(struct text t, const char *word)
{
	return t.n >= strlen(word) && memcmp(t.s, word, strlen(word)) == 0;
}

static bool split_name(struct entry *e)
{
	size_t start = 0;

	e->n_parts = 0;
	for (size_t i = 0; i <= e->name.n; i++) {
		if (i < e->name.n && e->name.s[i] != '.')
			continue;
		if (i == start || e->n_parts == DATAFILE_MAX_PARTS)
			return false;
		e->part[e->n_parts++] = (struct text){ e->name.s + start, i - start };
		start = i + 1;
	}
	return true;
}

/* The colon is the last one before the name: an address as a host's name may have some. */
static bool split_line(struct text line, struct entry *out)
{
	size_t blank = 0, colon;

	for (; blank < line.n && line.s[blank] != ' '; blank++)
		if ((unsigned char)line.s[blank] < 0x20)
			return false;
	for (colon = blank; colon > 0 && line.s[colon - 1] != ':';)
		colon--;
	if (blank == line.n || colon < 2 || colon == blank)
		return false;
	out->path = (struct text){ line.s, colon - 1 };
	out->name = (struct text){ line.s + colon, blank - colon };
	out->value = (struct text){ line.s + blank + 1, line.n - blank - 1 };
	return split_name(out);
}

static bool next_line(struct text *rest, struct text *line)
{
	const char *end = rest->n == 0 ? NULL : memchr(rest->s, '\n', rest->n);

	if (rest->n == 0)
		return false;
	*line = (struct text){ rest->s, end == NULL ? rest->n : (size_t)(end - rest->s) };
	*rest = end == NULL ? TEXT_NONE : (struct text){ end + 1, rest->n - line->n - 1 };
	return true;
}

static struct text key_of(struct arena *a, struct text path, struct text name)
{
	char *key = arena_alloc(a, path.n + 1 + name.n);

	memcpy(key, path.s, path.n);
	key[path.n] = '\0';
	memcpy(key + path.n + 1, name.s, name.n);
	return (struct text){ key, path.n + 1 + name.n };
}

static struct datafile_service *find(struct datafile *d, struct arena *scratch, struct text path, struct text name)
{
	arena_reset(scratch);
	return map_get(&d->by_name, key_of(scratch, path, name));
}

static struct datafile_service *make(struct datafile *d, struct arena *scratch, struct text path, struct text name)
{
	struct datafile_service *s = find(d, scratch, path, name);
	size_t host = path.n;

	if (s != NULL)
		return s;
	while (host > 0 && path.s[host - 1] != ';')
		host--;
	s = arena_alloc(&d->arena, sizeof(*s));
	*s = (struct datafile_service){ .path = path, .host = { path.s + host, path.n - host }, .name = name };
	map_put(&d->by_name, key_of(scratch, path, name), s);
	if (d->last == NULL)
		d->service = s;
	else
		d->last->next = s;
	d->last = s;
	d->n_services++;
	return s;
}

/* The first n parts of the name. */
static struct text leading(const struct entry *e, size_t n)
{
	return (struct text){ e->name.s, (size_t)(e->part[n - 1].s - e->name.s) + e->part[n - 1].n };
}

static bool is_of_graph(struct text attribute)
{
	static const char *const plain[] = { "graph", "update", "notify_alias", "service_order" };

	for (size_t i = 0; i < ARRAY_LEN(plain); i++)
		if (text_is(attribute, plain[i]))
			return true;
	return begins(attribute, "graph_") && !text_is(attribute, "graph_data_size");
}

/* The longest service that this entry can be about, with what is left of the name behind it: 1 or 2 parts. */
static struct datafile_service *owner(struct datafile *d, struct arena *scratch, const struct entry *e, size_t *n_left)
{
	for (size_t n = e->n_parts - 1; n > 0 && e->n_parts - n <= 2; n--) {
		struct datafile_service *s = find(d, scratch, e->path, leading(e, n));

		*n_left = e->n_parts - n;
		if (s != NULL && (*n_left == 2 || is_of_graph(e->part[e->n_parts - 1])))
			return s;
	}
	return NULL;
}

static struct datafile_field *field_of(struct datafile *d, struct datafile_service *s, struct text name)
{
	struct datafile_field *f = s->field;

	while (f != NULL && !text_equal(f->name, name))
		f = f->next;
	if (f != NULL)
		return f;
	f = arena_alloc(&d->arena, sizeof(*f));
	*f = (struct datafile_field){ .name = name, .type = 'g' };
	if (s->last_field == NULL)
		s->field = f;
	else
		s->last_field->next = f;
	s->last_field = f;
	return f;
}

static void add_line(struct datafile *d, struct datafile_service *s, struct text text)
{
	struct datafile_line *l = arena_alloc(&d->arena, sizeof(*l));

	*l = (struct datafile_line){ .text = text };
	if (s->last_line == NULL)
		s->line = l;
	else
		s->last_line->next = l;
	s->last_line = l;
}

static void take(struct datafile *d, struct arena *scratch, const struct entry *e)
{
	const struct text attribute = e->part[e->n_parts - 1];
	struct datafile_service *s = NULL;
	struct text rest;
	size_t n_left = 0;

	if (e->n_parts > 1)
		s = owner(d, scratch, e, &n_left);
	if (s == NULL) {
		d->n_passed_over++;
		return;
	}
	rest.s = e->part[e->n_parts - n_left].s;
	rest.n = (size_t)(e->value.s + e->value.n - rest.s);
	if (n_left == 1) {
		add_line(d, s, rest);
		return;
	}
	/* what the master adds for itself is none of the plugin's */
	if (!text_is(attribute, "graph_data_size") && !text_is(attribute, "update_rate"))
		add_line(d, s, rest);
	if (text_is(attribute, "type") && e->value.n > 0)
		field_of(d, s, e->part[e->n_parts - 2])->type = (char)tolower((unsigned char)e->value.s[0]);
	else
		(void)field_of(d, s, e->part[e->n_parts - 2]);
}

/* A graph_ attribute names the service; a plugin without any is named by its fields, of which it has no nested ones. */
static void learn(struct datafile *d, struct arena *scratch, const struct entry *e)
{
	size_t n = e->n_parts;

	if (n >= 2 && begins(e->part[n - 1], "graph_") && !text_is(e->part[n - 1], "graph_data_size"))
		(void)make(d, scratch, e->path, leading(e, n - 1));
}

enum rc datafile_read(struct text bytes, struct datafile *out, struct why *why)
{
	struct text rest = bytes, line;
	struct arena scratch;
	struct entry e;

	*out = (struct datafile){ .n_services = 0 };
	arena_init(&out->arena);
	map_init(&out->by_name);
	if (!next_line(&rest, &line) || !begins(line, "version "))
		return because(why, RC_REFUSED, "the first line is not \"version …\", as munin's datafile has it");
	arena_init(&scratch);
	for (struct text again = rest; next_line(&again, &line);)
		if (split_line(line, &e))
			learn(out, &scratch, &e);
	while (next_line(&rest, &line))
		if (split_line(line, &e))
			take(out, &scratch, &e);
		else
			out->n_passed_over++;
	arena_fini(&scratch);
	return RC_OK;
}

void datafile_fini(struct datafile *d)
{
	map_fini(&d->by_name, NULL);
	arena_fini(&d->arena);
}

static void add_replaced(struct buf *out, struct text t, const char *from, char to)
{
	for (size_t i = 0; i < t.n; i++) {
		char c = t.s[i] != '\0' && strchr(from, t.s[i]) != NULL ? to : t.s[i];

		buf_add(out, &c, 1);
	}
}

void datafile_rrd(const struct datafile_service *s, const struct datafile_field *f, struct buf *out)
{
	add_replaced(out, s->path, ";:", '/');
	buf_add_str(out, "-");
	add_replaced(out, s->name, ".", '-');
	buf_addf(out, "-%.*s-%c.rrd", TEXT_ARG(f->name), f->type);
}

/* munin's master has each field twice and more in the order: once is enough. */
static void take_order(struct answer *a, struct text words)
{
	struct map seen;
	struct buf line;

	map_init(&seen);
	buf_init(&line, words.n + 32);
	buf_add_str(&line, "graph_order");
	for (size_t i = 0; i < words.n;) {
		size_t from;

		while (i < words.n && words.s[i] == ' ')
			i++;
		from = i;
		while (i < words.n && words.s[i] != ' ')
			i++;
		if (i > from && map_put(&seen, (struct text){ words.s + from, i - from }, a) == NULL) {
			buf_add_str(&line, " ");
			buf_add(&line, words.s + from, i - from);
		}
	}
	(void)answer_take(a, buf_text(&line));
	buf_fini(&line);
	map_fini(&seen, NULL);
}

bool datafile_info(const struct datafile_service *s, struct buf *out)
{
	static const char order[] = "graph_order ";
	size_t before = out->n;
	struct answer a;
	bool told = true, small = false;

	if (!answer_is_plugin_name(s->name)) /* under another name than its files' it would say nothing */
		return false;
	answer_setup(&a);
	answer_begin(&a, s->name, true);
	for (const struct datafile_line *l = s->line; l != NULL; l = l->next)
		if (begins(l->text, order))
			take_order(&a, (struct text){ l->text.s + sizeof(order) - 1, l->text.n - sizeof(order) + 1 });
		else if (answer_take(&a, l->text) == ANSWER_TOO_LONG)
			break;
	for (int detail = COMPOSE_ALL; a.graph != NULL && told && !small && detail <= COMPOSE_IDS; detail++) {
		out->n = before;
		told = compose_info(out, &a, a.graph, NULL, (enum compose_detail)detail);
		small = told && !out->full && out->n - before <= MESSAGE_MAX_BYTES / 2;
	}
	if (!small)
		out->n = before;
	answer_teardown(&a);
	return small;
}

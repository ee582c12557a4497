#include "munin/answer.h"

#include "model/name.h"

enum { ATTRIBUTES_MAX = 200, ATTRIBUTE_MAX_BYTES = 16 * 1024 };

void answer_setup(struct answer *a)
{
	*a = (struct answer){ 0 };
	arena_init(&a->arena);
	map_init(&a->fields);
}

void answer_teardown(struct answer *a)
{
	map_fini(&a->fields, NULL);
	arena_fini(&a->arena);
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	       c == '.' || c == ':' || c == '@';
}

bool answer_is_plugin_name(struct text t)
{
	for (size_t i = 0; i < t.n; i++)
		if (!is_name_byte(t.s[i]))
			return false;
	return t.n > 0 && t.n <= NAME_MAX_BYTES && t.s[0] != '.';
}

/* The graph of this name goes on, or begins. */
static void enter_graph(struct answer *a, struct text name)
{
	struct answer_graph *g;
	char clean[NAME_MAX_BYTES];

	if (name.n == 0 || name.n > sizeof(clean)) {
		a->n_refused++;
		return;
	}
	for (size_t i = 0; i < name.n; i++)
		clean[i] = is_name_byte(name.s[i]) && (i > 0 || name.s[i] != '.') ? name.s[i] : '_';
	name.s = clean;
	for (g = a->graph; g != NULL; g = g->next)
		if (text_equal(g->name, name)) {
			a->current = g;
			return;
		}
	if (a->n_graphs == ANSWER_MAX_GRAPHS) {
		a->n_refused++;
		return;
	}
	g = arena_alloc(&a->arena, sizeof(*g));
	*g = (struct answer_graph){ .name = arena_text(&a->arena, name) };
	if (a->last_graph == NULL)
		a->graph = g;
	else
		a->last_graph->next = g;
	a->last_graph = a->current = g;
	a->n_graphs++;
}

void answer_begin(struct answer *a, struct text plugin, bool is_config)
{
	map_fini(&a->fields, NULL);
	map_init(&a->fields);
	arena_reset(&a->arena);
	*a = (struct answer){ .arena = a->arena, .fields = a->fields, .is_config = is_config };
	enter_graph(a, plugin);
}

/* A field's key among those of all graphs: the graph's place in memory and the name. */
static struct text field_key(const struct answer_graph *graph, struct text name, char *key)
{
	memcpy(key, &graph, sizeof(graph));
	memcpy(key + sizeof(graph), name.s, name.n);
	return (struct text){ key, sizeof(graph) + name.n };
}

struct answer_field *answer_field(const struct answer *a, const struct answer_graph *graph, struct text name)
{
	char key[sizeof(graph) + NAME_MAX_BYTES];

	return name.n > NAME_MAX_BYTES ? NULL : map_get(&a->fields, field_key(graph, name, key));
}

/* NULL when it cannot be taken: over a limit, or a name that no storage takes. */
static struct answer_field *make_field(struct answer *a, struct text name)
{
	struct answer_graph *g = a->current;
	char key[sizeof(g) + NAME_MAX_BYTES];
	struct answer_field *f;

	if (name.n == 0 || name.n > NAME_MAX_BYTES)
		goto refused;
	f = map_get(&a->fields, field_key(g, name, key));
	if (f != NULL)
		return f;
	if (a->n_fields == ANSWER_MAX_FIELDS || name_check_plugin_or_ds(name, NULL) != RC_OK)
		goto refused;
	f = arena_alloc(&a->arena, sizeof(*f));
	*f = (struct answer_field){ .name = arena_text(&a->arena, name) };
	if (g->last_field == NULL)
		g->field = f;
	else
		g->last_field->next = f;
	g->last_field = f;
	g->n_fields++;
	a->n_fields++;
	(void)map_put(&a->fields, field_key(g, name, key), f);
	return f;
refused:
	a->n_refused++;
	return NULL;
}

const struct answer_attribute *answer_find(const struct answer_attribute *first, const char *name)
{
	for (; first != NULL; first = first->next)
		if (text_is(first->name, name))
			return first;
	return NULL;
}

static void set_attribute(struct answer *a, struct answer_attribute **first, struct answer_attribute **last,
			  struct text name, struct text value)
{
	struct answer_attribute *at = *first;
	size_t n = 0;

	for (; at != NULL && !text_equal(at->name, name); at = at->next)
		n++;
	if (n == ATTRIBUTES_MAX || name.n + value.n > ATTRIBUTE_MAX_BYTES) {
		a->n_refused++;
		return;
	}
	if (at == NULL) {
		at = arena_alloc(&a->arena, sizeof(*at));
		*at = (struct answer_attribute){ .name = arena_text(&a->arena, name) };
		if (*last == NULL)
			*first = at;
		else
			(*last)->next = at;
		*last = at;
	}
	at->value = arena_text(&a->arena, value);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* `NAME.value WORD`: where the last `.value` of the line begins, 0 when it is no such line. */
static size_t find_value(struct text line, bool is_config)
{
	static const char mark[] = ".value";
	const size_t n = sizeof(mark) - 1;

	for (size_t i = 0; is_config && i < line.n; i++)
		if (is_blank(line.s[i])) {
			/* the name and its mark are the first word */
			return i > n && memcmp(line.s + i - n, mark, n) == 0 ? i - n : 0;
		}
	for (size_t i = line.n < n ? 0 : line.n - n + 1; i-- > 1;)
		if (memcmp(line.s + i, mark, n) == 0 && (i + n == line.n || is_blank(line.s[i + n])))
			return i;
	return 0;
}

static void take_value(struct answer *a, struct text name, struct text value)
{
	struct answer_field *f = make_field(a, name);
	bool is_word = value.n > 0;

	for (size_t i = 0; i < value.n; i++)
		is_word = is_word && !is_blank(value.s[i]);
	if (f == NULL)
		return;
	f->has_value = a->has_values = true;
	f->value = is_word ? arena_text(&a->arena, value) : TEXT("U");
}

/* `graph_title The title`, `NAME.label the label`; a line without a value says nothing. */
static void take_attribute(struct answer *a, struct text line)
{
	size_t n = 0, dot;
	struct answer_field *f;
	struct text value;

	if (line.n > 6 && memcmp(line.s, "graph_", 6) == 0) {
		while (n < line.n && !is_blank(line.s[n]))
			n++;
		if (n < line.n)
			set_attribute(a, &a->current->attribute, &a->current->last_attribute,
				      (struct text){ line.s, n }, text_trim((struct text){ line.s + n, line.n - n }));
		return;
	}
	for (dot = 0; dot < line.n && line.s[dot] != '.';)
		dot++;
	if (dot == 0 || dot == line.n)
		return;
	for (n = dot; n < line.n && !is_blank(line.s[n]); n++)
		if (line.s[n] == '.')
			dot = n;
	value = text_trim((struct text){ line.s + n, line.n - n });
	if (n == dot + 1 || value.n == 0)
		return;
	f = make_field(a, (struct text){ line.s, dot });
	if (f != NULL)
		set_attribute(a, &f->attribute, &f->last_attribute, (struct text){ line.s + dot + 1, n - dot - 1 },
			      value);
}

static bool begins(struct text line, const char *word)
{
	return line.n >= strlen(word) && memcmp(line.s, word, strlen(word)) == 0;
}

static void take_comment(struct answer *a, struct text line)
{
	a->bad_exit = a->bad_exit || begins(line, "# Bad exit") || begins(line, "# Timed out");
	a->unknown = a->unknown || begins(line, "# Unknown service");
}

enum answer_state answer_take(struct answer *a, struct text line)
{
	size_t at;

	a->n_bytes += line.n;
	if (++a->n_lines > ANSWER_MAX_LINES || a->n_bytes > ANSWER_MAX_BYTES)
		return ANSWER_TOO_LONG;
	if (text_is(line, "."))
		return ANSWER_ENDED;
	line = text_trim(line);
	if (line.n == 0)
		return ANSWER_GOES_ON;
	if (line.s[0] == '#') {
		take_comment(a, line);
		return ANSWER_GOES_ON;
	}
	if (begins(line, "multigraph ") || begins(line, "multigraph\t")) {
		enter_graph(a, text_trim((struct text){ line.s + 10, line.n - 10 }));
		return ANSWER_GOES_ON;
	}
	at = find_value(line, a->is_config);
	if (at > 0)
		take_value(a, (struct text){ line.s, at },
			   text_trim((struct text){ line.s + at + 6, line.n - at - 6 }));
	else
		take_attribute(a, line);
	return ANSWER_GOES_ON;
}

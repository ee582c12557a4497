/*
 * numeterctl info HOST PLUGIN: what a plugin says about itself.
 */
#include <stdio.h>

#include "ctl/names.h"
#include "ctl/plain.h"
#include "ctl/show.h"
#include "ctl/table.h"

/* A member as text: texts, and all else as it is written. */
static struct text member(struct answer *a, struct json_value object, const char *name)
{
	struct json_value v;

	if (object.type != JSON_OBJECT || !json_member(&a->arena, object, name, &v))
		return TEXT_NONE;
	return v.type == JSON_STRING ? json_string(&a->arena, v.raw, v.escaped) : v.raw;
}

static void print_line(struct buf *out, const char *heading, struct text value)
{
	if (value.n == 0)
		return;
	buf_addf(out, "%-13s ", heading);
	plain_add(out, value);
	buf_add_str(out, "\n");
}

/* What has a line or column of its own, and what only says again which data source it is. */
static bool is_shown_apart(struct text key)
{
	static const char *const known[] = { "id",  "label", "type",    "draw",     "min",
					     "max", "info",  "warning", "critical", NULL };

	for (size_t i = 0; known[i] != NULL; i++)
		if (text_is(key, known[i]))
			return true;
	return false;
}

/* `cdef=down,8,* negative=up` */
static struct text others(struct answer *a, struct json_value ds, struct buf *b)
{
	struct json_value value;
	struct json_walk w;
	struct text key;
	bool escaped;

	buf_clear(b);
	if (ds.type != JSON_OBJECT)
		return buf_text(b);
	w = json_walk(ds);
	while (json_next_member(&w, &key, &escaped, &value)) {
		key = json_string(&a->arena, key, escaped);
		if (is_shown_apart(key))
			continue;
		buf_add_str(b, b->n > 0 ? " " : "");
		buf_add_text(b, key);
		buf_add_str(b, "=");
		buf_add_text(b,
			     value.type == JSON_STRING ? json_string(&a->arena, value.raw, value.escaped) : value.raw);
	}
	return buf_text(b);
}

static void add_limits(struct text_table *t, struct answer *a, struct json_value ds)
{
	struct text min = member(a, ds, "min"), max = member(a, ds, "max");

	if (min.n == 0 && max.n == 0)
		text_table_add(t, TEXT(""));
	else
		text_table_addf(t, "%.*s:%.*s", TEXT_ARG(min), TEXT_ARG(max));
}

static void print_ds(struct answer *a, struct json_value infos)
{
	static const char *const headings[] = { "DS",      "LABEL",    "TYPE",  "DRAW", "MIN:MAX",
						"WARNING", "CRITICAL", "OTHER", "INFO" };
	struct json_value ds;
	struct json_walk w;
	struct text_table t;
	struct text key;
	struct buf b;
	bool escaped;

	text_table_init(&t, ARRAY_LEN(headings));
	t.leaves_out_empty = true;
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		text_table_column(&t, text_of(headings[i]), TABLE_LEFT);
	buf_init(&b, SIZE_MAX);
	w = json_walk(infos);
	while (json_next_member(&w, &key, &escaped, &ds)) {
		text_table_add(&t, json_string(&a->arena, key, escaped));
		text_table_add(&t, member(a, ds, "label"));
		text_table_add(&t, member(a, ds, "type"));
		text_table_add(&t, member(a, ds, "draw"));
		add_limits(&t, a, ds);
		text_table_add(&t, member(a, ds, "warning"));
		text_table_add(&t, member(a, ds, "critical"));
		text_table_add(&t, others(a, ds, &b));
		text_table_add(&t, member(a, ds, "info"));
	}
	putchar('\n');
	text_table_show(&t);
	text_table_fini(&t);
	buf_fini(&b);
}

static void print_info(struct ctl *ctl, struct answer *a)
{
	struct json_value infos = answer_object(a, a->value, "Infos");
	struct buf out;

	buf_init(&out, SIZE_MAX);
	print_line(&out, "host", text_of(ctl->argument[0]));
	print_line(&out, "plugin", text_of(ctl->argument[1]));
	print_line(&out, "title", member(a, a->value, "Title"));
	print_line(&out, "category", member(a, a->value, "Category"));
	print_line(&out, "unit", member(a, a->value, "Vlabel"));
	print_line(&out, "base", member(a, a->value, "Base"));
	print_line(&out, "order", member(a, a->value, "Order"));
	print_line(&out, "description", member(a, a->value, "Describ"));
	show_buf(&out);
	buf_fini(&out);
	if (infos.type == JSON_OBJECT && infos.raw.n > 2)
		print_ds(a, infos);
}

static int run(struct ctl *ctl)
{
	struct answer a;
	struct buf request;
	int status;

	request_begin(&request, "info");
	request_add(&request, "host", ctl->argument[0]);
	request_add(&request, "plugin", ctl->argument[1]);
	request_end(&request);
	status = answer_ask(ctl, buf_text(&request), NAMES_TIMEOUT_MS, &a);
	if (status == EXIT_FINE && text_is(a.value.raw, "{}"))
		status = names_no_plugin(ctl, ctl->argument[0], ctl->argument[1]);
	else if (status == EXIT_FINE && ctl->json)
		printf("%.*s\n", TEXT_ARG(buf_text(&a.bytes)));
	else if (status == EXIT_FINE)
		print_info(ctl, &a);
	answer_close(&a);
	buf_fini(&request);
	return status;
}

const struct command command_info = {
	.name = "info",
	.arguments = "HOST PLUGIN",
	.summary = "show what a plugin says about itself and its data sources",
	.help = "With --json what is stored, as it is.\n"
		"Exit status: 0 shown, 1 no such host or plugin, 2 the store cannot be asked.\n",
	.least_arguments = 2,
	.most_arguments = 2,
	.works_alone = true,
	.run = run,
};

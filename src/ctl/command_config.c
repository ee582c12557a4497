/*
 * numeterctl config: every option with its value. Reads the configuration, asks nobody.
 */
#include <stdio.h>

#include "base/mem.h"
#include "config/section.h"
#include "ctl/command.h"
#include "ctl/show.h"
#include "ctl/table.h"
#include "wire/reply.h"

/* The configuration that is, and the one that nobody has changed. */
struct both {
	const struct config *now;
	struct config preset;
};

/* As it would stand in the file; secrets are not told. */
static struct text value_of(const struct option *o, const void *base, struct buf *b)
{
	buf_clear(b);
	o->kind->print(o, base, b);
	return o->secret && b->n > 0 ? TEXT("***") : buf_text(b);
}

static bool is_preset(const struct option *o, const void *now, const void *preset)
{
	struct buf a, b;
	bool same;

	buf_init(&a, SIZE_MAX);
	buf_init(&b, SIZE_MAX);
	o->kind->print(o, now, &a);
	o->kind->print(o, preset, &b);
	same = text_equal(buf_text(&a), buf_text(&b));
	buf_fini(&a);
	buf_fini(&b);
	return same;
}

static void add_rows(struct text_table *t, const struct option_table *options, const void *now, const void *preset)
{
	struct buf value;

	buf_init(&value, SIZE_MAX);
	for (size_t i = 0; i < options->n; i++) {
		const struct option *o = &options->row[i];

		text_table_add(t, text_of(o->key));
		text_table_add(t, text_of(is_preset(o, now, preset) ? "default" : "set"));
		text_table_add(t, value_of(o, now, &value));
	}
	buf_fini(&value);
}

static void add_members(struct buf *out, const struct option_table *options, const void *now, const void *preset)
{
	struct buf value;

	buf_init(&value, SIZE_MAX);
	for (size_t i = 0; i < options->n; i++) {
		const struct option *o = &options->row[i];

		buf_addf(out, "%s\n    \"%s\": {\"value\": ", i == 0 ? "" : ",", o->key);
		reply_string(out, value_of(o, now, &value));
		buf_addf(out, ", \"default\": %s}", is_preset(o, now, preset) ? "true" : "false");
	}
	buf_fini(&value);
}

/* What a section of its own has where nothing is said: that of [global]. */
static struct schema_rule preset_rule(const struct both *both)
{
	return (struct schema_rule){ .retention = both->now->schema.otherwise };
}

static void print_table(const struct both *both)
{
	const struct schema *s = &both->now->schema;
	struct schema_rule preset = preset_rule(both);
	struct text_table t;

	text_table_init(&t, 3);
	text_table_column(&t, TEXT("KEY"), TABLE_LEFT);
	text_table_column(&t, TEXT(""), TABLE_LEFT);
	text_table_column(&t, TEXT("VALUE"), TABLE_LEFT);
	add_rows(&t, &option_global, both->now, &both->preset);
	for (size_t i = 0; i < s->n_rules; i++) {
		text_table_addf(&t, "[archives %s]", s->rule[i].name);
		text_table_add(&t, TEXT(""));
		text_table_add(&t, TEXT(""));
		add_rows(&t, &option_archives, &s->rule[i], &preset);
	}
	text_table_show(&t);
	text_table_fini(&t);
}

static void print_json(const struct both *both)
{
	const struct schema *s = &both->now->schema;
	struct schema_rule preset = preset_rule(both);
	struct buf out;

	buf_init(&out, SIZE_MAX);
	buf_add_str(&out, "{\"global\": {");
	add_members(&out, &option_global, both->now, &both->preset);
	buf_add_str(&out, "},\n  \"archives\": {");
	for (size_t i = 0; i < s->n_rules; i++) {
		buf_add_str(&out, i == 0 ? "\n  " : ",\n  ");
		reply_string(&out, text_of(s->rule[i].name));
		buf_add_str(&out, ": {");
		add_members(&out, &option_archives, &s->rule[i], &preset);
		buf_add_str(&out, "}");
	}
	buf_add_str(&out, "}}\n");
	show_buf(&out);
	buf_fini(&out);
}

/* One value, as a shell wants it. */
static int print_one(struct ctl *ctl, const struct both *both, const char *key)
{
	int i = option_find(&option_global, key);
	const char *nearest;
	struct buf value;

	if (i == OPTION_UNKNOWN) {
		nearest = option_nearest(&option_global, key);
		ctl_fail("no option \"%s\"%s%s%s", key, nearest == NULL ? "" : ": did you mean \"",
			 nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
		return EXIT_NOT_FINE;
	}
	buf_init(&value, SIZE_MAX);
	if (ctl->json) {
		struct buf out;

		buf_init(&out, SIZE_MAX);
		reply_string(&out, value_of(&option_global.row[i], both->now, &value));
		printf("%.*s\n", TEXT_ARG(buf_text(&out)));
		buf_fini(&out);
	} else {
		printf("%.*s\n", TEXT_ARG(value_of(&option_global.row[i], both->now, &value)));
	}
	buf_fini(&value);
	return EXIT_FINE;
}

static int run(struct ctl *ctl)
{
	struct both both = { .now = ctl_config(ctl) };
	struct why why;
	int status = EXIT_FINE;

	if (both.now == NULL)
		return EXIT_UNUSABLE;
	if (config_parse(TEXT(""), "defaults", &both.preset, NULL, NULL, &why) != RC_OK)
		return ctl_fail("%s", why.text);
	if (ctl->n_arguments > 0)
		status = print_one(ctl, &both, ctl->argument[0]);
	else if (ctl->json)
		print_json(&both);
	else
		print_table(&both);
	config_fini(&both.preset);
	return status;
}

const struct command command_config = {
	.name = "config",
	.arguments = "[KEY]",
	.summary = "show every option of the daemon's configuration, or one value",
	.help = "What stands in the file, or is the default where nothing does; a running daemon may have been started "
		"with\n"
		"another. Secrets are shown as ***.\n"
		"Exit status: 0 shown, 1 no such option, 2 the configuration cannot be read.\n",
	.most_arguments = 1,
	.run = run,
};

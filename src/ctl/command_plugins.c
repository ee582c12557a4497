/*
 * numeterctl plugins HOST: what one host reports.
 */
#include <stdio.h>

#include "ctl/names.h"
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/when.h"
#include "wire/reply.h"

enum { OPTION_NAMES };

static const struct command_option options[] = {
	[OPTION_NAMES] = { "names", NULL, "print the names alone, one a line" },
};

struct plugins {
	struct answer list, seen;
	struct name_list names;
	struct map info, last;
	int64_t now_s;
};

static size_t count_ds(struct plugins *p, struct json_value info)
{
	struct json_value infos = answer_object(&p->list, info, "Infos"), value;
	struct json_walk w;
	struct text key;
	bool escaped;
	size_t n = 0;

	if (infos.type != JSON_OBJECT)
		return 0;
	w = json_walk(infos);
	while (json_next_member(&w, &key, &escaped, &value))
		n++;
	return n;
}

static void print_table(struct plugins *p)
{
	struct text_table t;

	text_table_init(&t, 6);
	text_table_column(&t, TEXT("PLUGIN"), TABLE_LEFT);
	text_table_column(&t, TEXT("CATEGORY"), TABLE_LEFT);
	text_table_column(&t, TEXT("DS"), TABLE_RIGHT);
	text_table_column(&t, TEXT("LAST SEEN"), TABLE_LEFT);
	text_table_column(&t, TEXT(""), TABLE_LEFT);
	text_table_column(&t, TEXT("TITLE"), TABLE_LEFT);
	for (size_t i = 0; i < p->names.n; i++) {
		struct text plugin = p->names.name[i];
		struct json_value info = answer_value_of(&p->info, plugin);
		int64_t last_s = (int64_t)answer_number_of(&p->last, plugin);
		char when[WHEN_BYTES];

		text_table_add(&t, plugin);
		text_table_add(&t, answer_text(&p->list, info, "Category"));
		text_table_addf(&t, "%zu", count_ds(p, info));
		text_table_add(&t, text_of(when_print(last_s, when)));
		text_table_add(&t, text_of(when_print_age(last_s, p->now_s, when)));
		text_table_add(&t, answer_text(&p->list, info, "Title"));
	}
	text_table_show(&t);
	text_table_fini(&t);
}

static void print_json(struct plugins *p)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "[");
	for (size_t i = 0; i < p->names.n; i++) {
		struct json_value info = answer_value_of(&p->info, p->names.name[i]);
		double last_s = answer_number_of(&p->last, p->names.name[i]);

		buf_add_str(&b, i == 0 ? "\n  {\"plugin\": " : ",\n  {\"plugin\": ");
		reply_string(&b, p->names.name[i]);
		buf_add_str(&b, ", \"title\": ");
		reply_string(&b, answer_text(&p->list, info, "Title"));
		buf_add_str(&b, ", \"category\": ");
		reply_string(&b, answer_text(&p->list, info, "Category"));
		buf_addf(&b, ", \"ds\": %zu, \"last_seen\": ", count_ds(p, info));
		if (last_s == 0)
			buf_add_str(&b, "null}");
		else
			buf_addf(&b, "%.0f}", last_s);
	}
	buf_add_str(&b, p->names.n == 0 ? "]\n" : "\n]\n");
	show_buf(&b);
	buf_fini(&b);
}

static int print(struct ctl *ctl, struct plugins *p)
{
	int status;

	if (ctl->option[OPTION_NAMES] != NULL) {
		names_print(&p->names, ctl->json);
		return EXIT_FINE;
	}
	status = names_ask(ctl, "last_seen", ctl->argument[0], &p->seen);
	if (status == EXIT_FINE) {
		answer_members(&p->seen, answer_object(&p->seen, p->seen.value, "plugins"), &p->last);
		p->now_s = (int64_t)answer_number(&p->seen, p->seen.value, "now");
		if (ctl->json)
			print_json(p);
		else
			print_table(p);
	}
	answer_close(&p->seen);
	return status;
}

static int run(struct ctl *ctl)
{
	struct plugins p = { .now_s = 0 };
	int status = names_ask(ctl, "list", ctl->argument[0], &p.list);

	map_init(&p.last);
	answer_members(&p.list, p.list.value, &p.info);
	name_list_read(&p.list, p.list.value, &p.names);
	if (status == EXIT_FINE)
		status = p.names.n == 0 ? names_no_host(ctl, ctl->argument[0]) : print(ctl, &p);
	name_list_fini(&p.names);
	map_fini(&p.info, NULL);
	map_fini(&p.last, NULL);
	answer_close(&p.list);
	return status;
}

const struct command command_plugins = {
	.name = "plugins",
	.arguments = "HOST",
	.summary = "list the plugins of a host",
	.help = "Exit status: 0 listed, 1 no such host, 2 the store cannot be asked.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.least_arguments = 1,
	.most_arguments = 1,
	.works_alone = true,
	.run = run,
};

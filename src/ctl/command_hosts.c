/*
 * numeterctl hosts: the hosts that are known.
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

/* What three questions answered. */
struct hosts {
	struct answer hosts, seen, counts;
	struct name_list names;
	struct map info, last, plugins;
	int64_t now_s;
};

static void print_table(struct hosts *h)
{
	struct text_table t;

	text_table_init(&t, 6);
	text_table_column(&t, TEXT("HOST"), TABLE_LEFT);
	text_table_column(&t, TEXT("NAME"), TABLE_LEFT);
	text_table_column(&t, TEXT("PLUGINS"), TABLE_RIGHT);
	text_table_column(&t, TEXT("LAST SEEN"), TABLE_LEFT);
	text_table_column(&t, TEXT(""), TABLE_LEFT);
	text_table_column(&t, TEXT("DESCRIPTION"), TABLE_LEFT);
	for (size_t i = 0; i < h->names.n; i++) {
		struct text host = h->names.name[i];
		struct json_value info = answer_value_of(&h->info, host);
		int64_t last_s = (int64_t)answer_number_of(&h->last, host);
		char when[WHEN_BYTES];

		text_table_add(&t, host);
		text_table_add(&t, answer_text(&h->hosts, info, "Name"));
		text_table_addf(&t, "%.0f", answer_number_of(&h->plugins, host));
		text_table_add(&t, text_of(when_print(last_s, when)));
		text_table_add(&t, text_of(when_print_age(last_s, h->now_s, when)));
		text_table_add(&t, answer_text(&h->hosts, info, "Description"));
	}
	text_table_show(&t);
	text_table_fini(&t);
}

static void print_json(struct hosts *h)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "[");
	for (size_t i = 0; i < h->names.n; i++) {
		struct text host = h->names.name[i];
		struct json_value info = answer_value_of(&h->info, host);
		double last_s = answer_number_of(&h->last, host);

		buf_add_str(&b, i == 0 ? "\n  {\"host\": " : ",\n  {\"host\": ");
		reply_string(&b, host);
		buf_add_str(&b, ", \"name\": ");
		reply_string(&b, answer_text(&h->hosts, info, "Name"));
		buf_add_str(&b, ", \"description\": ");
		reply_string(&b, answer_text(&h->hosts, info, "Description"));
		buf_addf(&b, ", \"plugins\": %.0f, \"last_seen\": ", answer_number_of(&h->plugins, host));
		if (last_s == 0)
			buf_add_str(&b, "null}");
		else
			buf_addf(&b, "%.0f}", last_s);
	}
	buf_add_str(&b, h->names.n == 0 ? "]\n" : "\n]\n");
	show_buf(&b);
	buf_fini(&b);
}

static int ask_more(struct ctl *ctl, struct hosts *h)
{
	int status = names_ask(ctl, "last_seen", NULL, &h->seen);

	if (status == EXIT_FINE) {
		answer_members(&h->seen, answer_object(&h->seen, h->seen.value, "hosts"), &h->last);
		h->now_s = (int64_t)answer_number(&h->seen, h->seen.value, "now");
		status = names_ask(ctl, "plugin_counts", NULL, &h->counts);
	}
	if (status == EXIT_FINE)
		answer_members(&h->counts, h->counts.value, &h->plugins);
	if (status == EXIT_FINE && ctl->json)
		print_json(h);
	else if (status == EXIT_FINE)
		print_table(h);
	return status;
}

static int run(struct ctl *ctl)
{
	struct hosts h = { .now_s = 0 };
	int status;

	map_init(&h.last);
	map_init(&h.plugins);
	status = names_ask(ctl, "hosts", NULL, &h.hosts);
	answer_members(&h.hosts, h.hosts.value, &h.info);
	if (status == EXIT_FINE) {
		name_list_read(&h.hosts, h.hosts.value, &h.names);
		if (ctl->option[OPTION_NAMES] != NULL)
			names_print(&h.names, ctl->json);
		else
			status = ask_more(ctl, &h);
		answer_close(&h.seen);
		answer_close(&h.counts);
		name_list_fini(&h.names);
	}
	map_fini(&h.info, NULL);
	map_fini(&h.last, NULL);
	map_fini(&h.plugins, NULL);
	answer_close(&h.hosts);
	return status;
}

const struct command command_hosts = {
	.name = "hosts",
	.arguments = "",
	.summary = "list the hosts: name, plugins, when they were last heard of",
	.help = "Exit status: 0 listed, 2 the store cannot be asked.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.works_alone = true,
	.run = run,
};

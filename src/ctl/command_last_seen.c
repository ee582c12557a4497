/*
 * numeterctl last-seen: who was last heard of when, the longest silent first.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/names.h"
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/when.h"
#include "wire/reply.h"

enum { OPTION_OLDER_THAN };

static const struct command_option options[] = {
	[OPTION_OLDER_THAN] = { "older-than", "TIME",
				"only those silent for so long: 48h, 3d; exit status 1 when there are any" },
};

struct seen {
	struct text name;
	int64_t last_s; /* 0: never */
};

static int by_age(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->last_s < y->last_s ? -1 : x->last_s > y->last_s ? 1 : name_compare(x->name, y->name);
}

/* Those that were silent for so long, the longest first; names of one age in their order. */
static struct seen *gather(struct answer *a, struct json_value object, int64_t before_s, size_t *n)
{
	struct name_list names;
	struct seen *s;
	struct map last;

	*n = 0;
	answer_members(a, object, &last);
	name_list_read(a, object, &names);
	s = must_alloc((names.n + 1) * sizeof(*s));
	for (size_t i = 0; i < names.n; i++) {
		int64_t last_s = (int64_t)answer_number_of(&last, names.name[i]);

		if (last_s < before_s)
			s[(*n)++] = (struct seen){ names.name[i], last_s };
	}
	qsort(s, *n, sizeof(*s), by_age);
	name_list_fini(&names);
	map_fini(&last, NULL);
	return s;
}

static void print_table(const struct seen *s, size_t n, const char *heading, int64_t now_s)
{
	struct text_table t;

	text_table_init(&t, 3);
	text_table_column(&t, text_of(heading), TABLE_LEFT);
	text_table_column(&t, TEXT("LAST SEEN"), TABLE_LEFT);
	text_table_column(&t, TEXT("AGE"), TABLE_LEFT);
	for (size_t i = 0; i < n; i++) {
		char when[WHEN_BYTES];

		text_table_add(&t, s[i].name);
		text_table_add(&t, text_of(when_print(s[i].last_s, when)));
		text_table_add(&t, text_of(when_print_age(s[i].last_s, now_s, when)));
	}
	text_table_show(&t);
	text_table_fini(&t);
}

static void print_json(const struct seen *s, size_t n, const char *what, int64_t now_s)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "[");
	for (size_t i = 0; i < n; i++) {
		buf_addf(&b, "%s\n  {\"%s\": ", i == 0 ? "" : ",", what);
		reply_string(&b, s[i].name);
		if (s[i].last_s == 0)
			buf_add_str(&b, ", \"last_seen\": null, \"age_s\": null}");
		else
			buf_addf(&b, ", \"last_seen\": %lld, \"age_s\": %lld}", (long long)s[i].last_s,
				 (long long)(now_s - s[i].last_s));
	}
	buf_add_str(&b, n == 0 ? "]\n" : "\n]\n");
	show_buf(&b);
	buf_fini(&b);
}

static int print(struct ctl *ctl, struct answer *a, int64_t older_s)
{
	bool of_host = ctl->n_arguments > 0, limited = ctl->option[OPTION_OLDER_THAN] != NULL;
	struct json_value object = answer_object(a, a->value, of_host ? "plugins" : "hosts");
	int64_t now_s = (int64_t)answer_number(a, a->value, "now");
	struct seen *s;
	size_t n;

	s = gather(a, object, limited ? now_s - older_s : INT64_MAX, &n);
	if (ctl->json)
		print_json(s, n, of_host ? "plugin" : "host", now_s);
	else if (n > 0 || !limited) /* a cron job that has nothing to say says nothing */
		print_table(s, n, of_host ? "PLUGIN" : "HOST", now_s);
	free(s);
	return limited && n > 0 ? EXIT_NOT_FINE : EXIT_FINE;
}

static int run(struct ctl *ctl)
{
	const char *older = ctl->option[OPTION_OLDER_THAN], *host = ctl->n_arguments > 0 ? ctl->argument[0] : NULL;
	int64_t older_s = 0;
	struct answer a;
	int status;

	if (older != NULL && !when_read_span(text_of(older), &older_s))
		return ctl_fail("--older-than: \"%s\": expected a span of time like 90s, 10min, 48h, 3d", older);
	status = names_ask(ctl, "last_seen", host, &a);
	if (status == EXIT_FINE && host != NULL && text_is(answer_object(&a, a.value, "plugins").raw, "{}"))
		status = names_no_host(ctl, host);
	else if (status == EXIT_FINE)
		status = print(ctl, &a, older_s);
	answer_close(&a);
	return status;
}

const struct command command_last_seen = {
	.name = "last-seen",
	.arguments = "[HOST]",
	.summary = "show when hosts, or a host's plugins, were last heard of",
	.help = "The longest silent first. With --older-than nothing is printed when there is none.\n"
		"Exit status: 0 shown, 1 some are silent for longer than --older-than, or no such host, 2 the store\n"
		"cannot be asked.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.most_arguments = 1,
	.works_alone = true,
	.run = run,
};

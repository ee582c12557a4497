/*
 * numeterctl fetch HOST PLUGIN: values as a table, CSV or JSON.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/plain.h"
#include "ctl/series.h"
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/when.h"

enum { OPTION_FROM, OPTION_UNTIL, OPTION_RES, OPTION_MAX_POINTS, OPTION_CSV };

enum { USUAL_S = 3600 };

static const struct command_option options[] = {
	[OPTION_FROM] = { "from", "TIME", "from when on: Unix seconds, -6h, 2026-11-28T17:05 (default: an hour)" },
	[OPTION_UNTIL] = { "until", "TIME", "until when (default now)" },
	[OPTION_RES] = { "res", "NAME", "Daily, Weekly, Monthly or Yearly instead of --from and --until" },
	[OPTION_MAX_POINTS] = { "max-points", "N", "at most so many lines, each of a longer step" },
	[OPTION_CSV] = { "csv", NULL, "comma-separated values, times in Unix seconds" },
};

static int64_t slot_s(const struct series *s, size_t i)
{
	return s->start_s + (int64_t)i * s->step_s;
}

static void print_table(const struct series *s)
{
	struct text_table t;

	text_table_init(&t, s->n_columns + 1);
	text_table_column(&t, TEXT("TIME"), TABLE_LEFT);
	for (size_t c = 0; c < s->n_columns; c++)
		text_table_column(&t, s->column[c].ds, TABLE_RIGHT);
	for (size_t i = 0; i < s->n_slots; i++) {
		char when[WHEN_BYTES];

		text_table_add(&t, text_of(when_print(slot_s(s, i), when)));
		for (size_t c = 0; c < s->n_columns; c++) {
			struct text v = series_text(s, c, i);

			text_table_add(&t, v.s == NULL ? TEXT("-") : v);
		}
	}
	text_table_show(&t);
	text_table_fini(&t);
}

/* RFC 4180: quoted where a comma, a quote or a line break would be taken for another's. */
static void add_csv(struct buf *out, struct text t)
{
	bool quoted = false;

	for (size_t i = 0; i < t.n; i++)
		quoted = quoted || strchr(",\"\r\n ", t.s[i]) != NULL;
	if (!quoted) {
		buf_add_text(out, t);
		return;
	}
	buf_add_str(out, "\"");
	for (size_t i = 0; i < t.n; i++)
		buf_addf(out, t.s[i] == '"' ? "\"%c" : "%c", t.s[i]);
	buf_add_str(out, "\"");
}

static void print_csv(const struct series *s)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "time");
	for (size_t c = 0; c < s->n_columns; c++) {
		buf_add_str(&b, ",");
		add_csv(&b, s->column[c].ds);
	}
	buf_add_str(&b, "\n");
	for (size_t i = 0; i < s->n_slots; i++) {
		buf_addf(&b, "%lld", (long long)slot_s(s, i));
		for (size_t c = 0; c < s->n_columns; c++) {
			buf_add_str(&b, ",");
			buf_add_text(&b, series_text(s, c, i));
		}
		buf_add_str(&b, "\n");
	}
	show_buf(&b);
	buf_fini(&b);
}

static int complain(const struct series *s, const char *list)
{
	struct text missing = series_missing(s, list);
	struct buf b;

	if (missing.s == NULL)
		return EXIT_FINE;
	buf_init(&b, SIZE_MAX);
	plain_add(&b, missing);
	ctl_fail("no data source \"%.*s\"", TEXT_ARG(buf_text(&b)));
	buf_fini(&b);
	return EXIT_NOT_FINE;
}

static int run(struct ctl *ctl)
{
	const char *const *option = ctl->option;
	struct series_asked asked = {
		.host = ctl->argument[0],
		.plugin = ctl->argument[1],
		.ds = ctl->n_arguments > 2 ? ctl->argument[2] : NULL,
		.from = option[OPTION_FROM],
		.until = option[OPTION_UNTIL],
		.res = option[OPTION_RES],
		.max_points = option[OPTION_MAX_POINTS],
	};
	char from[SERIES_TIME_BYTES];
	struct series s;
	int status;

	if (option[OPTION_CSV] != NULL && ctl->json)
		return ctl_fail("--csv and --json are both there: give one of them");
	series_default_from(&asked, USUAL_S, from);
	status = series_ask(ctl, &asked, &s);
	if (status == EXIT_FINE) {
		if (option[OPTION_CSV] != NULL)
			print_csv(&s);
		else if (ctl->json)
			printf("{\"TS_start\": %lld, \"TS_step\": %lld, \"DATAS\": %.*s}\n", (long long)s.start_s,
			       (long long)s.step_s, TEXT_ARG(s.datas.raw));
		else
			print_table(&s);
		status = complain(&s, asked.ds);
	}
	series_close(&s);
	return status;
}

const struct command command_fetch = {
	.name = "fetch",
	.arguments = "HOST PLUGIN [DS,DS...]",
	.summary = "print the values of a plugin",
	.help = "Values that are stored and those on their way to the files, a line for each step. What is not known "
		"is\n"
		"\"-\", nothing in CSV and null in JSON, which is as the REST API's /data.\n"
		"Exit status: 0 printed, 1 no such host, plugin or data source, 2 a bad span of time, or the store "
		"cannot\n"
		"be asked.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.least_arguments = 2,
	.most_arguments = 3,
	.works_alone = true,
	.run = run,
};

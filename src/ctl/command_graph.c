/*
 * numeterctl graph HOST PLUGIN: its graph on the terminal.
 */
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/chart.h"
#include "ctl/names.h"
#include "ctl/plain.h"
#include "ctl/series.h"
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/when.h"
#include "graph/axis.h"
#include "wire/number.h"
#include "wire/reply.h"

enum { OPTION_FROM, OPTION_UNTIL, OPTION_RES, OPTION_WIDTH, OPTION_HEIGHT };

enum {
	USUAL_COLUMNS = 80,
	USUAL_ROWS = 18,
	SLOTS_A_DOT = 4,
	LEAST_SLOTS = 1000,
	STALE_STEPS = 3,
	MARK_COLUMNS = 2,
	USUAL_S = 86400
};

static const struct command_option options[] = {
	[OPTION_FROM] = { "from", "TIME", "from when on: Unix seconds, -6h, 2026-11-28T17:05 (default: a day)" },
	[OPTION_UNTIL] = { "until", "TIME", "until when (default now)" },
	[OPTION_RES] = { "res", "NAME", "Daily, Weekly, Monthly or Yearly instead of --from and --until" },
	[OPTION_WIDTH] = { "width", "COLUMNS", "of the chart (default: of the terminal)" },
	[OPTION_HEIGHT] = { "height", "LINES", "of the chart, without title and legend (default 18)" },
};

/* ---- what it is drawn on ---- */

static bool is_utf8(void)
{
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool utf8 = l != (locale_t)0 && text_is(text_of(nl_langinfo_l(CODESET, l)), "UTF-8");

	if (l != (locale_t)0)
		freelocale(l);
	return utf8;
}

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] != '\0';
}

static enum chart_colours colours(void)
{
	const char *depth = getenv("COLORTERM"), *kind = getenv("TERM");

	if (is_set("NO_COLOR") || !isatty(STDOUT_FILENO) || (kind != NULL && text_is(text_of(kind), "dumb")))
		return CHART_NO_COLOURS;
	return depth != NULL && (text_is(text_of(depth), "truecolor") || text_is(text_of(depth), "24bit"))
		       ? CHART_ALL_COLOURS
		       : CHART_256_COLOURS;
}

static size_t terminal_columns(void)
{
	const char *said = getenv("COLUMNS");
	struct winsize w;
	int64_t n = 0;

	if (said != NULL && number_parse_seconds(text_of(said), &n) && n > 0)
		return n > CHART_MOST_COLUMNS ? CHART_MOST_COLUMNS : (size_t)n;
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : USUAL_COLUMNS;
}

/* A whole number of an option; false: said already. */
static bool read_size(const struct ctl *ctl, int option, size_t usual, size_t least, size_t most, size_t *out)
{
	const char *t = ctl->option[option];
	int64_t n = 0;

	*out = usual < least ? least : usual > most ? most : usual;
	if (t == NULL)
		return true;
	if (t[0] == '\0' || strspn(t, "0123456789") < strlen(t) || !number_parse_seconds(text_of(t), &n) ||
	    n < (int64_t)least || n > (int64_t)most) {
		ctl_fail("--%s: \"%s\": expected a whole number from %zu to %zu", options[option].name, t, least, most);
		return false;
	}
	*out = (size_t)n;
	return true;
}

/* ---- drawing ---- */

/* What was read, as the graph takes it. */
static struct graph_values *values_of(const struct series *s)
{
	struct graph_values *v = must_alloc(sizeof(*v));
	struct text *name = must_alloc((s->n_columns + 1) * sizeof(*name));
	double **value = must_alloc((s->n_columns + 1) * sizeof(*value));

	*v = (struct graph_values){ s->start_s, s->step_s, s->n_slots, s->n_columns, name, value };
	for (size_t c = 0; c < s->n_columns; c++) {
		name[c] = s->column[c].ds;
		value[c] = must_alloc((s->n_slots + 1) * sizeof(double));
		for (size_t i = 0; i < s->n_slots; i++)
			value[c][i] = series_value(s, c, i);
	}
	return v;
}

static void free_values(struct graph_values *v)
{
	for (size_t c = 0; c < v->n_columns; c++)
		free(v->value[c]);
	free((void *)(uintptr_t)v->value);
	free((void *)(uintptr_t)v->name);
	free(v);
}

static void add_title(struct ctl *ctl, const struct graph_definition *d, const struct chart_options *o, struct buf *out)
{
	struct buf line;

	buf_init(&line, SIZE_MAX);
	buf_add_text(&line, d->title);
	buf_addf(&line, " - %s %s", ctl->argument[0], ctl->argument[1]);
	buf_add_str(out, o->colours != CHART_NO_COLOURS ? "\033[1m" : "");
	plain_add_cut(out, buf_text(&line), o->columns);
	buf_add_str(out, o->colours != CHART_NO_COLOURS ? "\033[0m\n" : "\n");
	if (d->vertical_label.n > 0) {
		plain_add_cut(out, d->vertical_label, o->columns);
		buf_add_str(out, "\n");
	}
	buf_fini(&line);
}

static void add_figures(struct text_table *t, const struct graph_line *l, unsigned base)
{
	const double figure[] = { l->last, l->min, l->mean, l->max };

	for (size_t i = 0; i < ARRAY_LEN(figure); i++) {
		char printed[AXIS_LABEL_BYTES];

		axis_print_value(figure[i], base, printed);
		text_table_add(t, text_of(printed));
	}
}

/* What the label may take beside mark and figures. */
static void add_label(struct text_table *t, const struct graph_line *l, size_t columns)
{
	struct buf label, cut;

	buf_init(&label, SIZE_MAX);
	buf_init(&cut, SIZE_MAX);
	buf_add_str(&label, l->downwards ? "- " : "");
	buf_add_text(&label, l->field->label);
	plain_add_cut(&cut, buf_text(&label), columns > 70 ? columns - 50 : 20);
	text_table_add(t, buf_text(&cut));
	buf_fini(&label);
	buf_fini(&cut);
}

/* Each line of the table with its mark before it. */
static void add_legend(const struct graph_plot *p, const struct chart_options *o, struct buf *out)
{
	static const char *const headings[] = { "", "cur", "min", "avg", "max" };
	struct text_table t;
	struct buf lines;
	size_t row = 0;

	text_table_init(&t, ARRAY_LEN(headings));
	for (size_t i = 0; i < ARRAY_LEN(headings); i++)
		text_table_column(&t, text_of(headings[i]), i == 0 ? TABLE_LEFT : TABLE_RIGHT);
	for (size_t i = 0; i < p->n_lines; i++) {
		add_label(&t, &p->line[i], o->columns);
		add_figures(&t, &p->line[i], o->base);
	}
	buf_init(&lines, SIZE_MAX);
	text_table_print(&t, &lines);
	for (size_t at = 0; at < lines.n; row++) {
		const char *end = memchr(lines.at + at, '\n', lines.n - at);
		size_t n = (size_t)(end - lines.at) - at + 1;

		if (row == 0)
			plain_pad(out, MARK_COLUMNS);
		else
			chart_add_mark(p, row - 1, o, out);
		buf_add_str(out, " ");
		buf_add_text(out, plain_begin((struct text){ lines.at + at, n - 1 }, o->columns - MARK_COLUMNS - 1));
		buf_add_str(out, "\n");
		at += n;
	}
	text_table_fini(&t);
	buf_fini(&lines);
}

static void add_notes(const struct graph_definition *d, const struct graph_plot *p, const struct series *s,
		      bool until_now, struct buf *out)
{
	char when[WHEN_BYTES];

	for (size_t i = 0; i < d->n_notes; i++) {
		plain_add(out, d->note[i]);
		buf_add_str(out, "\n");
	}
	if (p->newest_s == INT64_MIN)
		buf_add_str(out, "nothing is known of that time\n");
	else if (until_now && p->newest_s < s->now_s - STALE_STEPS * s->step_s)
		buf_addf(out, "the newest value is of %s\n", when_print_age(p->newest_s, s->now_s, when));
}

static void print_json(const struct graph_definition *d, const struct graph_plot *p)
{
	static const char *const names[] = { "last", "min", "avg", "max" };
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, "{\"title\": ");
	reply_string(&b, d->title);
	buf_add_str(&b, ", \"unit\": ");
	reply_string(&b, d->vertical_label);
	buf_addf(&b, ", \"start\": %lld, \"step\": %lld, \"lines\": [", (long long)p->start_s, (long long)p->step_s);
	for (size_t i = 0; i < p->n_lines; i++) {
		const struct graph_line *l = &p->line[i];
		const double figure[] = { l->last, l->min, l->mean, l->max };

		buf_add_str(&b, i == 0 ? "\n  {\"ds\": " : ",\n  {\"ds\": ");
		reply_string(&b, l->field->name);
		buf_add_str(&b, ", \"label\": ");
		reply_string(&b, l->field->label);
		for (size_t k = 0; k < ARRAY_LEN(names); k++) {
			buf_addf(&b, ", \"%s\": ", names[k]);
			reply_number(&b, figure[k]);
		}
		buf_add_str(&b, "}");
	}
	buf_add_str(&b, p->n_lines == 0 ? "]}\n" : "\n]}\n");
	show_buf(&b);
	buf_fini(&b);
}

static int draw(struct ctl *ctl, const struct series *s, struct text info, struct text only, struct chart_options *o)
{
	struct text *ds = must_alloc((s->n_columns + 1) * sizeof(*ds));
	struct graph_plugin plugin = { .host = text_of(ctl->argument[0]),
				       .plugin = text_of(ctl->argument[1]),
				       .info = info,
				       .ds = ds,
				       .n_ds = s->n_columns,
				       .only = only };
	struct graph_definition d;
	struct graph_values *v;
	struct graph_plot p;
	struct buf out;
	int status = EXIT_FINE;

	for (size_t i = 0; i < s->n_columns; i++)
		ds[i] = s->column[i].ds;
	graph_definition_read(&plugin, &d);
	v = values_of(s);
	graph_plot_make(&d, v, &p);
	free_values(v);
	buf_init(&out, SIZE_MAX);
	o->base = d.base;
	o->from_s = s->start_s;
	o->until_s = s->start_s + (int64_t)s->n_slots * s->step_s;
	if (ctl->json) {
		print_json(&d, &p);
	} else {
		add_title(ctl, &d, o, &out);
		chart_draw(&p, o, &out);
		add_legend(&p, o, &out);
		add_notes(&d, &p, s, ctl->option[OPTION_UNTIL] == NULL, &out);
		show_buf(&out);
	}
	for (int i = 2; i < ctl->n_arguments; i++)
		if (graph_definition_find(&d, text_of(ctl->argument[i])) == NULL) {
			ctl_fail("no data source \"%s\"", ctl->argument[i]);
			status = EXIT_NOT_FINE;
		}
	buf_fini(&out);
	graph_plot_fini(&p);
	graph_definition_fini(&d);
	free(ds);
	return status;
}

static int draw_with_info(struct ctl *ctl, const struct series *s, struct chart_options *o)
{
	struct buf request, only;
	struct answer info;
	int status;

	buf_init(&only, SIZE_MAX);
	for (int i = 2; i < ctl->n_arguments; i++)
		buf_addf(&only, "%s%s", i == 2 ? "" : ",", ctl->argument[i]);
	request_begin(&request, "info");
	request_add(&request, "host", ctl->argument[0]);
	request_add(&request, "plugin", ctl->argument[1]);
	request_end(&request);
	status = answer_ask(ctl, buf_text(&request), NAMES_TIMEOUT_MS, &info);
	if (status == EXIT_FINE)
		status = draw(ctl, s, info.value.raw, only.n == 0 ? TEXT_NONE : buf_text(&only), o);
	answer_close(&info);
	buf_fini(&request);
	buf_fini(&only);
	return status;
}

static int run(struct ctl *ctl)
{
	const char *const *option = ctl->option;
	struct series_asked asked = {
		.host = ctl->argument[0],
		.plugin = ctl->argument[1],
		.from = option[OPTION_FROM],
		.until = option[OPTION_UNTIL],
		.res = option[OPTION_RES],
	};
	struct chart_options o = { .utf8 = is_utf8(), .colours = colours() };
	char most[32], from[SERIES_TIME_BYTES];
	struct series s;
	size_t slots;
	int status;

	if (!read_size(ctl, OPTION_WIDTH, terminal_columns(), CHART_LEAST_COLUMNS, CHART_MOST_COLUMNS, &o.columns) ||
	    !read_size(ctl, OPTION_HEIGHT, USUAL_ROWS, CHART_LEAST_ROWS, CHART_MOST_ROWS, &o.rows))
		return EXIT_UNUSABLE;
	series_default_from(&asked, USUAL_S, from);
	slots = chart_dots(&o) * SLOTS_A_DOT;
	snprintf(most, sizeof(most), "%zu", slots < LEAST_SLOTS ? (size_t)LEAST_SLOTS : slots);
	asked.max_points = most;
	status = series_ask(ctl, &asked, &s);
	if (status == EXIT_FINE)
		status = draw_with_info(ctl, &s, &o);
	series_close(&s);
	return status;
}

const struct command command_graph = {
	.name = "graph",
	.arguments = "HOST PLUGIN [DS ...]",
	.summary = "draw the graph of a plugin on the terminal",
	.help = "Drawn as the info says: order, areas, stacks, negatives, cdef, colours; in braille dots where the "
		"locale is\n"
		"UTF-8, in ASCII elsewhere; with colours on a terminal unless NO_COLOR is set. As wide as $COLUMNS or "
		"the\n"
		"terminal. With --json title, unit and the figures of each line.\n"
		"Exit status: 0 drawn, 1 no such host, plugin or data source, 2 a bad span of time, or the store "
		"cannot be\n"
		"asked.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.least_arguments = 2,
	.most_arguments = 2 + GRAPH_MAX_FIELDS,
	.works_alone = true,
	.run = run,
};

/*
 * numeterctl check: last values against the plugins' own warning and critical ranges, as a plugin of nagios, icinga and
 * their kin. What munin-limits was to munin.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/names.h"
#include "ctl/probe.h"
#include "ctl/series.h"
#include "ctl/show.h"
#include "ctl/when.h"

enum { OPTION_MAX_AGE, OPTION_QUIET_OK };

enum { LEAST_STEPS = 2, NEAR_S = 3600, FAR_S = 43200, FARTHEST_S = 366 * 86400 };

static const struct command_option options[] = {
	[OPTION_MAX_AGE] = { "max-age", "TIME",
			     "a value older than this is UNKNOWN (default: unknown_limit steps, else 3)" },
	[OPTION_QUIET_OK] = { "quiet-ok", NULL, "print nothing when all is OK, for a cron job's mail" },
};

struct checking {
	struct ctl *ctl;
	struct probe probe;
	int64_t max_age_s; /* 0: by steps */
	int64_t now_s;
	int status; /* PROBE_UNKNOWN when something could not be asked */
};

static struct text text_member(struct answer *a, struct json_value object, const char *name)
{
	struct json_value v;

	if (object.type != JSON_OBJECT || !json_member(&a->arena, object, name, &v))
		return TEXT_NONE;
	return v.type == JSON_STRING   ? json_string(&a->arena, v.raw, v.escaped)
	       : v.type == JSON_NUMBER ? v.raw
				       : TEXT_NONE;
}

/* The newest known slot. */
static void find_last(const struct series *s, struct text ds, struct probe_finding *f)
{
	f->value = NAN;
	for (size_t c = 0; c < s->n_columns; c++) {
		if (!text_equal(s->column[c].ds, ds))
			continue;
		for (size_t i = s->n_slots; i-- > 0;) {
			double v = series_value(s, c, i);

			if (isnan(v))
				continue;
			f->value = v;
			f->time_s = s->start_s + (int64_t)i * s->step_s;
			return;
		}
	}
}

static int judge(const struct checking *x, const struct series *s, unsigned unknown_limit, struct probe_finding *f)
{
	int64_t steps = unknown_limit < LEAST_STEPS ? LEAST_STEPS : unknown_limit;
	int64_t most_s = x->max_age_s > 0 ? x->max_age_s : steps * s->step_s;

	/* a slot's time is that of its beginning, its value may be of its end */
	if (isnan(f->value) || s->now_s - f->time_s >= most_s + s->step_s) {
		f->value = NAN;
		return PROBE_UNKNOWN;
	}
	return limits_exceeded(&f->critical, f->value)  ? PROBE_CRITICAL
	       : limits_exceeded(&f->warning, f->value) ? PROBE_WARNING
							: PROBE_OK;
}

/* One data source of an info, when it has limits. */
static void check_ds(struct checking *x, struct answer *list, struct text host, struct text plugin, struct text ds,
		     struct json_value info, const struct series *s)
{
	struct probe_finding f = { .host = host, .plugin = plugin, .ds = ds };

	f.warning = limits_read(text_member(list, info, "warning"));
	f.critical = limits_read(text_member(list, info, "critical"));
	if (!f.warning.is_there && !f.critical.is_there)
		return;
	f.label = text_member(list, info, "label");
	find_last(s, ds, &f);
	f.state = judge(x, s, limits_read_unknown(text_member(list, info, "unknown_limit")), &f);
	probe_add(&x->probe, &f);
}

static bool has_limits(struct answer *list, struct json_value infos)
{
	struct json_walk w = json_walk(infos);
	struct json_value info;
	struct text key;
	bool escaped;

	while (json_next_member(&w, &key, &escaped, &info))
		if (limits_read(text_member(list, info, "warning")).is_there ||
		    limits_read(text_member(list, info, "critical")).is_there)
			return true;
	return false;
}

/* Whether a data source with limits has no value in what was read. */
static bool lacks_any(struct answer *list, struct json_value infos, const struct series *s)
{
	struct json_walk w = json_walk(infos);
	struct json_value info;
	struct text key;
	bool escaped;

	while (json_next_member(&w, &key, &escaped, &info)) {
		struct probe_finding f = { .time_s = 0 };

		if (!limits_read(text_member(list, info, "warning")).is_there &&
		    !limits_read(text_member(list, info, "critical")).is_there)
			continue;
		find_last(s, json_string(&list->arena, key, escaped), &f);
		if (isnan(f.value))
			return true;
	}
	return false;
}

static int ask_back(struct checking *x, const char *host, const char *plugin, int64_t back_s, struct series *out)
{
	struct series_asked asked = { .host = host, .plugin = plugin };
	char from[32];
	enum rc rc;
	int status;

	snprintf(from, sizeof(from), "-%llds", (long long)back_s);
	asked.from = from;
	status = series_try(x->ctl, &asked, out, &rc);
	return status == EXIT_NOT_FINE && rc == RC_ABSENT ? EXIT_FINE
							  : status; /* no file yet: every value is unknown */
}

/* As far back as finds the values of most; farther only where that was not enough, also to say how old the last one is. */
static int read_back(struct checking *x, struct answer *list, const char *host, const char *plugin,
		     struct json_value infos, struct series *out)
{
	int64_t far_s = 2 * x->max_age_s > FAR_S ? 2 * x->max_age_s : FAR_S;
	int status = ask_back(x, host, plugin, NEAR_S, out);

	if (status != EXIT_FINE || (!lacks_any(list, infos, out) && out->step_s < NEAR_S))
		return status;
	series_close(out);
	return ask_back(x, host, plugin, far_s > FARTHEST_S ? FARTHEST_S : far_s, out);
}

/* NUL-terminated, in the arena. */
static const char *terminated(struct arena *a, struct text t)
{
	char *s = arena_alloc(a, t.n + 1);

	memcpy(s, t.n > 0 ? t.s : "", t.n);
	s[t.n] = '\0';
	return s;
}

static int check_plugin(struct checking *x, struct answer *list, struct text host, struct text plugin,
			struct json_value infos)
{
	struct json_walk w = json_walk(infos);
	struct json_value info;
	struct series s;
	struct text key;
	bool escaped;
	int status = read_back(x, list, terminated(&list->arena, host), terminated(&list->arena, plugin), infos, &s);

	x->now_s = s.now_s;
	while (status == EXIT_FINE && json_next_member(&w, &key, &escaped, &info))
		check_ds(x, list, host, plugin, json_string(&list->arena, key, escaped), info, &s);
	series_close(&s);
	return status;
}

/* A host's plugins, or one of them. */
static int check_host(struct checking *x, const char *host, const char *only)
{
	struct name_list plugins;
	struct answer list;
	struct map infos;
	int status = names_ask(x->ctl, "list", host, &list);

	answer_members(&list, list.value, &infos);
	name_list_read(&list, list.value, &plugins);
	if (status == EXIT_FINE && only != NULL && !name_list_has(&plugins, text_of(only)))
		status = names_no_plugin(x->ctl, host, only);
	for (size_t i = 0; i < plugins.n && status == EXIT_FINE; i++) {
		const struct json_value *info = map_get(&infos, plugins.name[i]);
		struct json_value ds = answer_object(&list, *info, "Infos");

		if ((only == NULL || text_is(plugins.name[i], only)) && ds.type == JSON_OBJECT && has_limits(&list, ds))
			status = check_plugin(x, &list, text_of(host), plugins.name[i], ds);
	}
	name_list_fini(&plugins);
	map_fini(&infos, NULL);
	answer_close(&list);
	return status;
}

static int check_all(struct checking *x)
{
	struct ctl *ctl = x->ctl;
	const char *only = ctl->n_arguments > 1 ? ctl->argument[1] : NULL;
	struct name_list hosts;
	struct answer a;
	int status = names_ask(ctl, "hosts", NULL, &a);

	name_list_read(&a, a.value, &hosts);
	if (status == EXIT_FINE && ctl->n_arguments > 0) {
		status = name_list_has(&hosts, text_of(ctl->argument[0])) ? check_host(x, ctl->argument[0], only)
									  : names_no_host(ctl, ctl->argument[0]);
	} else {
		for (size_t i = 0; i < hosts.n && status == EXIT_FINE; i++)
			status = check_host(x, terminated(&a.arena, hosts.name[i]), NULL);
	}
	name_list_fini(&hosts);
	answer_close(&a);
	return status;
}

static int print(struct checking *x)
{
	int state = probe_state(&x->probe);
	struct buf out;

	if (x->probe.n == 0)
		state = PROBE_OK;
	if (state == PROBE_OK && x->ctl->option[OPTION_QUIET_OK] != NULL)
		return state;
	buf_init(&out, SIZE_MAX);
	if (x->ctl->json)
		probe_print_json(&x->probe, &out);
	else
		probe_print(&x->probe, x->now_s, &out);
	show_buf(&out);
	buf_fini(&out);
	return state;
}

static int run(struct ctl *ctl)
{
	const char *age = ctl->option[OPTION_MAX_AGE];
	struct checking x = { .ctl = ctl };
	int status;

	if (age != NULL && (!when_read_span(text_of(age), &x.max_age_s) || x.max_age_s == 0)) {
		ctl_fail("--max-age: \"%s\": expected a span of time like 90s, 10min, 3h", age);
		return PROBE_UNKNOWN;
	}
	probe_init(&x.probe);
	x.probe.one_host = ctl->n_arguments > 0;
	x.probe.one_plugin = ctl->n_arguments > 1;
	status = check_all(&x) == EXIT_FINE ? print(&x) : PROBE_UNKNOWN;
	probe_fini(&x.probe);
	return status;
}

const struct command command_check = {
	.name = "check",
	.arguments = "[HOST [PLUGIN]]",
	.summary = "check last values against the plugins' warning and critical ranges",
	.help = "For nagios, icinga or a cron job: a line with performance data, then a line for each value that is "
		"not OK.\n"
		"As munin-limits does, what is stored is compared, without cdef, rounded to two decimals.\n"
		"Exit status: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, also for wrong usage and without an answer.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.most_arguments = 2,
	.is_probe = true,
	.works_alone = true,
	.run = run,
};

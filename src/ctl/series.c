#include "ctl/series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/instant.h"
#include "base/mem.h"
#include "ctl/names.h"
#include "ctl/plain.h"
#include "ctl/when.h"
#include "wire/number.h"

enum { TIMEOUT_MS = 120000 };

/* A date as the daemon takes it: in seconds. All else is for the daemon to read. */
static const char *in_seconds(const char *t, char out[SERIES_TIME_BYTES])
{
	int64_t t_s;

	if (t == NULL || !when_read_date(text_of(t), &t_s))
		return t;
	snprintf(out, SERIES_TIME_BYTES, "%lld", (long long)t_s);
	return out;
}

void series_default_from(struct series_asked *asked, int64_t span_s, char room[SERIES_TIME_BYTES])
{
	int64_t until_s = wall_now().s;

	if (asked->from != NULL || asked->res != NULL)
		return;
	if (asked->until != NULL)
		(void)when_read(text_of(asked->until), until_s, &until_s);
	snprintf(room, SERIES_TIME_BYTES, "%lld", (long long)(until_s > span_s ? until_s - span_s : 0));
	asked->from = room;
}

static int ask(struct ctl *ctl, const struct series_asked *asked, struct series *out, enum rc *rc, struct why *why)
{
	char from[SERIES_TIME_BYTES], until[SERIES_TIME_BYTES];
	struct buf request;
	int status;

	request_begin(&request, "values");
	request_add(&request, "host", asked->host);
	request_add(&request, "plugin", asked->plugin);
	request_add(&request, "ds", asked->ds);
	request_add(&request, "from", in_seconds(asked->from, from));
	request_add(&request, "until", in_seconds(asked->until, until));
	request_add(&request, "res", asked->res);
	request_add(&request, "max_points", asked->max_points);
	request_end(&request);
	status = answer_try(ctl, buf_text(&request), TIMEOUT_MS, &out->answer, rc, why);
	buf_fini(&request);
	if (status == EXIT_NOT_FINE)
		ctl_fail("%s", why->text);
	return status == EXIT_NOT_FINE && *rc == RC_REFUSED ? EXIT_UNUSABLE : status;
}

static void read_column(struct series *s, struct json_value values, struct series_column *c)
{
	struct json_value value;
	struct json_walk w = json_walk(values);
	size_t n = 0;

	c->value = must_alloc(s->n_slots * sizeof(*c->value) + 1);
	while (n < s->n_slots && json_next_element(&w, &value))
		c->value[n++] = value.type == JSON_NUMBER ? value.raw : TEXT_NONE;
}

static size_t count_elements(struct json_value array)
{
	struct json_walk w = json_walk(array);
	struct json_value value;
	size_t n = 0;

	while (json_next_element(&w, &value))
		n++;
	return n;
}

static void read_result(struct series *s, struct json_value result)
{
	struct answer *a = &s->answer;
	struct json_value values;
	struct json_walk w;
	struct text key;
	bool escaped;
	size_t capacity = 0;

	s->start_s = (int64_t)answer_number(a, result, "TS_start");
	s->step_s = (int64_t)answer_number(a, result, "TS_step");
	s->datas = answer_object(a, result, "DATAS");
	if (s->datas.type != JSON_OBJECT)
		return;
	w = json_walk(s->datas);
	while (json_next_member(&w, &key, &escaped, &values)) {
		if (values.type != JSON_ARRAY)
			continue;
		if (s->n_columns == 0)
			s->n_slots = count_elements(values);
		array_grow(&s->column, &capacity, s->n_columns, sizeof(*s->column));
		s->column[s->n_columns].ds = json_string(&a->arena, key, escaped);
		read_column(s, values, &s->column[s->n_columns++]);
	}
}

int series_try(struct ctl *ctl, const struct series_asked *asked, struct series *out, enum rc *rc)
{
	struct json_value results, result;
	struct why why = { "" };
	struct json_walk w;
	int status;

	*out = (struct series){ .step_s = 1 };
	*rc = RC_OK;
	status = ask(ctl, asked, out, rc, &why);
	if (status != EXIT_FINE)
		return status;
	out->now_s = (int64_t)answer_number(&out->answer, out->answer.value, "now");
	if (json_member(&out->answer.arena, out->answer.value, "results", &results) && results.type == JSON_ARRAY) {
		w = json_walk(results);
		if (json_next_element(&w, &result))
			read_result(out, result);
	}
	if (out->n_columns > 0)
		return EXIT_FINE;
	*rc = RC_ABSENT;
	return EXIT_NOT_FINE;
}

/* Say which name is the wrong one. */
static int say_absent(struct ctl *ctl, const struct series_asked *asked)
{
	struct answer a;
	struct name_list known;
	int status = names_ask(ctl, "list", asked->host, &a);
	struct buf b;

	if (status == EXIT_FINE) {
		name_list_read(&a, a.value, &known);
		if (!name_list_has(&known, text_of(asked->plugin))) {
			status = names_no_plugin(ctl, asked->host, asked->plugin);
		} else {
			buf_init(&b, SIZE_MAX);
			plain_add(&b, text_of(asked->ds == NULL ? "" : asked->ds));
			ctl_fail("%.*s%snothing is stored of that", TEXT_ARG(buf_text(&b)), b.n > 0 ? ": " : "");
			buf_fini(&b);
			status = EXIT_NOT_FINE;
		}
		name_list_fini(&known);
	}
	answer_close(&a);
	return status;
}

int series_ask(struct ctl *ctl, const struct series_asked *asked, struct series *out)
{
	enum rc rc;
	int status = series_try(ctl, asked, out, &rc);

	return status == EXIT_NOT_FINE && rc == RC_ABSENT ? say_absent(ctl, asked) : status;
}

void series_close(struct series *s)
{
	for (size_t i = 0; i < s->n_columns; i++)
		free(s->column[i].value);
	free(s->column);
	answer_close(&s->answer);
	*s = (struct series){ .step_s = 1 };
}

double series_value(const struct series *s, size_t column, size_t slot)
{
	double v;

	return number_parse(s->column[column].value[slot], &v) == NUMBER_VALUE ? v : (double)NAN;
}

struct text series_text(const struct series *s, size_t column, size_t slot)
{
	struct text t = s->column[column].value[slot];

	if (t.n > 2 && memcmp(t.s + t.n - 2, ".0", 2) == 0)
		t.n -= 2;
	return t;
}

struct text series_missing(const struct series *s, const char *list)
{
	struct text rest = text_of(list);

	while (rest.n > 0) {
		const char *comma = memchr(rest.s, ',', rest.n);
		struct text ds = { rest.s, comma == NULL ? rest.n : (size_t)(comma - rest.s) };
		bool found = ds.n == 0;

		for (size_t i = 0; i < s->n_columns && !found; i++)
			found = text_equal(s->column[i].ds, ds);
		if (!found)
			return ds;
		rest = comma == NULL ? TEXT_NONE : (struct text){ comma + 1, rest.n - ds.n - 1 };
	}
	return TEXT_NONE;
}

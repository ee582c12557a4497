/*
 * The values of several series over one span of time, brought to one start, step and count.
 */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/name.h"
#include "query/window.h"
#include "wire/number.h"
#include "wire/reply.h"

enum { PATHS_MAX_BYTES = 64 * 1024 };

struct column {
	struct text ds;
	struct span span; /* value NULL: nothing known there, every slot is null */
};

struct table {
	struct column *column;
	size_t n, capacity;
	size_t n_damaged;
	int64_t start_s, end_s; /* the slots of the reply; end_s is behind the last */
	int64_t step_s;
};

static bool is_on_disk(const struct query *q, const char *folder)
{
	char *path = must_format("%s/%s", q->wsp_path, folder);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/*
 * Where the host's files are. A WSP_PATH outside our tree is never followed: the folder by the rule, as ingest writes
 * it (a suffixed folder that is there is this host's). md5 digits of an existing HOST_ID win over the configured number.
 */
static enum rc find_folder(const struct query *q, struct text host, char folder[FOLDER_MAX_BYTES], struct why *why)
{
	struct meta_read read[2] = { { .key = { META_WSP_PATH, TEXT_NONE, host } },
				     { .key = { META_HOST_ID, TEXT_NONE, host } } };
	char md5[MD5_HEX_BYTES + 1];
	unsigned digits = q->md5_digits;
	struct text below;
	struct buf answers;
	enum rc rc;

	buf_init(&answers, PATHS_MAX_BYTES);
	rc = meta_read(q->meta, read, ARRAY_LEN(read), &answers, why);
	if (rc != RC_OK)
		goto out;
	if (!read[0].found) {
		rc = because(why, RC_ABSENT, "no such host");
		goto out;
	}
	below = name_folder_below(read[0].value, text_of(q->wsp_path));
	if (below.n > 0) {
		memcpy(folder, below.s, below.n);
		folder[below.n] = '\0';
		goto out;
	}
	name_md5(host, md5);
	if (read[1].found && read[1].value.n >= 1 && read[1].value.n <= MD5_HEX_BYTES &&
	    memcmp(read[1].value.s, md5, read[1].value.n) == 0)
		digits = (unsigned)read[1].value.n;
	name_folder(host, digits, true, folder);
	if (!is_on_disk(q, folder))
		name_folder(host, digits, false, folder);
out:
	buf_fini(&answers);
	return rc;
}

static bool has_column(const struct table *t, struct text ds)
{
	for (size_t i = 0; i < t->n; i++)
		if (text_equal(t->column[i].ds, ds))
			return true;
	return false;
}

/* The ds asked, each once, in order; what cannot be a name is left out. */
static enum rc split_ds(struct text list, struct table *t, struct why *why)
{
	const char *at = list.s, *end = list.s + list.n;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		struct text ds = { at, (size_t)((comma == NULL ? end : comma) - at) };

		at = comma == NULL ? end : comma + 1;
		if (name_check_plugin_or_ds(ds, NULL) != RC_OK || has_column(t, ds))
			continue;
		if (t->n == QUERY_MAX_DS)
			return because(why, RC_REFUSED, "ds: more than %d in one question", QUERY_MAX_DS);
		array_grow(&t->column, &t->capacity, t->n, sizeof(*t->column));
		t->column[t->n++] = (struct column){ .ds = ds };
	}
	return RC_OK;
}

/*
 * One series. Absent means "no such series" and also "the span is older than this file goes back": the second is known
 * by asking for its newest slot, and answered as one slot without a value.
 */
static enum rc fetch(const struct query *q, const struct series *s, struct window w, int64_t now_s, struct span *out,
		     struct why *why)
{
	enum rc rc = engine_fetch(q->engine, s, w.from_s, w.until_s, now_s, out, why);
	struct span newest;

	if (rc != RC_ABSENT || w.until_s >= now_s)
		return rc;
	rc = engine_fetch(q->engine, s, now_s, now_s, now_s, &newest, why);
	if (rc != RC_OK)
		return rc;
	*out = (struct span){ .start_s = w.until_s - w.until_s % newest.step_s,
			      .step_s = newest.step_s,
			      .n = 1,
			      .aggregation = newest.aggregation,
			      .value = must_alloc(sizeof(double)) };
	out->value[0] = NAN;
	span_fini(&newest);
	return RC_OK;
}

/* Fetch every column; those that are missing or damaged leave the table. */
static enum rc fetch_all(const struct query *q, struct series s, struct window w, int64_t now_s, struct table *t,
			 struct why *why)
{
	size_t n = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < t->n && rc == RC_OK; i++) {
		struct column c = t->column[i];

		s.ds = c.ds;
		rc = fetch(q, &s, w, now_s, &c.span, why);
		if (rc == RC_OK)
			t->column[n++] = c;
		t->n_damaged += rc == RC_DAMAGED;
		if (rc == RC_ABSENT || rc == RC_DAMAGED || rc == RC_REFUSED)
			rc = RC_OK;
	}
	t->n = n;
	if (rc == RC_OK && n == 0)
		rc = because(why, RC_ABSENT,
			     t->n_damaged > 0 ? "none of the ds can be read: damaged files"
					      : "no such plugin, or none of the ds");
	return rc;
}

/*
 * The step that every column can be brought to: the least common multiple, which is the coarsest step as long as each
 * divides the next. The bound keeps odd files of others from asking for slots of centuries.
 */
static enum rc choose_step(struct table *t, struct why *why)
{
	t->step_s = 1;
	for (size_t i = 0; i < t->n; i++) {
		int64_t a = t->step_s, b = t->column[i].span.step_s;

		while (b != 0) {
			int64_t rest = a % b;

			a = b;
			b = rest;
		}
		t->step_s = t->step_s / a * t->column[i].span.step_s;
		if (t->step_s > INT32_MAX)
			return because(why, RC_REFUSED, "ds: their steps have no usable common multiple, ask apart");
	}
	return RC_OK;
}

static int64_t step_up(int64_t t_s, int64_t step_s)
{
	return (t_s + step_s - 1) / step_s * step_s;
}

/*
 * The slots of the reply: those that a fetch at the common step would answer. A column's own start is its first
 * boundary after `from`, so the first common boundary not before it is the common grid's first.
 */
static void choose_slots(struct table *t)
{
	t->start_s = INT64_MAX;
	t->end_s = INT64_MIN;
	for (size_t i = 0; i < t->n; i++) {
		const struct span *s = &t->column[i].span;
		int64_t last_s = s->start_s + (int64_t)(s->n - 1) * s->step_s;
		int64_t start_s = step_up(s->start_s, t->step_s), end_s = last_s - last_s % t->step_s + t->step_s;

		if (end_s <= start_s)
			end_s = start_s + t->step_s;
		if (start_s < t->start_s)
			t->start_s = start_s;
		if (end_s > t->end_s)
			t->end_s = end_s;
	}
}

/*
 * Read the finer columns again over whole slots of the reply, so that its first and last slot are as complete as those
 * of the coarse ones, and join their values.
 */
static enum rc consolidate(const struct query *q, struct series s, int64_t now_s, struct table *t, struct why *why)
{
	const struct window whole = { t->start_s - 1, t->end_s - 1 };

	for (size_t i = 0; i < t->n; i++) {
		struct column *c = &t->column[i];
		enum rc rc;

		if (c->span.step_s == t->step_s)
			continue;
		span_fini(&c->span);
		s.ds = c->ds;
		rc = engine_fetch(q->engine, &s, whole.from_s, whole.until_s, now_s, &c->span, why);
		if (rc == RC_DISK || rc == RC_PEER)
			return rc;
		if (rc != RC_OK)
			c->span.value = NULL;
		else if (t->step_s % c->span.step_s == 0)
			span_consolidate(&c->span, (uint32_t)t->step_s);
		else
			span_fini(&c->span); /* replaced meanwhile by a file with other archives */
	}
	return RC_OK;
}

/* A longer step when there are more slots than asked for. */
static void coarsen(struct table *t, int64_t max_points)
{
	int64_t n = (t->end_s - t->start_s) / t->step_s;

	if (n <= max_points)
		return;
	t->step_s *= (n + max_points - 1) / max_points;
	choose_slots(t);
}

static enum rc read_max_points(struct text t, int64_t *out, struct why *why)
{
	*out = INT64_MAX;
	if (t.s == NULL)
		return RC_OK;
	if (t.n > 9 || !number_parse_seconds(t, out) || *out < 1 || memchr(t.s, '.', t.n) != NULL)
		return because(why, RC_REFUSED, "max_points: \"%.*s\": expected a whole number from 1 on", TEXT_ARG(t));
	return RC_OK;
}

static void print(const struct table *t, struct buf *out)
{
	buf_addf(out, "{\"TS_start\": %lld, \"TS_step\": %lld, \"DATAS\": {", (long long)t->start_s,
		 (long long)t->step_s);
	for (size_t i = 0; i < t->n && !out->full; i++) {
		const struct span *s = &t->column[i].span;

		if (i > 0)
			buf_add_str(out, ", ");
		reply_string(out, t->column[i].ds);
		buf_add_str(out, ": [");
		for (int64_t at = t->start_s; at < t->end_s; at += t->step_s) {
			int64_t slot = (at - s->start_s) / t->step_s;

			if (at > t->start_s)
				buf_add_str(out, ", ");
			if (s->value == NULL || at < s->start_s || slot >= (int64_t)s->n || isnan(s->value[slot]))
				buf_add_str(out, "null");
			else
				reply_number(out, s->value[slot]);
		}
		buf_add_str(out, "]");
	}
	buf_add_str(out, "}}");
}

enum rc query_data(const struct query *q, const struct query_data *asked, int64_t now_s, struct buf *out,
		   struct why *why)
{
	char folder[FOLDER_MAX_BYTES];
	struct table t = { 0 };
	int64_t max_points;
	struct series s;
	struct window w;
	enum rc rc;

	rc = window_read(asked, q->original_windows, now_s, &w, why);
	if (rc == RC_OK)
		rc = read_max_points(asked->max_points, &max_points, why);
	if (rc != RC_OK)
		return rc;
	if (name_check_host(asked->host, NULL) != RC_OK)
		return because(why, RC_ABSENT, "no such host");
	rc = split_ds(asked->ds, &t, why);
	if (rc != RC_OK)
		goto out;
	if (name_check_plugin_or_ds(asked->plugin, NULL) != RC_OK || t.n == 0) {
		rc = because(why, RC_ABSENT, "no such plugin, or none of the ds");
		goto out;
	}
	rc = find_folder(q, asked->host, folder, why);
	if (rc != RC_OK)
		goto out;
	s = (struct series){ .host = asked->host, .folder = text_of(folder), .plugin = asked->plugin };
	rc = fetch_all(q, s, w, now_s, &t, why);
	if (rc == RC_OK)
		rc = choose_step(&t, why);
	if (rc != RC_OK)
		goto out;
	choose_slots(&t);
	coarsen(&t, max_points);
	rc = consolidate(q, s, now_s, &t, why);
	if (rc != RC_OK)
		goto out;
	print(&t, out);
	if (out->full)
		rc = because(why, RC_FULL, "the reply would be over %zu bytes: ask fewer ds or a shorter time",
			     out->max);
out:
	for (size_t i = 0; i < t.n; i++)
		span_fini(&t.column[i].span);
	free(t.column);
	return rc;
}

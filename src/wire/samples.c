#include "wire/samples.h"

#include <stdlib.h>

#include "model/name.h"

/* Up to here each is compared with those before it, which is quicker than sorting; a sender cannot make it slow. */
enum { FEW = 32 };

static void add(struct samples *s, struct arena *a, const struct sample *one)
{
	if (s->n == s->capacity) {
		struct sample *more;

		s->capacity = s->capacity == 0 ? 16 : s->capacity * 2;
		more = arena_alloc(a, s->capacity * sizeof(*more));
		if (s->n > 0)
			memcpy(more, s->at, s->n * sizeof(*more));
		s->at = more;
	}
	s->at[s->n++] = *one;
}

void samples_judge(struct sample *s, struct text digits)
{
	switch (number_parse(digits, &s->value)) {
	case NUMBER_VALUE:
		s->kind = SAMPLE_VALUE;
		break;
	case NUMBER_UNKNOWN:
		s->kind = SAMPLE_UNKNOWN;
		break;
	case NUMBER_BAD:
		s->kind = SAMPLE_REFUSED;
		s->reason = REASON_VALUE;
		break;
	}
}

static void judge_value(struct sample *s, struct arena *a, struct json_reader *r)
{
	char c = json_peek(r);
	struct json_value v = { 0 };
	struct text t;

	if (c == '"') {
		if (json_read_text(r, a, &t))
			samples_judge(s, t);
		return;
	}
	r->nonfinite = c != '{' && c != '[';
	if (json_read(r, &v) && v.type == JSON_NUMBER) {
		samples_judge(s, v.raw);
	} else if (v.type == JSON_NONFINITE) {
		s->kind = SAMPLE_UNKNOWN;
	} else {
		s->kind = SAMPLE_REFUSED;
		s->reason = REASON_VALUE;
	}
	r->nonfinite = false;
}

void samples_read(struct samples *s, struct arena *a, struct json_reader *r)
{
	s->n = 0;
	json_enter(r);
	while (json_next(r)) {
		struct sample one = { .ds = json_string(a, r->key, r->key_escaped) };

		judge_value(&one, a, r);
		if (name_check_plugin_or_ds(one.ds, NULL) != RC_OK) {
			one.kind = SAMPLE_REFUSED;
			one.reason = REASON_DS_NAME;
		}
		add(s, a, &one);
	}
}

/* By ds, and of one ds the last given first. */
static int by_ds(const void *left, const void *right)
{
	const struct sample *l = *(const struct sample *const *)left, *r = *(const struct sample *const *)right;
	size_t n = l->ds.n < r->ds.n ? l->ds.n : r->ds.n;
	int order = n == 0 ? 0 : memcmp(l->ds.s, r->ds.s, n);

	if (order == 0)
		order = (l->ds.n > r->ds.n) - (l->ds.n < r->ds.n);
	return order != 0 ? order : (l < r) - (l > r);
}

/* A dropped one is marked by having no text at all, which no key of an object has. */
static void mark_repeated(struct samples *s, struct arena *a)
{
	struct sample **sorted;

	if (s->n <= FEW) {
		for (size_t i = 1; i < s->n; i++)
			for (size_t j = 0; j < i; j++)
				if (s->at[j].ds.s != NULL && text_equal(s->at[i].ds, s->at[j].ds))
					s->at[j].ds = TEXT_NONE;
		return;
	}
	sorted = arena_alloc(a, s->n * sizeof(*sorted));
	for (size_t i = 0; i < s->n; i++)
		sorted[i] = &s->at[i];
	qsort(sorted, s->n, sizeof(*sorted), by_ds);
	for (size_t i = 1, kept = 0; i < s->n; i++) {
		if (text_equal(sorted[kept]->ds, sorted[i]->ds))
			sorted[i]->ds = TEXT_NONE;
		else
			kept = i;
	}
}

void samples_drop_repeated(struct samples *s, struct arena *a)
{
	size_t n = 0;

	mark_repeated(s, a);
	for (size_t i = 0; i < s->n; i++)
		if (s->at[i].ds.s != NULL)
			s->at[n++] = s->at[i];
	s->n = n;
}

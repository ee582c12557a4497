#include "model/retention.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

const struct retention retention_default = {
	.archive = { { 60, 1440 }, { 300, 2016 }, { 600, 4608 }, { 3600, 8784 } },
	.n_archives = 4,
	.aggregation = AGGREGATION_AVERAGE,
	.xff = 0.5F,
};

static const char *const aggregation_names[] = {
	"average", "sum", "last", "max", "min", "avg_zero", "absmax", "absmin"
};

bool aggregation_parse(struct text name, enum aggregation *out)
{
	for (size_t i = 0; i < 5; i++)
		if (text_is(name, aggregation_names[i])) {
			*out = (enum aggregation)(i + 1);
			return true;
		}
	return false;
}

const char *aggregation_name(enum aggregation a)
{
	return a >= 1 && a <= ARRAY_LEN(aggregation_names) ? aggregation_names[a - 1] : "unknown";
}

/* Seconds of a unit by its first letters, as whisper's: any prefix of the full word counts; 0 when unknown. */
static uint64_t unit_seconds(struct text unit)
{
	static const struct {
		const char *name;
		uint64_t s;
	} units[] = { { "seconds", 1 },  { "minutes", 60 },   { "hours", 3600 },
		      { "days", 86400 }, { "weeks", 604800 }, { "years", 31536000 } };

	for (size_t i = 0; unit.n > 0 && i < ARRAY_LEN(units); i++)
		if (unit.n <= strlen(units[i].name) && memcmp(unit.s, units[i].name, unit.n) == 0)
			return units[i].s;
	return 0;
}

/* "60" → value 60, unit_s 0; "10s" → 10, 1. */
static bool read_amount(struct text t, uint64_t *value, uint64_t *unit_s)
{
	size_t i = 0;

	*value = 0;
	for (; i < t.n && t.s[i] >= '0' && t.s[i] <= '9'; i++) {
		*value = *value * 10 + (uint64_t)(t.s[i] - '0');
		if (*value > UINT32_MAX)
			return false;
	}
	if (i == 0)
		return false;
	*unit_s = 0;
	if (i < t.n) {
		*unit_s = unit_seconds((struct text){ t.s + i, t.n - i });
		return *unit_s != 0;
	}
	return true;
}

static enum rc parse_archive(struct text t, struct archive *out, struct why *why)
{
	const char *colon = t.n == 0 ? NULL : memchr(t.s, ':', t.n);
	uint64_t step, step_unit, points, points_unit;

	if (colon == NULL)
		return because(why, RC_REFUSED, "archive \"%.*s\": expected STEP:POINTS or a form like 10s:6h",
			       TEXT_ARG(t));
	struct text left = { t.s, (size_t)(colon - t.s) }, right = { colon + 1, t.n - left.n - 1 };

	if (!read_amount(left, &step, &step_unit) || !read_amount(right, &points, &points_unit))
		return because(why, RC_REFUSED, "archive \"%.*s\": expected STEP:POINTS or a form like 10s:6h",
			       TEXT_ARG(t));
	if (step_unit != 0)
		step *= step_unit;
	if (step == 0 || step > UINT32_MAX)
		return because(why, RC_REFUSED, "archive \"%.*s\": the step must be 1 second or more", TEXT_ARG(t));
	if (points_unit != 0)
		points = points * points_unit / step;
	if (points == 0 || points * step > UINT32_MAX || points > 100000000)
		return because(why, RC_REFUSED, "archive \"%.*s\": expected 1 to 100000000 points in at most 136 years",
			       TEXT_ARG(t));
	*out = (struct archive){ (uint32_t)step, (uint32_t)points };
	return RC_OK;
}

static int finer_first(const void *a, const void *b)
{
	const struct archive *x = a, *y = b;

	return (x->step_s > y->step_s) - (x->step_s < y->step_s);
}

enum rc retention_parse(struct text t, struct retention *out, struct why *why)
{
	struct retention r = { .aggregation = out->aggregation, .xff = out->xff };
	size_t i = 0;

	while (i < t.n) {
		size_t start;
		enum rc rc;

		while (i < t.n && (t.s[i] == ',' || t.s[i] == ' ' || t.s[i] == '\t'))
			i++;
		if (i == t.n)
			break;
		start = i;
		while (i < t.n && t.s[i] != ',' && t.s[i] != ' ' && t.s[i] != '\t')
			i++;
		if (r.n_archives == RETENTION_MAX_ARCHIVES)
			return because(why, RC_REFUSED, "more than %d archives", RETENTION_MAX_ARCHIVES);
		rc = parse_archive((struct text){ t.s + start, i - start }, &r.archive[r.n_archives], why);
		if (rc != RC_OK)
			return rc;
		r.n_archives++;
	}
	if (r.n_archives > 0)
		qsort(r.archive, r.n_archives, sizeof(r.archive[0]), finer_first);
	enum rc rc = retention_check(&r, why);

	if (rc == RC_OK)
		*out = r;
	return rc;
}

enum rc retention_check(const struct retention *r, struct why *why)
{
	if (r->n_archives == 0)
		return because(why, RC_REFUSED, "no archive: expected at least one STEP:POINTS");
	for (size_t i = 0; i + 1 < r->n_archives; i++) {
		const struct archive *fine = &r->archive[i], *coarse = &r->archive[i + 1];

		if (fine->step_s == coarse->step_s)
			return because(why, RC_REFUSED, "two archives of %" PRIu32 " s", fine->step_s);
		if (coarse->step_s % fine->step_s != 0)
			return because(why, RC_REFUSED, "step %" PRIu32 " is not a multiple of the finer step %" PRIu32,
				       coarse->step_s, fine->step_s);
		if (archive_span_s(coarse) <= archive_span_s(fine))
			return because(why, RC_REFUSED,
				       "archive %" PRIu32 ":%" PRIu32 " must reach further back than %" PRIu32
				       ":%" PRIu32,
				       coarse->step_s, coarse->n_points, fine->step_s, fine->n_points);
		if (fine->n_points < coarse->step_s / fine->step_s)
			return because(why, RC_REFUSED,
				       "archive %" PRIu32 ":%" PRIu32 " has not enough points for one of %" PRIu32 " s",
				       fine->step_s, fine->n_points, coarse->step_s);
	}
	return RC_OK;
}

int64_t retention_longest_s(const struct retention *r)
{
	int64_t longest = 0;

	for (size_t i = 0; i < r->n_archives; i++)
		if (archive_span_s(&r->archive[i]) > longest)
			longest = archive_span_s(&r->archive[i]);
	return longest;
}

void aggregate_add(struct aggregate *a, double value)
{
	a->n++;
	switch (a->how) {
	case AGGREGATION_AVERAGE:
	case AGGREGATION_AVERAGE_ZERO:
	case AGGREGATION_SUM:
		a->value += value;
		break;
	case AGGREGATION_LAST:
		a->value = value;
		break;
	case AGGREGATION_MAX:
		a->value = a->n == 1 || value > a->value ? value : a->value;
		break;
	case AGGREGATION_MIN:
		a->value = a->n == 1 || value < a->value ? value : a->value;
		break;
	case AGGREGATION_ABSMAX:
		a->value = a->n == 1 || fabs(value) > fabs(a->value) ? value : a->value;
		break;
	case AGGREGATION_ABSMIN:
		a->value = a->n == 1 || fabs(value) < fabs(a->value) ? value : a->value;
		break;
	}
}

double aggregate_result(const struct aggregate *a)
{
	if (a->n == 0)
		return NAN;
	if (a->how == AGGREGATION_AVERAGE || a->how == AGGREGATION_AVERAGE_ZERO)
		return a->value / a->n;
	return a->value;
}

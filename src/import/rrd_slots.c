#include "import/rrd_slots.h"

#include <math.h>

static int64_t align(int64_t t_s, uint32_t step_s)
{
	return t_s - t_s % step_s;
}

static int64_t last_end_s(const struct rrdfile_archive *a)
{
	return a->first_end_s + (int64_t)(a->n_rows - 1) * a->step_s;
}

int64_t rrd_slots_newest_s(const struct rrdfile *r, const struct archive *a)
{
	int64_t newest_s = 0;

	for (size_t i = 0; i < r->n_archives; i++)
		if (r->archive[i].step_s == a->step_s)
			return last_end_s(&r->archive[i]) - a->step_s;
	for (size_t i = 0; i < r->n_archives; i++) {
		int64_t t_s = last_end_s(&r->archive[i]) - r->archive[i].step_s;

		if (t_s > newest_s)
			newest_s = t_s;
	}
	return align(newest_s, a->step_s);
}

/* The row that begins at t_s; NAN when there is none. */
static double row_at(const struct rrdfile *r, const struct rrdfile_archive *a, size_t ds, int64_t t_s)
{
	int64_t from_first_s = t_s + a->step_s - a->first_end_s;

	if (from_first_s < 0 || from_first_s % a->step_s != 0 || (uint64_t)(from_first_s / a->step_s) >= a->n_rows)
		return NAN;
	return a->value[(size_t)(from_first_s / a->step_s) * r->n_ds + ds];
}

static double reduced(const struct rrdfile *r, const struct rrdfile_archive *a, size_t ds, const struct retention *how,
		      int64_t t_s, uint32_t step_s)
{
	uint32_t n = step_s / a->step_s;
	struct aggregate sum = aggregate_start(how->aggregation);

	for (uint32_t i = 0; i < n; i++) {
		double v = row_at(r, a, ds, t_s + (int64_t)i * a->step_s);

		if (!isnan(v))
			aggregate_add(&sum, v);
	}
	if (sum.n == 0 || (double)sum.n / n < (double)how->xff)
		return NAN;
	return aggregate_result(&sum);
}

static double value_at(const struct rrdfile *r, size_t ds, const struct retention *how, int64_t t_s, uint32_t step_s)
{
	double v = NAN;

	for (size_t i = 0; i < r->n_archives && isnan(v); i++)
		if (r->archive[i].step_s == step_s)
			v = row_at(r, &r->archive[i], ds, t_s);
	for (size_t i = 0; i < r->n_archives && isnan(v); i++)
		if (r->archive[i].step_s < step_s && step_s % r->archive[i].step_s == 0)
			v = reduced(r, &r->archive[i], ds, how, t_s, step_s);
	for (size_t i = 0; i < r->n_archives && isnan(v); i++) {
		const struct rrdfile_archive *a = &r->archive[i];

		if (a->step_s > step_s && a->step_s % step_s == 0)
			v = row_at(r, a, ds, t_s);
		if (a->first_end_s - a->step_s <= t_s) /* this one reaches back to here: coarser ones say no more */
			break;
	}
	return v;
}

size_t rrd_slots_fill(const struct rrdfile *r, size_t ds, const struct retention *how, const struct archive *a,
		      double *value)
{
	int64_t newest_s = rrd_slots_newest_s(r, a);
	size_t n_known = 0;

	for (size_t i = 0; i < a->n_points; i++) {
		int64_t t_s = newest_s - (int64_t)(a->n_points - 1 - i) * a->step_s;

		value[i] = t_s <= 0 ? (double)NAN : value_at(r, ds, how, t_s, a->step_s);
		n_known += !isnan(value[i]);
	}
	return n_known;
}

enum rc rrd_slots_retention(const struct rrdfile *r, struct retention *out, struct why *why)
{
	*out = (struct retention){ .aggregation = AGGREGATION_AVERAGE, .xff = (float)r->archive[0].xff };
	for (size_t i = 0; i < r->n_archives; i++) {
		const struct rrdfile_archive *a = &r->archive[i];

		if (i > 0 && a->step_s == r->archive[i - 1].step_s) {
			if (a->n_rows > out->archive[out->n_archives - 1].n_points)
				out->archive[out->n_archives - 1].n_points = (uint32_t)a->n_rows;
			continue;
		}
		if (out->n_archives == RETENTION_MAX_ARCHIVES)
			return because(why, RC_REFUSED, "over %d archives", RETENTION_MAX_ARCHIVES);
		out->archive[out->n_archives++] = (struct archive){ a->step_s, (uint32_t)a->n_rows };
	}
	return retention_check(out, why);
}

bool rrd_slots_fits(const struct rrdfile *r, const struct retention *how, uint32_t *step_s)
{
	for (size_t i = 0; i < r->n_archives; i++) {
		uint32_t s = r->archive[i].step_s;
		bool fits = false;

		for (size_t k = 0; k < how->n_archives; k++)
			fits = fits || s % how->archive[k].step_s == 0 || how->archive[k].step_s % s == 0;
		if (!fits) {
			*step_s = s;
			return false;
		}
	}
	return true;
}

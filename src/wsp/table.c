#include "wsp/table.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "wsp/header.h"

enum { CHUNK = 1536 };

enum rc wsp_table_init(struct wsp_table *out, const struct retention *r, int64_t newest_s, struct why *why)
{
	struct wsp_table t = { .retention = *r, .newest_s = newest_s };

	for (size_t i = 0; i < r->n_archives; i++)
		if (r->archive[i].n_points > WSP_TABLE_MOST_SLOTS)
			return because(why, RC_FULL, "archive %" PRIu32 ":%" PRIu32 ": more than %d slots",
				       r->archive[i].step_s, r->archive[i].n_points, WSP_TABLE_MOST_SLOTS);
	for (size_t i = 0; i < r->n_archives; i++) {
		struct wsp_column *c = &t.column[i];

		*c = (struct wsp_column){ .step_s = r->archive[i].step_s, .n = r->archive[i].n_points };
		c->end_s = wsp_align(newest_s, c->step_s);
		c->value = must_realloc(NULL, c->n * sizeof(*c->value));
		for (uint32_t k = 0; k < c->n; k++)
			c->value[k] = (double)NAN;
	}
	*out = t;
	return RC_OK;
}

void wsp_table_fini(struct wsp_table *t)
{
	for (size_t i = 0; i < t->retention.n_archives; i++)
		free(t->column[i].value);
	memset(t, 0, sizeof(*t));
}

uint64_t wsp_table_n_points(const struct wsp_table *t)
{
	uint64_t n = 0;

	for (size_t i = 0; i < t->retention.n_archives; i++)
		for (uint32_t k = 0; k < t->column[i].n; k++)
			n += !isnan(t->column[i].value[k]);
	return n;
}

/* The slots of one archive that hold a time of their place. */
static enum rc read_column(const struct wsp *w, const struct wsp_archive *a, const struct wsp_scan *scan,
			   struct wsp_column *c, struct why *why)
{
	unsigned char bytes[CHUNK * WSP_SLOT_BYTES];
	int64_t start_s = wsp_column_start_s(c);

	for (uint32_t i = 0, n; i < a->n_points; i += n) {
		enum rc rc;

		n = a->n_points - i < CHUNK ? a->n_points - i : CHUNK;
		rc = wsp_read_slots(w, a, i, n, bytes, why);
		if (rc != RC_OK)
			return rc;
		for (uint32_t k = 0; k < n; k++) {
			const unsigned char *slot = bytes + (size_t)k * WSP_SLOT_BYTES;
			int64_t t_s = bytes_get_be32(slot);

			if (t_s != 0 && t_s % a->step_s == 0 && t_s >= start_s && t_s <= c->end_s &&
			    (uint64_t)(t_s / a->step_s) % a->n_points == ((uint64_t)scan->turn + i + k) % a->n_points)
				c->value[(t_s - start_s) / a->step_s] = bytes_get_be_double(slot + 4);
		}
	}
	return RC_OK;
}

enum rc wsp_table_read(const struct wsp *w, const struct wsp_checked *checked, struct wsp_table *out, struct why *why)
{
	struct retention r = { .n_archives = w->n_archives, .aggregation = w->aggregation, .xff = w->xff };
	struct wsp part = *w;
	struct wsp_table t = { .newest_s = 0 };
	int64_t newest_s = 0;
	enum rc rc;

	for (size_t i = 0; i < w->n_archives; i++) {
		r.archive[i] = (struct archive){ w->archive[i].step_s, w->archive[i].n_points };
		if (checked->scan[i].newest_s > newest_s)
			newest_s = checked->scan[i].newest_s;
	}
	rc = wsp_table_init(&t, &r, newest_s, why);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; rc == RC_OK && i < w->n_archives; i++) {
		part.zero_from =
			w->archive[i].offset + (uint64_t)wsp_slots_within(w, i, checked->file_bytes) * WSP_SLOT_BYTES;
		if (checked->scan[i].n_known > 0)
			rc = read_column(&part, &w->archive[i], &checked->scan[i], &t.column[i], why);
	}
	if (rc == RC_OK)
		*out = t;
	else
		wsp_table_fini(&t);
	return rc;
}

/* From slot 0 on in order of time; the oldest point is the base. Runs without a point stay holes of the file. */
static enum rc write_column(const struct wsp_column *c, struct wsp *w, const struct wsp_archive *a, struct why *why)
{
	unsigned char bytes[CHUNK * WSP_SLOT_BYTES];
	uint32_t first = 0, n;
	enum rc rc = RC_OK;

	while (first < c->n && isnan(c->value[first]))
		first++;
	for (uint32_t i = first; rc == RC_OK && i < c->n; i += n) {
		bool any = false;

		n = c->n - i < CHUNK ? c->n - i : CHUNK;
		for (uint32_t k = 0; k < n; k++) {
			unsigned char *slot = bytes + (size_t)k * WSP_SLOT_BYTES;
			double value = c->value[i + k];

			memset(slot, 0, WSP_SLOT_BYTES);
			if (isnan(value))
				continue;
			any = true;
			bytes_put_be32(slot, (uint32_t)(wsp_column_start_s(c) + (int64_t)(i + k) * c->step_s));
			bytes_put_be_double(slot + 4, value);
		}
		if (any)
			rc = wsp_write(w, bytes, (size_t)n * WSP_SLOT_BYTES,
				       a->offset + (uint64_t)(i - first) * WSP_SLOT_BYTES, why);
	}
	return rc;
}

enum rc wsp_table_write(const struct wsp_table *t, struct wsp *w, struct why *why)
{
	enum rc rc = RC_OK;

	must(w->n_archives == t->retention.n_archives);
	for (size_t i = 0; rc == RC_OK && i < w->n_archives; i++)
		rc = write_column(&t->column[i], w, &w->archive[i], why);
	return rc;
}

static bool same(double a, double b)
{
	unsigned char x[8], y[8];

	bytes_put_be_double(x, a);
	bytes_put_be_double(y, b);
	return (isnan(a) && isnan(b)) || memcmp(x, y, sizeof(x)) == 0;
}

/* Read as who asks for the whole of this archive at the time of its newest slot. */
static enum rc compare_column(const struct wsp_column *c, const struct wsp *w, size_t level, struct why *why)
{
	int64_t span_s = (int64_t)c->step_s * c->n;
	struct span s;
	enum rc rc = wsp_fetch(w, c->end_s - span_s, c->end_s, c->end_s, &s, why);

	if (rc != RC_OK)
		return rc == RC_DISK ? rc : because(why, RC_DAMAGED, "read back: archive %zu cannot be read", level);
	if (s.step_s != c->step_s || s.n != c->n || s.start_s != wsp_column_start_s(c))
		rc = because(why, RC_DAMAGED, "read back: archive %zu has %zu slots of %" PRIu32 " s", level, s.n,
			     s.step_s);
	for (uint32_t k = 0; rc == RC_OK && k < c->n; k++)
		/* a slot that was never written holds the time 0 as well */
		if (s.start_s + (int64_t)k * s.step_s > 0 && !same(s.value[k], c->value[k]))
			rc = because(why, RC_DAMAGED, "read back: archive %zu holds %.17g at %" PRId64 ", not %.17g",
				     level, s.value[k], s.start_s + (int64_t)k * s.step_s, c->value[k]);
	span_fini(&s);
	return rc;
}

enum rc wsp_table_compare(const struct wsp_table *t, const struct wsp *w, struct why *why)
{
	int fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
	struct wsp again;
	enum rc rc;

	if (fd < 0)
		return because(why, RC_DISK, "read back: %s", strerror(errno));
	rc = wsp_attach(fd, &again, why);
	if (rc != RC_OK)
		return rc;
	if (again.n_archives != t->retention.n_archives || again.aggregation != t->retention.aggregation ||
	    again.xff != t->retention.xff)
		rc = because(why, RC_DAMAGED, "read back: another header");
	for (size_t i = 0; rc == RC_OK && i < again.n_archives; i++)
		rc = compare_column(&t->column[i], &again, i, why);
	wsp_close(&again);
	return rc;
}

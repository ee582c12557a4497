#include "import/rrdfile.h"

#include <math.h>
#include <rrd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fileio.h"
#include "base/mem.h"

enum { PATH_BYTES = 40 };

bool rrdfile_is_built(void)
{
	return true;
}

/* librrd opens by name only; the name of an open file cannot mean another one. */
static void path_of(int fd, char out[PATH_BYTES])
{
	snprintf(out, PATH_BYTES, "/proc/self/fd/%d", fd);
}

static enum rc failed(const char *what, struct why *why)
{
	enum rc rc = because(why, RC_DAMAGED, "%s: %s", what, rrd_test_error() ? rrd_get_error() : "librrd says no");

	rrd_clear_error();
	return rc;
}

static enum rc check_magic(int fd, struct why *why)
{
	unsigned char bytes[8];
	size_t n;
	enum rc rc = fileio_pread_some(fd, bytes, sizeof(bytes), 0, &n, why);

	if (rc == RC_OK && (n < sizeof(bytes) || memcmp(bytes, "RRD", 4) != 0))
		rc = because(why, RC_REFUSED, "no .rrd file");
	return rc;
}

/* What rrd_info says of one archive. */
struct found {
	bool average;
	unsigned long rows, pdp_per_row;
	double xff;
};

struct reading {
	struct found rra[RRDFILE_MAX_ARCHIVES];
	size_t n_rras;
	unsigned long step_s;
	struct rrdfile out;
};

static enum rc take_rra(struct reading *r, const rrd_info_t *i, struct why *why)
{
	unsigned index;
	char what[24];

	if (sscanf(i->key, "rra[%u].%23s", &index, what) != 2)
		return RC_OK;
	if (index >= RRDFILE_MAX_ARCHIVES)
		return because(why, RC_REFUSED, "over %d archives", RRDFILE_MAX_ARCHIVES);
	if (index >= r->n_rras)
		r->n_rras = index + 1;
	if (strcmp(what, "cf") == 0 && i->type == RD_I_STR)
		r->rra[index].average = strcmp(i->value.u_str, "AVERAGE") == 0;
	else if (strcmp(what, "rows") == 0 && i->type == RD_I_CNT)
		r->rra[index].rows = i->value.u_cnt;
	else if (strcmp(what, "pdp_per_row") == 0 && i->type == RD_I_CNT)
		r->rra[index].pdp_per_row = i->value.u_cnt;
	else if (strcmp(what, "xff") == 0 && i->type == RD_I_VAL)
		r->rra[index].xff = i->value.u_val;
	return RC_OK;
}

static enum rc read_info(const char *path, struct reading *r, struct why *why)
{
	rrd_info_t *info = rrd_info_r(path);
	enum rc rc = RC_OK;

	if (info == NULL)
		return failed("rrd_info", why);
	for (const rrd_info_t *i = info; i != NULL && rc == RC_OK; i = i->next) {
		if (strcmp(i->key, "step") == 0 && i->type == RD_I_CNT)
			r->step_s = i->value.u_cnt;
		else if (strcmp(i->key, "last_update") == 0 && i->type == RD_I_CNT)
			r->out.last_update_s = (int64_t)i->value.u_cnt;
		else
			rc = take_rra(r, i, why);
	}
	rrd_info_free(info);
	if (rc == RC_OK && (r->step_s == 0 || r->step_s > UINT32_MAX))
		rc = because(why, RC_DAMAGED, "a step of %lu s", r->step_s);
	return rc;
}

static void take_names(struct rrdfile *out, char *const *name, unsigned long n)
{
	if (out->ds != NULL)
		return;
	out->n_ds = n;
	out->ds = must_alloc((n + 1) * sizeof(*out->ds));
	for (unsigned long i = 0; i < n; i++)
		out->ds[i] = must_strdup(name[i]);
}

/* The rows that were asked for among those that came: librrd may answer with one more at the end. */
static enum rc take_rows(struct rrdfile *out, struct rrdfile_archive *a, int64_t start_s, unsigned long step_s,
			 unsigned long n_ds, const rrd_value_t *data, size_t n_came, struct why *why)
{
	int64_t skip;

	if (n_ds != out->n_ds || step_s != a->step_s)
		return because(why, RC_DAMAGED, "archive of %u s: librrd answers with %lu s", (unsigned)a->step_s,
			       step_s);
	skip = (a->first_end_s - a->step_s - start_s) / a->step_s;
	if (skip < 0 || (uint64_t)skip + a->n_rows > n_came)
		return because(why, RC_DAMAGED, "archive of %u s: librrd answers with other rows", (unsigned)a->step_s);
	a->value = must_alloc(a->n_rows * n_ds * sizeof(*a->value));
	for (size_t i = 0; i < a->n_rows * n_ds; i++)
		a->value[i] = isfinite(data[(size_t)skip * n_ds + i]) ? data[(size_t)skip * n_ds + i] : (double)NAN;
	return RC_OK;
}

static enum rc fetch(const char *path, struct reading *r, const struct found *f, struct rrdfile_archive *a,
		     struct why *why)
{
	unsigned long step_s = f->pdp_per_row * r->step_s, n_ds = 0;
	time_t end = (time_t)(r->out.last_update_s - r->out.last_update_s % (int64_t)step_s);
	time_t start = end - (time_t)(f->rows * step_s);
	rrd_value_t *data = NULL;
	char **name = NULL;
	enum rc rc;

	*a = (struct rrdfile_archive){ .step_s = (uint32_t)step_s,
				       .n_rows = f->rows,
				       .first_end_s = (int64_t)start + (int64_t)step_s,
				       .xff = f->xff };
	if (rrd_fetch_r(path, "AVERAGE", &start, &end, &step_s, &n_ds, &name, &data) != 0)
		return failed("rrd_fetch", why);
	if (n_ds == 0 || n_ds > RRDFILE_MAX_DS || f->rows * n_ds > RRDFILE_MAX_VALUES) {
		rc = because(why, RC_REFUSED, "%lu data sources with %lu rows", n_ds, f->rows);
	} else {
		take_names(&r->out, name, n_ds);
		rc = take_rows(&r->out, a, start, step_s, n_ds, data, (size_t)((end - start) / (time_t)step_s) + 1,
			       why);
	}
	for (unsigned long i = 0; i < n_ds; i++)
		rrd_freemem(name[i]);
	rrd_freemem(name);
	rrd_freemem(data);
	return rc;
}

static int by_step(const void *a, const void *b)
{
	const struct rrdfile_archive *x = a, *y = b;

	return (x->step_s > y->step_s) - (x->step_s < y->step_s);
}

static enum rc read_archives(const char *path, struct reading *r, struct why *why)
{
	enum rc rc = RC_OK;

	r->out.archive = must_alloc((r->n_rras + 1) * sizeof(*r->out.archive));
	for (size_t i = 0; i < r->n_rras && rc == RC_OK; i++) {
		const struct found *f = &r->rra[i];

		if (!f->average) {
			r->out.n_others++;
			continue;
		}
		if (f->rows == 0 || f->rows > RRDFILE_MAX_VALUES || f->pdp_per_row == 0 ||
		    f->pdp_per_row > UINT32_MAX / r->step_s || f->rows * f->pdp_per_row * r->step_s > UINT32_MAX)
			return because(why, RC_DAMAGED, "archive %zu: %lu rows of %lu × %lu s", i, f->rows,
				       f->pdp_per_row, r->step_s);
		rc = fetch(path, r, f, &r->out.archive[r->out.n_archives], why);
		r->out.n_archives += rc == RC_OK;
	}
	if (rc == RC_OK && r->out.n_archives == 0)
		rc = because(why, RC_REFUSED, "no archive of AVERAGE");
	if (rc == RC_OK)
		qsort(r->out.archive, r->out.n_archives, sizeof(*r->out.archive), by_step);
	return rc;
}

enum rc rrdfile_read(int fd, struct rrdfile *out, struct why *why)
{
	struct reading *r;
	char path[PATH_BYTES];
	enum rc rc = check_magic(fd, why);

	if (rc != RC_OK)
		return rc;
	path_of(fd, path);
	r = must_alloc(sizeof(*r));
	rc = read_info(path, r, why);
	if (rc == RC_OK)
		rc = read_archives(path, r, why);
	if (rc == RC_OK)
		*out = r->out;
	else
		rrdfile_fini(&r->out);
	free(r);
	return rc;
}

/* "ds[NAME].index" → NAME at its place. */
static enum rc take_ds(struct rrdfile *out, const rrd_info_t *i, struct why *why)
{
	const char *end = strrchr(i->key, ']');

	if (strncmp(i->key, "ds[", 3) != 0 || end == NULL || strcmp(end, "].index") != 0 || i->type != RD_I_CNT)
		return RC_OK;
	if (i->value.u_cnt != out->n_ds || out->n_ds == RRDFILE_MAX_DS)
		return because(why, RC_REFUSED, "data source %lu: expected %zu, and at most %d", i->value.u_cnt,
			       out->n_ds, RRDFILE_MAX_DS);
	out->ds[out->n_ds++] = must_strndup(i->key + 3, (size_t)(end - i->key) - 3);
	return RC_OK;
}

enum rc rrdfile_read_names(int fd, struct rrdfile *out, struct why *why)
{
	struct rrdfile r = { .n_ds = 0 };
	rrd_info_t *info;
	char path[PATH_BYTES];
	enum rc rc = check_magic(fd, why);

	if (rc != RC_OK)
		return rc;
	path_of(fd, path);
	info = rrd_info_r(path);
	if (info == NULL)
		return failed("rrd_info", why);
	r.ds = must_alloc(RRDFILE_MAX_DS * sizeof(*r.ds));
	for (const rrd_info_t *i = info; i != NULL && rc == RC_OK; i = i->next)
		rc = take_ds(&r, i, why);
	rrd_info_free(info);
	if (rc == RC_OK && r.n_ds == 0)
		rc = because(why, RC_DAMAGED, "no data source");
	if (rc == RC_OK)
		*out = r;
	else
		rrdfile_fini(&r);
	return rc;
}

void rrdfile_fini(struct rrdfile *r)
{
	for (size_t i = 0; i < r->n_archives; i++)
		free(r->archive[i].value);
	free(r->archive);
	for (size_t i = 0; i < r->n_ds; i++)
		free(r->ds[i]);
	free(r->ds);
	*r = (struct rrdfile){ .n_ds = 0 };
}

#include "wsp/follow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "wsp/apply.h"

enum {
	FEW = 128, /* points in a batch that needs no heap */
	MAX_RUNS =
		4, /* pieces of one archive that are written apart; with more holes one read of them all is cheaper */
};

/* Slots to be written into one archive, in order of time: their bytes. */
struct out {
	unsigned char *at;
	size_t n, n_runs;
	uint32_t last_s;
};

/* One wsp_follow() at work. */
struct follow {
	const struct wsp *w; /* its layout */
	int fd;
	struct wsp_memo now; /* as it will be */
	bool coarse;         /* coarse archives are followed too */
	bool fresh;          /* the open slots hold points of this batch */
	struct out out[WSP_MEMO_ARCHIVES];
};

bool wsp_memo_holds(const struct wsp_memo *m, int fd)
{
	struct stat st;

	return m->changed_ns != 0 && fstat(fd, &st) == 0 && (uint32_t)st.st_ino == m->inode &&
	       (uint64_t)st.st_ctim.tv_sec * 1000000000U + (uint64_t)st.st_ctim.tv_nsec == m->changed_ns;
}

/* Remember the file as it is now. */
static void mark(int fd, struct wsp_memo *m)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		*m = (struct wsp_memo){ .changed_ns = 0 };
		return;
	}
	m->inode = (uint32_t)st.st_ino;
	m->changed_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000U + (uint64_t)st.st_ctim.tv_nsec;
}

static void emit(struct follow *f, size_t level, uint32_t slot_s, double value)
{
	struct out *o = &f->out[level];
	unsigned char *at = o->at + o->n * WSP_SLOT_BYTES;

	bytes_put_be32(at, slot_s);
	bytes_put_be_double(at + 4, value);
	o->n_runs += o->n == 0 || slot_s != o->last_s + f->w->archive[level].step_s;
	o->last_s = slot_s;
	o->n++;
}

/* The coarse slot over what is known of archive `level`, and the slot of it that is still open. False: too little. */
static bool raised(const struct wsp *w, const struct wsp_memo *m, size_t level, bool has, double open, double *value)
{
	struct aggregate a = { w->aggregation, m->n_known[level], m->value[level] };
	uint32_t n = w->archive[level + 1].step_s / w->archive[level].step_s;

	if (has)
		aggregate_add(&a, open);
	if (a.n == 0 || (double)a.n / n < (double)w->xff)
		return false;
	*value = wsp_aggregated(&a, n);
	return true;
}

static void count_in(const struct wsp *w, struct wsp_memo *m, size_t level, double value)
{
	struct aggregate a = { w->aggregation, m->n_known[level], m->value[level] };

	aggregate_add(&a, value);
	m->n_known[level] = (uint16_t)a.n;
	m->value[level] = a.value;
}

/* The newest slot is over, slot_s begins: of every archive whose slot ends with it, that slot counts in the next. */
static void turn(struct follow *f, uint32_t slot_s)
{
	struct wsp_memo *m = &f->now;
	double value = m->newest;
	bool has = true;

	for (size_t level = 0; f->coarse && level + 1 < f->w->n_archives; level++) {
		uint32_t step_s = f->w->archive[level + 1].step_s, unit_s = m->newest_s - m->newest_s % step_s;

		if (slot_s - unit_s < step_s) {
			if (has)
				count_in(f->w, m, level, value);
			return;
		}
		has = raised(f->w, m, level, has, value, &value);
		if (has && f->fresh)
			emit(f, level + 1, unit_s, value);
		m->n_known[level] = 0;
		m->value[level] = 0;
	}
}

/* The coarse slots that are still open, as far as they are known. */
static void emit_open(struct follow *f)
{
	const struct wsp_memo *m = &f->now;
	double value = m->newest;
	bool has = true;

	for (size_t level = 0; f->coarse && level + 1 < f->w->n_archives; level++) {
		has = raised(f->w, m, level, has, value, &value);
		if (has)
			emit(f, level + 1, m->newest_s - m->newest_s % f->w->archive[level + 1].step_s, value);
	}
}

/* Go through the points; false: not a batch to be followed. */
static bool gather(struct follow *f, const struct taken *points, size_t n)
{
	const struct wsp_archive *finest = &f->w->archive[0];
	uint32_t step_s = finest->step_s, first_s = points[0].t_s - points[0].t_s % step_s, slot_s = f->now.newest_s;
	int64_t young_s = wsp_span_s(finest) - step_s,
		lap_s = young_s - (int64_t)f->w->archive[f->w->n_archives > 1].step_s;

	for (size_t i = 0; i < n; i++) {
		const struct taken *p = &points[i];

		if (p->t_s < slot_s || (int64_t)p->accepted_s - p->t_s > young_s ||
		    (i > 0 && p->t_s < points[i - 1].t_s))
			return false;
		if (p->t_s - slot_s >= step_s) {
			uint32_t next_s = p->t_s - p->t_s % step_s;

			if (f->fresh)
				emit(f, 0, slot_s, f->now.newest);
			turn(f, next_s);
			slot_s = f->now.newest_s = next_s;
		}
		f->fresh = true;
		f->now.newest = p->value;
	}
	if (slot_s - (int64_t)first_s > lap_s)
		return false;
	emit(f, 0, slot_s, f->now.newest);
	emit_open(f);
	for (size_t level = 0; level < f->w->n_archives; level++)
		if (f->out[level].n_runs > MAX_RUNS)
			return false;
	return true;
}

/* Runs of slots that follow each other, each with one call, two where the archive ends in between. */
static enum rc write_out(struct follow *f, size_t level, struct why *why)
{
	const struct wsp_archive *a = &f->w->archive[level];
	const struct out *o = &f->out[level];
	enum rc rc = RC_OK;

	if (o->n > 0 && f->now.base_s[level] == 0)
		f->now.base_s[level] = bytes_get_be32(o->at);
	for (size_t i = 0, n; i < o->n && rc == RC_OK; i += n) {
		uint32_t slot_s = bytes_get_be32(o->at + i * WSP_SLOT_BYTES);
		uint32_t index = wsp_slot_index(a, f->now.base_s[level], slot_s);

		for (n = 1; i + n < o->n && index + n < a->n_points; n++)
			if (bytes_get_be32(o->at + (i + n) * WSP_SLOT_BYTES) != slot_s + n * a->step_s)
				break;
		rc = fileio_pwrite(f->fd, o->at + i * WSP_SLOT_BYTES, n * WSP_SLOT_BYTES,
				   a->offset + (uint64_t)index * WSP_SLOT_BYTES, why);
	}
	return rc;
}

enum rc wsp_follow(const struct wsp *w, int fd, struct wsp_memo *m, const struct taken *points, size_t n,
		   bool hold_coarse, bool *followed, struct wsp_stored *out, struct why *why)
{
	unsigned char few[WSP_MEMO_ARCHIVES][(FEW + 1) * WSP_SLOT_BYTES], *many = NULL;
	struct follow f = { .w = w, .fd = fd, .now = *m, .coarse = !hold_coarse };
	enum rc rc = RC_OK;

	*followed = false;
	if (m->changed_ns == 0 || n == 0 || (m->finest_alone && !hold_coarse) || points[0].t_s < m->newest_s)
		return RC_OK;
	if (n > FEW)
		many = must_alloc(WSP_MEMO_ARCHIVES * (n + 1) * WSP_SLOT_BYTES);
	for (size_t level = 0; level < WSP_MEMO_ARCHIVES; level++)
		/* cppcheck-suppress legacyUninitvar ; gather() fills it */
		f.out[level].at = many == NULL ? few[level] : many + level * (n + 1) * WSP_SLOT_BYTES;
	if (!gather(&f, points, n) || wsp_overtakes(w, f.now.newest_s, bytes_get_be32(f.out[0].at)))
		goto out;
	/* Coarse first, as wsp_store() does: a point is there only when the coarser archives have heard of it. */
	for (size_t level = w->n_archives; level > 0 && rc == RC_OK; level--)
		rc = write_out(&f, level - 1, why);
	if (rc != RC_OK) {
		*m = (struct wsp_memo){ .changed_ns = 0 };
		goto out;
	}
	f.now.finest_alone = w->n_archives > 1 && hold_coarse;
	mark(fd, &f.now);
	*m = f.now;
	*out = (struct wsp_stored){ .n_written = n };
	if (f.now.finest_alone)
		out->held_from_s = bytes_get_be32(f.out[0].at);
	*followed = true;
out:
	free(many);
	return rc;
}

/* What slot_s holds, by the bytes of n slots from index `first` on. False: another time. */
static bool held(const unsigned char *slots, uint32_t i, uint32_t slot_s, double *value)
{
	*value = bytes_get_be_double(slots + (size_t)i * WSP_SLOT_BYTES + 4);
	return bytes_get_be32(slots + (size_t)i * WSP_SLOT_BYTES) == slot_s;
}

/* Archive `level` from the beginning of the coarse slot over its open slot on, which is open_s. */
static bool learn_level(const struct wsp *w, size_t level, uint32_t open_s, unsigned char *scratch, bool *has,
			double *open, struct wsp_memo *m)
{
	const struct wsp_archive *a = &w->archive[level];
	bool last = level + 1 == w->n_archives;
	uint32_t unit_s = last ? open_s : open_s - open_s % w->archive[level + 1].step_s,
		 n = (open_s - unit_s) / a->step_s + 1;
	int64_t base_s;
	double value;

	if (n > a->n_points || (!last && w->archive[level + 1].step_s / a->step_s > UINT16_MAX) ||
	    (size_t)n * WSP_SLOT_BYTES > WSP_LEARN_BYTES || wsp_read_base(w, a, &base_s, NULL) != RC_OK ||
	    base_s % a->step_s != 0)
		return false;
	m->base_s[level] = (uint32_t)base_s;
	*has = false;
	if (base_s == 0)
		return true;
	if (wsp_read_slots(w, a, wsp_slot_index(a, base_s, unit_s), n, scratch, NULL) != RC_OK)
		return false;
	for (uint32_t i = 0; i + 1 < n; i++)
		if (held(scratch, i, unit_s + i * a->step_s, &value))
			count_in(w, m, level, value);
	*has = held(scratch, n - 1, open_s, open);
	return true;
}

/* The newest time that the finest archive holds. */
static bool newest_of(const struct wsp *w, unsigned char *scratch, uint32_t *newest_s)
{
	const struct wsp_archive *a = &w->archive[0];

	if ((size_t)a->n_points * WSP_SLOT_BYTES > WSP_LEARN_BYTES ||
	    wsp_read(w, scratch, (size_t)a->n_points * WSP_SLOT_BYTES, a->offset, NULL) != RC_OK)
		return false;
	*newest_s = 0;
	for (uint32_t i = 0; i < a->n_points; i++) {
		uint32_t t_s = bytes_get_be32(scratch + (size_t)i * WSP_SLOT_BYTES);

		*newest_s = t_s > *newest_s ? t_s : *newest_s;
	}
	return true;
}

static bool same_bits(double a, double b)
{
	uint64_t x, y;

	memcpy(&x, &a, sizeof(x));
	memcpy(&y, &b, sizeof(y));
	return x == y;
}

static bool learn(const struct wsp *w, bool alone, unsigned char *scratch, struct wsp_memo *m)
{
	bool has, has_open;
	double expected, open;
	size_t n = alone ? 1 : w->n_archives;

	if (!learn_level(w, 0, m->newest_s, scratch, &has, &m->newest, m) || !has)
		return false;
	expected = m->newest;
	for (size_t level = 1; level < n; level++) {
		uint32_t open_s = m->newest_s - m->newest_s % w->archive[level].step_s;

		has = raised(w, m, level - 1, has, expected, &expected);
		/* What lies there came another way (late points) when it is not what follows from the finer archive. */
		if (!learn_level(w, level, open_s, scratch, &has_open, &open, m) || has != has_open ||
		    (has && !same_bits(open, expected)))
			return false;
	}
	return true;
}

void wsp_learn(const struct wsp *w, const struct taken *points, size_t n, bool held_back, unsigned char *scratch,
	       struct wsp_memo *m)
{
	struct wsp_memo learnt = { .finest_alone = held_back && w->n_archives > 1 };
	uint32_t newest_s;

	*m = (struct wsp_memo){ .changed_ns = 0 };
	if (n == 0 || w->n_archives > WSP_MEMO_ARCHIVES || w->overlay != NULL)
		return;
	/* A late batch is not the end of the coarse archives, where others that came late may lie ahead of it. */
	if ((int64_t)points[n - 1].accepted_s - points[n - 1].t_s > wsp_span_s(&w->archive[0]) - w->archive[0].step_s)
		return;
	mark(w->fd, &learnt); /* before reading: what another program does from now on shows */
	if (!newest_of(w, scratch, &newest_s))
		return;
	learnt.newest_s = points[n - 1].t_s - points[n - 1].t_s % w->archive[0].step_s;
	if (learnt.changed_ns == 0 || learnt.newest_s != newest_s || newest_s == 0 ||
	    !learn(w, learnt.finest_alone, scratch, &learnt))
		return;
	*m = learnt;
}

/* A .wsp file without a name, for tests. */
#ifndef TESTS_UNIT_WSP_SCRATCH_H
#define TESTS_UNIT_WSP_SCRATCH_H

#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"
#include "wsp/header.h"

static inline struct retention scratch_retention(const char *archives, enum aggregation how, float xff)
{
	struct retention r = { .aggregation = how, .xff = xff };
	struct why why = { "" };

	if (retention_parse(text_of(archives), &r, &why) != RC_OK)
		fail_msg("%s", why.text);
	return r;
}

/* The bytes as an open descriptor that the caller closes. */
static inline int scratch_fd(const void *bytes, size_t n, size_t file_bytes)
{
	int fd = memfd_create("wsp", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)file_bytes), 0);
	assert_int_equal(pwrite(fd, bytes, n, 0), n);
	return fd;
}

/* Empty, ended by wsp_close(). */
static inline struct wsp scratch_wsp(const char *archives, enum aggregation how, float xff)
{
	struct retention r = scratch_retention(archives, how, xff);
	unsigned char header[WSP_MAX_HEADER_BYTES];
	size_t n = wsp_header_encode(&r, header);
	struct wsp w;
	struct why why = { "" };

	if (wsp_attach(scratch_fd(header, n, wsp_file_bytes(&r)), &w, &why) != RC_OK)
		fail_msg("%s", why.text);
	return w;
}

/* wsp_store() of n points, all accepted at accepted_s; n ≤ SCRATCH_MAX. */
enum { SCRATCH_MAX = 4096 };

static inline enum rc scratch_store(struct wsp *w, const struct point *p, size_t n, int64_t accepted_s,
				    struct wsp_stored *out, struct why *why)
{
	static struct taken taken[SCRATCH_MAX];

	assert_true(n <= SCRATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		assert_true(p[i].t_s >= 0 && p[i].t_s <= UINT32_MAX && accepted_s >= 0 && accepted_s <= UINT32_MAX);
		taken[i] = (struct taken){ (uint32_t)p[i].t_s, (uint32_t)accepted_s, p[i].value };
	}
	return wsp_store(w, taken, n, (struct wsp_how){ false, false }, out, why);
}

/* The value at t_s in the archive that a reader gets for a span of its whole length; NAN when there is none. */
static inline double scratch_value(const struct wsp *w, size_t archive, int64_t t_s, int64_t now_s)
{
	int64_t span_s = (int64_t)w->archive[archive].step_s * w->archive[archive].n_points;
	double value = NAN;
	struct span s;

	assert_int_equal(wsp_fetch(w, now_s - span_s, now_s, now_s, &s, NULL), RC_OK);
	assert_int_equal(s.step_s, w->archive[archive].step_s);
	if (t_s >= s.start_s && t_s < s.start_s + (int64_t)s.n * s.step_s)
		value = s.value[(t_s - s.start_s) / s.step_s];
	span_fini(&s);
	return value;
}

#endif

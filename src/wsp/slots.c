#include "wsp/slots.h"

#include <stdlib.h>

#include "base/fileio.h"
#include "base/mem.h"
#include "wsp/overlay.h"

enum rc wsp_read(const struct wsp *w, void *out, size_t n, uint64_t offset, struct why *why)
{
	size_t stored = offset >= w->zero_from ? 0 : n < w->zero_from - offset ? n : (size_t)(w->zero_from - offset);
	enum rc rc = stored == 0 ? RC_OK : fileio_pread(w->fd, out, stored, offset, why);

	memset((unsigned char *)out + stored, 0, n - stored);
	if (rc == RC_OK && w->overlay != NULL)
		overlay_cover(w->overlay, out, n, offset);
	return rc;
}

enum rc wsp_write(struct wsp *w, const void *bytes, size_t n, uint64_t offset, struct why *why)
{
	if (w->overlay != NULL) {
		overlay_put(w->overlay, bytes, n, offset);
		return RC_OK;
	}
	if (w->zero_from != UINT64_MAX && offset + n > w->zero_from)
		w->zero_from = offset + n;
	return fileio_pwrite(w->fd, bytes, n, offset, why);
}

enum rc wsp_read_base(const struct wsp *w, const struct wsp_archive *a, int64_t *base_s, struct why *why)
{
	unsigned char stored[4];
	enum rc rc = wsp_read(w, stored, sizeof(stored), a->offset, why);

	if (rc == RC_OK)
		*base_s = bytes_get_be32(stored);
	return rc;
}

static uint64_t offset_of(const struct wsp_archive *a, uint32_t index)
{
	return a->offset + (uint64_t)index * WSP_SLOT_BYTES;
}

enum rc wsp_read_slots(const struct wsp *w, const struct wsp_archive *a, uint32_t first, uint32_t n, unsigned char *out,
		       struct why *why)
{
	uint32_t to_end = a->n_points - first, n_first = n < to_end ? n : to_end;
	enum rc rc = wsp_read(w, out, (size_t)n_first * WSP_SLOT_BYTES, offset_of(a, first), why);

	if (rc == RC_OK && n_first < n)
		rc = wsp_read(w, out + (size_t)n_first * WSP_SLOT_BYTES, (size_t)(n - n_first) * WSP_SLOT_BYTES,
			      a->offset, why);
	return rc;
}

static void place(struct window *v, const struct wsp_archive *a, int64_t base_s, int64_t start_s, uint32_t n)
{
	must(n > 0 && n <= a->n_points);
	v->archive = a;
	v->start_s = start_s;
	v->first = wsp_slot_index(a, base_s, start_s);
	v->n = n;
	v->dirty_from = v->dirty_until = 0;
	v->at = n <= WINDOW_SMALL ? v->small : must_alloc((size_t)n * WSP_SLOT_BYTES);
}

void window_blank(struct window *v, const struct wsp_archive *a, int64_t base_s, int64_t start_s)
{
	place(v, a, base_s, start_s, 1);
	memset(v->small, 0xFF, WSP_SLOT_BYTES);
}

enum rc window_load(struct window *v, const struct wsp *w, const struct wsp_archive *a, int64_t base_s, int64_t start_s,
		    uint32_t n, struct why *why)
{
	enum rc rc;

	place(v, a, base_s, start_s, n);
	rc = wsp_read_slots(w, a, v->first, n, v->at, why);
	if (rc != RC_OK)
		window_fini(v);
	return rc;
}

void window_fini(struct window *v)
{
	if (v->at != v->small)
		free(v->at);
	v->at = NULL;
}

void window_touch(struct window *v, uint32_t i)
{
	if (v->dirty_from == v->dirty_until || i < v->dirty_from)
		v->dirty_from = i;
	if (i >= v->dirty_until)
		v->dirty_until = i + 1;
}

bool window_put(struct window *v, uint32_t i, int64_t slot_s, double value)
{
	unsigned char *at = window_slot(v, i);
	unsigned char before[8];

	memcpy(before, at + 4, sizeof(before));
	bytes_put_be_double(at + 4, value);
	if (bytes_get_be32(at) == (uint32_t)slot_s && memcmp(before, at + 4, sizeof(before)) == 0)
		return false;
	bytes_put_be32(at, (uint32_t)slot_s);
	window_touch(v, i);
	return true;
}

enum rc window_flush(struct window *v, struct wsp *w, struct why *why)
{
	const struct wsp_archive *a = v->archive;
	uint32_t n = v->dirty_until - v->dirty_from;
	uint64_t index = ((uint64_t)v->first + v->dirty_from) % a->n_points;
	uint32_t to_end = a->n_points - (uint32_t)index, n_first = n < to_end ? n : to_end;
	enum rc rc = RC_OK;

	if (n > 0)
		rc = wsp_write(w, window_slot(v, v->dirty_from), (size_t)n_first * WSP_SLOT_BYTES,
			       offset_of(a, (uint32_t)index), why);
	if (rc == RC_OK && n_first < n)
		rc = wsp_write(w, window_slot(v, v->dirty_from + n_first), (size_t)(n - n_first) * WSP_SLOT_BYTES,
			       a->offset, why);
	v->dirty_from = v->dirty_until = 0;
	return rc;
}

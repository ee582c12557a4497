/*
 * A .wsp file of any bytes: open, fetch, update, update_many, store. Whatever it holds, header and length stay as they
 * were and answers keep to their shapes. An odd last byte makes the file a MiB long, so that larger archives fit.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "wsp/header.h"
#include "wsp/overlay.h"

enum { LONG_FILE = 1 << 20, HEADER = WSP_MAX_HEADER_BYTES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void fetch(const struct wsp *w, int64_t from_s, int64_t until_s, int64_t now_s)
{
	struct span s;

	if (wsp_fetch(w, from_s, until_s, now_s, &s, NULL) != RC_OK)
		return;
	must(s.n >= 1 && s.step_s >= 1 && s.start_s % s.step_s == 0);
	must(s.start_s > from_s);
	for (size_t i = 0; i < s.n; i++) {
		volatile double read = s.value[i];

		(void)read;
	}
	span_fini(&s);
}

static void use(struct wsp *w, int64_t now_s)
{
	const uint32_t longest_s = w->max_retention_s, step_s = w->archive[0].step_s;
	const struct point p[] = {
		{ now_s - 1, 1.5 },
		{ now_s - longest_s, 2 },
		{ now_s - longest_s / 2, 3 },
		{ now_s - step_s, 4 },
		{ now_s - 2 * (int64_t)step_s, 5 },
		{ now_s + 1, 6 },
		{ now_s - longest_s / 3, 7 },
		{ now_s - 1, 8 },
		{ now_s - longest_s + step_s, 9 },
	};
	struct taken t[ARRAY_LEN(p)];
	struct wsp_stored stored;
	struct overlay over;
	enum rc rc;

	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		t[i] = (struct taken){ (uint32_t)p[i].t_s, (uint32_t)now_s - 60 * (uint32_t)(i % 2), p[i].value };

	fetch(w, now_s - longest_s, now_s, now_s);
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		rc = wsp_update(w, p[i], now_s, NULL);
	overlay_init(&over);
	w->overlay = &over;
	rc = wsp_store(w, t, ARRAY_LEN(t), (struct wsp_how){ .again = true }, &stored, NULL);
	rc = wsp_catch_up(w, now_s - longest_s / 4, NULL);
	fetch(w, now_s - longest_s, now_s, now_s);
	w->overlay = NULL;
	overlay_fini(&over);
	rc = wsp_store(w, t, ARRAY_LEN(t), (struct wsp_how){ .hold_coarse = now_s % 2 == 0 }, &stored, NULL);
	must(rc != RC_OK || stored.n_written + stored.n_kept + stored.n_too_old == ARRAY_LEN(p));
	rc = wsp_update_many(w, p, ARRAY_LEN(p), now_s, NULL);
	fetch(w, now_s - longest_s / 2, now_s, now_s);
	fetch(w, now_s, now_s, now_s);
	fetch(w, INT64_MIN, INT64_MAX, now_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	unsigned char before[HEADER] = { 0 }, after[HEADER] = { 0 };
	size_t length = n > 0 && n < LONG_FILE && data[n - 1] % 2 == 1 ? LONG_FILE : n;
	int fd = memfd_create("wsp", MFD_CLOEXEC);
	struct wsp w;

	must(fd >= 0 && ftruncate(fd, (off_t)length) == 0 && pwrite(fd, data, n, 0) == (ssize_t)n);
	if (wsp_attach(fd, &w, NULL) != RC_OK)
		return 0;
	size_t n_header = WSP_META_BYTES + WSP_ARCHIVE_BYTES * w.n_archives;

	must(pread(w.fd, before, n_header, 0) == (ssize_t)n_header);
	use(&w, 1400003617);
	use(&w, bytes_get_be32(data + n - 4));
	must(pread(w.fd, after, n_header, 0) == (ssize_t)n_header && memcmp(before, after, n_header) == 0);
	must(lseek(w.fd, 0, SEEK_END) == (off_t)length);
	wsp_close(&w);
	return 0;
}

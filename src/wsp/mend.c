#include "wsp/mend.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fileio.h"
#include "wsp/header.h"

static bool same_archives(const struct retention *a, const struct retention *b)
{
	if (a->n_archives != b->n_archives)
		return false;
	for (size_t i = 0; i < a->n_archives; i++)
		if (a->archive[i].step_s != b->archive[i].step_s || a->archive[i].n_points != b->archive[i].n_points)
			return false;
	return true;
}

/*
 * The header's own steps and slots, when they fit the file's length: then only what is said twice, or can be nothing else,
 * is damaged. A bad aggregation or xff becomes that of `likely`.
 */
static bool steps_of_header(const unsigned char *bytes, size_t n, uint64_t file_bytes, const struct retention *likely,
			    struct retention *out)
{
	struct retention r = *likely;
	uint32_t how, n_archives;
	float xff;

	if (n < WSP_META_BYTES)
		return false;
	how = bytes_get_be32(bytes);
	xff = bytes_get_be_float(bytes + 8);
	n_archives = bytes_get_be32(bytes + 12);
	if (n_archives == 0 || n_archives > RETENTION_MAX_ARCHIVES ||
	    n < WSP_META_BYTES + WSP_ARCHIVE_BYTES * (size_t)n_archives)
		return false;
	if (how >= AGGREGATION_AVERAGE && how <= AGGREGATION_ABSMIN)
		r.aggregation = (enum aggregation)how;
	if (xff >= 0.0F && xff <= 1.0F)
		r.xff = xff;
	r.n_archives = n_archives;
	for (size_t i = 0; i < n_archives; i++) {
		const unsigned char *at = bytes + WSP_META_BYTES + WSP_ARCHIVE_BYTES * i;

		r.archive[i] = (struct archive){ bytes_get_be32(at + 4), bytes_get_be32(at + 8) };
	}
	if (wsp_header_check(&r, NULL) != RC_OK || wsp_file_bytes(&r) != file_bytes)
		return false;
	*out = r;
	return true;
}

/* The likeliest that is as long as the file; of the others only one that is the only such. */
static const struct retention *known_of_length(const struct retention *const *known, size_t n_known,
					       uint64_t file_bytes)
{
	const struct retention *found = NULL;

	for (size_t i = 0; i < n_known; i++) {
		if (wsp_file_bytes(known[i]) != file_bytes)
			continue;
		if (i == 0)
			return known[0];
		if (found != NULL && !same_archives(found, known[i]))
			return NULL;
		found = found == NULL ? known[i] : found;
	}
	return found;
}

/* Do the slots, read with these archives, make more sense than not? */
static bool is_plausible(const struct wsp_checked *c)
{
	uint64_t n_known = 0, n_bad = 0;

	for (size_t i = 0; i < c->wsp.n_archives; i++) {
		n_known += c->scan[i].n_known;
		n_bad += wsp_scan_n_bad(&c->scan[i]);
	}
	return n_known >= n_bad;
}

static enum rc scan_as(int fd, const struct retention *r, int64_t latest_s, struct wsp_checked *c, struct why *why)
{
	struct wsp w;
	enum rc rc = wsp_imagine(r, &c->wsp, why);

	c->expected_bytes = wsp_file_bytes(r);
	for (size_t i = 0; rc == RC_OK && i < c->wsp.n_archives; i++) {
		w = c->wsp;
		w.fd = fd;
		w.zero_from = UINT64_MAX;
		rc = wsp_scan(&w, i, latest_s, &c->scan[i], why);
	}
	return rc;
}

/* Find the archives of a file whose header is impossible. */
static enum rc rebuild(int fd, const struct retention *const *known, size_t n_known, int64_t latest_s,
		       struct wsp_checked *c, struct why *why)
{
	unsigned char bytes[WSP_MAX_HEADER_BYTES];
	const struct retention *fits = known_of_length(known, n_known, c->file_bytes);
	struct retention own;
	size_t n;
	enum rc rc = fileio_pread_some(fd, bytes, sizeof(bytes), 0, &n, why);

	if (rc != RC_OK)
		return rc;
	if (n_known > 0 && steps_of_header(bytes, n, c->file_bytes, known[0], &own)) {
		rc = scan_as(fd, &own, latest_s, c, why);
		if (rc != RC_OK || is_plausible(c))
			return rc;
	}
	if (fits == NULL)
		return because(why, RC_DAMAGED, "%s; %" PRIu64 " bytes fit no archives that are known",
			       c->header_why.text, c->file_bytes);
	rc = scan_as(fd, fits, latest_s, c, why);
	if (rc == RC_OK && !is_plausible(c))
		rc = because(why, RC_DAMAGED, "%s; its slots are not those of the archives of its length",
			     c->header_why.text);
	return rc;
}

enum rc wsp_mend(int fd, const struct retention *const *known, size_t n_known, int64_t latest_s, struct wsp_mended *out,
		 struct why *why)
{
	struct wsp_checked c;
	struct wsp_mended m = { .n_kept = 0 };
	struct wsp w;
	enum rc rc = wsp_check(fd, latest_s, &c, why);

	if (rc != RC_OK)
		return rc;
	if (!c.regular)
		return because(why, RC_DAMAGED, "not a regular file");
	m.header_rebuilt = c.header_bad;
	if (c.header_bad)
		rc = rebuild(fd, known, n_known, latest_s, &c, why);
	if (rc != RC_OK)
		return rc;
	for (size_t i = 0; i < c.wsp.n_archives; i++) {
		m.n_cleared += wsp_scan_n_bad(&c.scan[i]);
		m.n_missing += c.wsp.archive[i].n_points - wsp_slots_within(&c.wsp, i, c.file_bytes);
	}
	m.n_cut = c.file_bytes > c.expected_bytes ? c.file_bytes - c.expected_bytes : 0;
	w = c.wsp;
	w.fd = fd;
	rc = wsp_table_read(&w, &c, &m.table, why);
	if (rc != RC_OK)
		return rc;
	m.n_kept = wsp_table_n_points(&m.table);
	*out = m;
	return RC_OK;
}

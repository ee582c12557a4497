#include "wsp/header.h"

#include <inttypes.h>
#include <string.h>

uint64_t wsp_file_bytes(const struct retention *r)
{
	uint64_t n = WSP_META_BYTES + WSP_ARCHIVE_BYTES * (uint64_t)r->n_archives;

	for (size_t i = 0; i < r->n_archives; i++)
		n += (uint64_t)r->archive[i].n_points * WSP_SLOT_BYTES;
	return n;
}

enum rc wsp_header_check(const struct retention *r, struct why *why)
{
	if (r->n_archives == 0 || r->n_archives > RETENTION_MAX_ARCHIVES)
		return because(why, RC_REFUSED, "%zu archives: expected 1 to %d", r->n_archives,
			       RETENTION_MAX_ARCHIVES);
	if (r->aggregation < AGGREGATION_AVERAGE || r->aggregation > AGGREGATION_ABSMIN)
		return because(why, RC_REFUSED, "aggregation %d: expected 1 to %d", (int)r->aggregation,
			       AGGREGATION_ABSMIN);
	if (!(r->xff >= 0.0F && r->xff <= 1.0F))
		return because(why, RC_REFUSED, "xff %g: expected 0 to 1", (double)r->xff);
	for (size_t i = 0; i < r->n_archives; i++) {
		const struct archive *a = &r->archive[i];

		if (a->step_s == 0 || a->n_points == 0 || (uint64_t)a->step_s * a->n_points > UINT32_MAX)
			return because(why, RC_REFUSED, "archive %" PRIu32 ":%" PRIu32 ": impossible", a->step_s,
				       a->n_points);
		if (i > 0 && a->step_s / r->archive[i - 1].step_s > WSP_MAX_CHILDREN)
			return because(why, RC_REFUSED, "step %" PRIu32 " joins more than %d slots of %" PRIu32 " s",
				       a->step_s, WSP_MAX_CHILDREN, r->archive[i - 1].step_s);
	}
	if (wsp_file_bytes(r) > UINT32_MAX)
		return because(why, RC_REFUSED, "%" PRIu64 " bytes: more than a header can address", wsp_file_bytes(r));
	return retention_check(r, why);
}

size_t wsp_header_encode(const struct retention *r, unsigned char out[WSP_MAX_HEADER_BYTES])
{
	size_t n = WSP_META_BYTES + WSP_ARCHIVE_BYTES * r->n_archives;
	uint64_t offset = n;

	bytes_put_be32(out, (uint32_t)r->aggregation);
	bytes_put_be32(out + 4, (uint32_t)retention_longest_s(r));
	bytes_put_be_float(out + 8, r->xff);
	bytes_put_be32(out + 12, (uint32_t)r->n_archives);
	for (size_t i = 0; i < r->n_archives; i++) {
		unsigned char *at = out + WSP_META_BYTES + WSP_ARCHIVE_BYTES * i;

		bytes_put_be32(at, (uint32_t)offset);
		bytes_put_be32(at + 4, r->archive[i].step_s);
		bytes_put_be32(at + 8, r->archive[i].n_points);
		offset += (uint64_t)r->archive[i].n_points * WSP_SLOT_BYTES;
	}
	return n;
}

enum rc wsp_header_decode(const unsigned char *bytes, size_t n, uint64_t file_bytes, struct wsp *out, struct why *why)
{
	struct retention r = { .n_archives = 0 };
	struct why cause;
	uint32_t n_archives, max_retention_s;
	uint64_t offset;

	if (n < WSP_META_BYTES)
		return because(why, RC_DAMAGED, "%zu bytes: the header ends early", n);
	n_archives = bytes_get_be32(bytes + 12);
	if (n_archives == 0 || n_archives > RETENTION_MAX_ARCHIVES)
		return because(why, RC_DAMAGED, "header: %" PRIu32 " archives", n_archives);
	if (n < WSP_META_BYTES + WSP_ARCHIVE_BYTES * (size_t)n_archives)
		return because(why, RC_DAMAGED, "%zu bytes: the header of %" PRIu32 " archives ends early", n,
			       n_archives);
	r.aggregation = (enum aggregation)bytes_get_be32(bytes);
	max_retention_s = bytes_get_be32(bytes + 4);
	r.xff = bytes_get_be_float(bytes + 8);
	r.n_archives = n_archives;
	offset = WSP_META_BYTES + WSP_ARCHIVE_BYTES * (uint64_t)n_archives;
	for (size_t i = 0; i < n_archives; i++) {
		const unsigned char *at = bytes + WSP_META_BYTES + WSP_ARCHIVE_BYTES * i;

		r.archive[i] = (struct archive){ bytes_get_be32(at + 4), bytes_get_be32(at + 8) };
		if (bytes_get_be32(at) != offset)
			return because(why, RC_DAMAGED, "header: archive %zu at %" PRIu32 ", expected at %" PRIu64, i,
				       bytes_get_be32(at), offset);
		out->archive[i] = (struct wsp_archive){ offset, r.archive[i].step_s, r.archive[i].n_points };
		offset += (uint64_t)r.archive[i].n_points * WSP_SLOT_BYTES;
	}
	if (wsp_header_check(&r, &cause) != RC_OK)
		return because(why, RC_DAMAGED, "header: %s", cause.text);
	if (max_retention_s != retention_longest_s(&r))
		return because(why, RC_DAMAGED, "header: longest retention %" PRIu32 ", archives say %" PRId64,
			       max_retention_s, retention_longest_s(&r));
	if (file_bytes < offset)
		return because(why, RC_DAMAGED, "%" PRIu64 " bytes long, its archives need %" PRIu64, file_bytes,
			       offset);
	out->fd = -1;
	out->zero_from = UINT64_MAX;
	out->rewrite = false;
	out->overlay = NULL;
	out->aggregation = r.aggregation;
	out->xff = r.xff;
	out->max_retention_s = max_retention_s;
	out->n_archives = n_archives;
	memset(out->seen_base_s, 0, sizeof(out->seen_base_s));
	memset(out->guess_base_s, 0, sizeof(out->guess_base_s));
	return RC_OK;
}

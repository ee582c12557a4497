#include "wsp/slots.h"

enum { CHUNK = 1536 };

/* The newest time in an archive; 0: it is empty. */
static enum rc newest_in(const struct wsp *w, const struct wsp_archive *a, uint32_t *t_s, struct why *why)
{
	unsigned char bytes[CHUNK * WSP_SLOT_BYTES];
	uint32_t n_now;
	int64_t base_s;
	enum rc rc = wsp_read_base(w, a, &base_s, why);

	*t_s = 0;
	if (rc != RC_OK || base_s == 0)
		return rc;
	for (uint32_t done = 0; done < a->n_points; done += n_now) {
		n_now = a->n_points - done < CHUNK ? a->n_points - done : CHUNK;
		rc = wsp_read_slots(w, a, done, n_now, bytes, why);
		if (rc != RC_OK)
			return rc;
		for (uint32_t i = 0; i < n_now; i++) {
			uint32_t slot_s = bytes_get_be32(bytes + (size_t)i * WSP_SLOT_BYTES);

			if (slot_s > *t_s)
				*t_s = slot_s;
		}
	}
	return RC_OK;
}

enum rc wsp_newest(const struct wsp *w, uint32_t *t_s, struct why *why)
{
	enum rc rc = RC_OK;

	*t_s = 0;
	for (size_t i = 0; i < w->n_archives && rc == RC_OK && *t_s == 0; i++)
		rc = newest_in(w, &w->archive[i], t_s, why);
	return rc;
}

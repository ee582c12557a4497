/*
 * Writes that are kept in memory instead of the file: who reads through them sees the file as it would be. Only what is
 * written is copied. Private to wsp/, but for who gives one to a struct wsp.
 */
#ifndef WSP_OVERLAY_H
#define WSP_OVERLAY_H

#include <stddef.h>
#include <stdint.h>

struct patch;

/* In order of writing. Few: a window of slots is one of them. */
struct overlay {
	struct patch *first, *last;
};

void overlay_init(struct overlay *o);
void overlay_fini(struct overlay *o);
void overlay_put(struct overlay *o, const void *bytes, size_t n, uint64_t offset);
/* Put what was written into [offset, offset + n) over the file's bytes in out. */
void overlay_cover(const struct overlay *o, void *out, size_t n, uint64_t offset);

#endif

/*
 * The bytes of a journal's files: header page, record header, points, names. No I/O.
 *
 * Source   docs/formats/journal.md
 */
#ifndef JOURNAL_FORMAT_H
#define JOURNAL_FORMAT_H

#include <stdbool.h>

#include "base/rc.h"
#include "model/point.h"

enum format_kind { FORMAT_SEGMENT = 1, FORMAT_NAMES = 2 };

enum {
	FORMAT_VERSION = 1,
	FORMAT_PAGE_BYTES = 4096, /* the header's; records follow */
	FORMAT_PAGE_USED_BYTES = 32,
	FORMAT_HEADER_BYTES = 32, /* of a record */
	FORMAT_ALIGN_BYTES = 16,  /* records start at multiples of it */
	FORMAT_POINT_BYTES = 16,
	FORMAT_MAX_POINTS = 4096,        /* of a record: what one damaged byte costs at most */
	FORMAT_MAX_BODY_BYTES = 1 << 16, /* of a record, padding included */
	FORMAT_NAME_BYTES = 12,          /* of a name, before its texts */
};

struct format_page {
	uint32_t version, kind, number, run;
};

struct format_record {
	uint32_t number, offset; /* of the file and in it: tells bytes of an earlier life of the file apart */
	uint32_t n;              /* points, 0: the segment's end; names: bytes */
	uint32_t word;           /* points: accepted_s; names: how many */
	uint32_t run;
	uint32_t group; /* offset of the first record that was synced together with this one */
};

void format_page_put(unsigned char page[FORMAT_PAGE_USED_BYTES], const struct format_page *p);
/*
 * Errors   RC_REFUSED whole, but of another version · RC_DAMAGED not whole (*out is untouched)
 */
CHECKED enum rc format_page_get(const unsigned char page[FORMAT_PAGE_USED_BYTES], struct format_page *out,
				struct why *why);

/* The header of a record whose body stands behind it, CRC included. */
void format_record_put(unsigned char *record, enum format_kind kind, const struct format_record *r);
/* The header alone, not looked at for sense; false: it does not begin with the mark. */
bool format_record_get(const unsigned char header[FORMAT_HEADER_BYTES], enum format_kind kind,
		       struct format_record *out);
/* The first multiple of FORMAT_ALIGN_BYTES at which such a header may stand: a quick look; n when there is none. */
size_t format_record_find(const unsigned char *bytes, size_t n, enum format_kind kind, uint32_t number);
/* Bytes of the whole record, padding included; 0 when it is larger than any record may be. */
size_t format_record_bytes(enum format_kind kind, uint32_t n);
bool format_record_whole(const unsigned char *record, size_t n_bytes);

void format_points_put(unsigned char *out, const struct numbered *point, size_t n);
void format_points_get(const unsigned char *bytes, struct numbered *out, size_t n);

/* Bytes of one name. */
size_t format_name_bytes(const struct series *s);
void format_name_put(unsigned char *out, uint32_t id, const struct series *s);
/* The name at bytes[*at), which moves behind it; texts point into bytes. False: it does not fit. */
bool format_name_get(const unsigned char *bytes, size_t n, size_t *at, uint32_t *id, struct series *out);

#endif

#include "journal/format.h"

#include "base/bytes.h"
#include "base/crc32c.h"

_Static_assert(sizeof(struct numbered) == FORMAT_POINT_BYTES, "a point is stored as it lies in memory");
_Static_assert(offsetof(struct numbered, t_s) == 4 && offsetof(struct numbered, value) == 8, "likewise");

static const char page_magic[8] = { 'n', 'u', 'm', 'e', 't', 'e', 'r', 'J' };
enum { PAGE_CRC_AT = 28, RECORD_CRC_AT = 28 };

/* "JPT1", "JNM1": the last byte is the version of the records. */
static uint32_t mark_of(enum format_kind kind)
{
	return kind == FORMAT_SEGMENT ? 0x3154504aU : 0x314d4e4aU;
}

void format_page_put(unsigned char page[FORMAT_PAGE_USED_BYTES], const struct format_page *p)
{
	memcpy(page, page_magic, sizeof(page_magic));
	bytes_put_le32(page + 8, p->version);
	bytes_put_le32(page + 12, p->kind);
	bytes_put_le32(page + 16, p->number);
	bytes_put_le32(page + 20, p->run);
	bytes_put_le32(page + 24, 0);
	bytes_put_le32(page + PAGE_CRC_AT, crc32c(0, page, PAGE_CRC_AT));
}

enum rc format_page_get(const unsigned char page[FORMAT_PAGE_USED_BYTES], struct format_page *out, struct why *why)
{
	if (memcmp(page, page_magic, sizeof(page_magic)) != 0 ||
	    bytes_get_le32(page + PAGE_CRC_AT) != crc32c(0, page, PAGE_CRC_AT))
		return because(why, RC_DAMAGED, "the file's header is not whole");
	if (bytes_get_le32(page + 8) != FORMAT_VERSION)
		return because(why, RC_REFUSED, "format version %u, this program knows version %d",
			       bytes_get_le32(page + 8), FORMAT_VERSION);
	*out = (struct format_page){ .version = FORMAT_VERSION,
				     .kind = bytes_get_le32(page + 12),
				     .number = bytes_get_le32(page + 16),
				     .run = bytes_get_le32(page + 20) };
	return RC_OK;
}

/* Everything but the checksum itself. */
static uint32_t checksum(const unsigned char *record, size_t n_bytes)
{
	return crc32c(crc32c(0, record, RECORD_CRC_AT), record + FORMAT_HEADER_BYTES, n_bytes - FORMAT_HEADER_BYTES);
}

void format_record_put(unsigned char *record, enum format_kind kind, const struct format_record *r)
{
	size_t n_bytes = format_record_bytes(kind, r->n);

	must(n_bytes > 0);
	bytes_put_le32(record, mark_of(kind));
	bytes_put_le32(record + 4, r->number);
	bytes_put_le32(record + 8, r->offset);
	bytes_put_le32(record + 12, r->n);
	bytes_put_le32(record + 16, r->word);
	bytes_put_le32(record + 20, r->run);
	bytes_put_le32(record + 24, r->group);
	bytes_put_le32(record + RECORD_CRC_AT, checksum(record, n_bytes));
}

bool format_record_get(const unsigned char header[FORMAT_HEADER_BYTES], enum format_kind kind,
		       struct format_record *out)
{
	*out = (struct format_record){ .number = bytes_get_le32(header + 4),
				       .offset = bytes_get_le32(header + 8),
				       .n = bytes_get_le32(header + 12),
				       .word = bytes_get_le32(header + 16),
				       .run = bytes_get_le32(header + 20),
				       .group = bytes_get_le32(header + 24) };
	return bytes_get_le32(header) == mark_of(kind);
}

size_t format_record_find(const unsigned char *bytes, size_t n, enum format_kind kind, uint32_t number)
{
	unsigned char wanted[8];

	bytes_put_le32(wanted, mark_of(kind));
	bytes_put_le32(wanted + 4, number);
	for (size_t at = 0; at + sizeof(wanted) <= n; at += FORMAT_ALIGN_BYTES)
		if (memcmp(bytes + at, wanted, sizeof(wanted)) == 0)
			return at;
	return n;
}

size_t format_record_bytes(enum format_kind kind, uint32_t n)
{
	if (kind == FORMAT_SEGMENT)
		return n > FORMAT_MAX_POINTS ? 0 : FORMAT_HEADER_BYTES + (size_t)n * FORMAT_POINT_BYTES;
	if (n > FORMAT_MAX_BODY_BYTES)
		return 0;
	return FORMAT_HEADER_BYTES + ((size_t)n + FORMAT_ALIGN_BYTES - 1) / FORMAT_ALIGN_BYTES * FORMAT_ALIGN_BYTES;
}

bool format_record_whole(const unsigned char *record, size_t n_bytes)
{
	return bytes_get_le32(record + RECORD_CRC_AT) == checksum(record, n_bytes);
}

void format_points_put(unsigned char *out, const struct numbered *point, size_t n)
{
#if __BYTE_ORDER == __LITTLE_ENDIAN
	if (n > 0)
		memcpy(out, point, n * FORMAT_POINT_BYTES);
#else
	for (size_t i = 0; i < n; i++, out += FORMAT_POINT_BYTES) {
		bytes_put_le32(out, point[i].id);
		bytes_put_le32(out + 4, point[i].t_s);
		bytes_put_le_double(out + 8, point[i].value);
	}
#endif
}

void format_points_get(const unsigned char *bytes, struct numbered *out, size_t n)
{
#if __BYTE_ORDER == __LITTLE_ENDIAN
	if (n > 0)
		memcpy(out, bytes, n * FORMAT_POINT_BYTES);
#else
	for (size_t i = 0; i < n; i++, bytes += FORMAT_POINT_BYTES)
		out[i] = (struct numbered){ bytes_get_le32(bytes), bytes_get_le32(bytes + 4),
					    bytes_get_le_double(bytes + 8) };
#endif
}

size_t format_name_bytes(const struct series *s)
{
	return FORMAT_NAME_BYTES + s->host.n + s->folder.n + s->plugin.n + s->ds.n;
}

void format_name_put(unsigned char *out, uint32_t id, const struct series *s)
{
	const struct text *text[] = { &s->host, &s->folder, &s->plugin, &s->ds };
	unsigned char *at = out + FORMAT_NAME_BYTES;

	bytes_put_le32(out, id);
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		must(text[i]->n <= UINT16_MAX);
		bytes_put_le16(out + 4 + 2 * i, (uint16_t)text[i]->n);
		if (text[i]->n > 0)
			memcpy(at, text[i]->s, text[i]->n);
		at += text[i]->n;
	}
}

bool format_name_get(const unsigned char *bytes, size_t n, size_t *at, uint32_t *id, struct series *out)
{
	struct text *text[] = { &out->host, &out->folder, &out->plugin, &out->ds };
	const unsigned char *lengths = bytes + *at + 4;
	size_t next;

	if (n - *at < FORMAT_NAME_BYTES)
		return false;
	*id = bytes_get_le32(bytes + *at);
	next = *at + FORMAT_NAME_BYTES;
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		size_t length = bytes_get_le16(lengths + 2 * i);

		if (n - next < length)
			return false;
		*text[i] = (struct text){ (const char *)bytes + next, length };
		next += length;
	}
	*at = next;
	return true;
}

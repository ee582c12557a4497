#include "poller/spool_format.h"

#include "base/bytes.h"
#include "base/crc32c.h"

enum {
	AT_MAGIC = 0,
	AT_CHECKSUM = 4,
	AT_LENGTH = 8, /* of what follows the length; the checksum is over the length and that */
	AT_KIND = 12,
	AT_HOST_BYTES = 14,
	AT_PLUGIN_BYTES = 16,
	AT_TEXT_BYTES = 20,
	AT_ID = 24,
};
enum { RECORD_MAGIC = 0x31524d4e /* "NMR1" */ };

static const char segment_magic[8] = { 'N', 'M', 'S', 'P', 'O', 'O', 'L', '1' };
static const char cursor_magic[8] = { 'N', 'M', 'C', 'U', 'R', 'S', 'O', '1' };

void spool_put_header(char out[SPOOL_HEADER_BYTES], uint64_t start)
{
	memcpy(out, segment_magic, sizeof(segment_magic));
	bytes_put_le64(out + 8, start);
}

bool spool_get_header(const char in[SPOOL_HEADER_BYTES], uint64_t *start)
{
	*start = bytes_get_le64(in + 8);
	return memcmp(in, segment_magic, sizeof(segment_magic)) == 0;
}

void spool_put_cursor(char out[SPOOL_CURSOR_BYTES], uint64_t offset)
{
	memcpy(out, cursor_magic, sizeof(cursor_magic));
	bytes_put_le64(out + 8, offset);
	bytes_put_le32(out + 16, crc32c(0, out, 16));
	bytes_put_le32(out + 20, 0);
}

bool spool_get_cursor(const char in[SPOOL_CURSOR_BYTES], uint64_t *offset)
{
	*offset = bytes_get_le64(in + 8);
	return memcmp(in, cursor_magic, sizeof(cursor_magic)) == 0 && bytes_get_le32(in + 16) == crc32c(0, in, 16);
}

size_t spool_record_bytes(const struct parcel *p)
{
	if (p->host.n > UINT16_MAX || p->plugin.n > UINT16_MAX || p->text.n > SPOOL_TEXT_MAX_BYTES)
		return 0;
	return SPOOL_RECORD_BYTES + p->host.n + p->plugin.n + p->text.n;
}

void spool_put_record(struct buf *out, const struct parcel *p)
{
	size_t n = spool_record_bytes(p);
	char *at = n == 0 ? NULL : buf_room(out, n);

	if (at == NULL)
		return;
	memset(at, 0, SPOOL_RECORD_BYTES);
	bytes_put_le32(at + AT_MAGIC, RECORD_MAGIC);
	bytes_put_le32(at + AT_LENGTH, (uint32_t)(n - AT_KIND));
	at[AT_KIND] = (char)p->kind;
	bytes_put_le16(at + AT_HOST_BYTES, (uint16_t)p->host.n);
	bytes_put_le16(at + AT_PLUGIN_BYTES, (uint16_t)p->plugin.n);
	bytes_put_le32(at + AT_TEXT_BYTES, (uint32_t)p->text.n);
	memcpy(at + AT_ID, p->id, PARCEL_ID_BYTES);
	memcpy(at + SPOOL_RECORD_BYTES, p->host.s, p->host.n);
	memcpy(at + SPOOL_RECORD_BYTES + p->host.n, p->plugin.s, p->plugin.n);
	memcpy(at + SPOOL_RECORD_BYTES + p->host.n + p->plugin.n, p->text.s, p->text.n);
	bytes_put_le32(at + AT_CHECKSUM, crc32c(0, at + AT_LENGTH, n - AT_LENGTH));
	out->n += n;
}

enum rc spool_take_record(struct text *rest, struct parcel *out)
{
	const char *at = rest->s;
	size_t host_n, plugin_n, text_n, n;

	if (rest->n >= 4 && bytes_get_le32(at + AT_MAGIC) != RECORD_MAGIC)
		return RC_DAMAGED;
	if (rest->n < SPOOL_RECORD_BYTES)
		return RC_END;
	host_n = bytes_get_le16(at + AT_HOST_BYTES);
	plugin_n = bytes_get_le16(at + AT_PLUGIN_BYTES);
	text_n = bytes_get_le32(at + AT_TEXT_BYTES);
	n = SPOOL_RECORD_BYTES + host_n + plugin_n + text_n;
	if (text_n > SPOOL_TEXT_MAX_BYTES || bytes_get_le32(at + AT_LENGTH) != n - AT_KIND)
		return RC_DAMAGED;
	if (rest->n < n)
		return RC_END;
	if (bytes_get_le32(at + AT_CHECKSUM) != crc32c(0, at + AT_LENGTH, n - AT_LENGTH) ||
	    (at[AT_KIND] != PARCEL_DATA && at[AT_KIND] != PARCEL_INFO))
		return RC_DAMAGED;
	out->kind = (enum parcel_kind)at[AT_KIND];
	memcpy(out->id, at + AT_ID, PARCEL_ID_BYTES);
	out->host = (struct text){ at + SPOOL_RECORD_BYTES, host_n };
	out->plugin = (struct text){ out->host.s + host_n, plugin_n };
	out->text = (struct text){ out->plugin.s + plugin_n, text_n };
	rest->s += n;
	rest->n -= n;
	return RC_OK;
}

size_t spool_find_record(struct text t)
{
	for (size_t i = 1; i < t.n; i++) {
		struct text rest = { t.s + i, t.n - i };
		struct parcel ignored;

		if (rest.s[0] == 'N' && spool_take_record(&rest, &ignored) == RC_OK)
			return i;
	}
	return t.n;
}

#include "wire/inflate.h"

#include <zlib.h>

#include "base/rc.h"

/* zlib's largest window, plus 32: find out by the header whether it is zlib or gzip (zlib.h, inflateInit2). */
enum { ZLIB_OR_GZIP = 15 + 32 };

enum reason inflate_body(struct arena *a, struct text packed, size_t max_bytes, struct text *out, const char **detail)
{
	size_t room = max_bytes + 1, n;
	char *bytes = arena_alloc(a, room);
	z_stream z = { .avail_in = (uInt)packed.n, .avail_out = (uInt)room };
	enum reason reason = REASON_NONE;
	int status;

	must(packed.n <= UINT32_MAX && room <= UINT32_MAX);
	z.next_in = (Bytef *)(uintptr_t)packed.s;
	z.next_out = (Bytef *)bytes;
	must(inflateInit2(&z, ZLIB_OR_GZIP) == Z_OK);
	status = inflate(&z, Z_FINISH);
	n = room - z.avail_out;
	inflateEnd(&z);
	if (n > max_bytes) {
		reason = REASON_TOO_LARGE;
		*detail = "it unpacks to more than 1 MiB";
	} else if (status == Z_STREAM_END && z.avail_in > 0) {
		reason = REASON_COMPRESSION;
		*detail = "bytes follow the compressed data";
	} else if (status != Z_STREAM_END) {
		reason = REASON_COMPRESSION;
		*detail = status == Z_BUF_ERROR ? "the compressed data end early" : "not zlib or gzip data, or damaged";
	}
	arena_trim(a, bytes, room, reason == REASON_NONE ? n : 0);
	if (reason == REASON_NONE)
		*out = (struct text){ bytes, n };
	return reason;
}

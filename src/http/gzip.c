#include "http/gzip.h"

#include <stdint.h>
#include <zlib.h>

enum { GZIP_WINDOW_BITS = 15 + 16, LEVEL = 1, MEMORY_LEVEL = 8, STEP_BYTES = 64 * 1024 };

/* zlib has no const; it only reads. */
static Bytef *input_of(struct text t)
{
	return (Bytef *)(uintptr_t)t.s;
}

bool gzip_pack(struct text t, struct buf *out)
{
	z_stream z = { 0 };
	bool done = false;
	char *room;

	if (t.n < 64 || t.n > UINT32_MAX ||
	    deflateInit2(&z, LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	room = buf_room(out, t.n - 1);
	if (room != NULL) {
		z.next_in = input_of(t);
		z.avail_in = (uInt)t.n;
		z.next_out = (Bytef *)room;
		z.avail_out = (uInt)(t.n - 1);
		done = deflate(&z, Z_FINISH) == Z_STREAM_END;
		if (done)
			out->n += z.total_out;
	}
	deflateEnd(&z);
	return done;
}

enum rc gzip_unpack(struct text t, struct buf *out, struct why *why)
{
	z_stream z = { 0 };
	int state = Z_OK;
	enum rc rc = RC_OK;

	if (t.n > UINT32_MAX)
		return because(why, RC_FULL, "a gzip stream over 4 GiB");
	must(inflateInit2(&z, GZIP_WINDOW_BITS) == Z_OK);
	z.next_in = input_of(t);
	z.avail_in = (uInt)t.n;
	while (rc == RC_OK && state != Z_STREAM_END) {
		size_t left = out->max - out->n, n = left < STEP_BYTES ? left : STEP_BYTES;
		char *room = n == 0 ? NULL : buf_room(out, n);

		if (room == NULL) {
			rc = because(why, RC_FULL, "over %zu bytes unpacked", out->max);
			break;
		}
		z.next_out = (Bytef *)room;
		z.avail_out = (uInt)n;
		state = inflate(&z, Z_NO_FLUSH);
		out->n += n - z.avail_out;
		if (state != Z_OK && state != Z_STREAM_END)
			rc = because(why, RC_REFUSED, "not a gzip stream: %s", z.msg == NULL ? "it ends early" : z.msg);
	}
	if (rc == RC_OK && z.avail_in > 0)
		rc = because(why, RC_REFUSED, "%u bytes behind the gzip stream", z.avail_in);
	inflateEnd(&z);
	return rc;
}

#include "http/gzip.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/mem.h"

enum { GZIP_WINDOW_BITS = 15 + 16, LEVEL = 1, MEMORY_LEVEL = 8, STEP_BYTES = 64 * 1024 };

/* zlib has no const; it only reads. */
static Bytef *input_of(struct text t)
{
	return (Bytef *)(uintptr_t)t.s;
}

/* Packing needs 256 KB of tables: a thread keeps its own, as getting them anew costs more than packing a reply. */
static pthread_key_t packer_key;
static pthread_once_t packer_once = PTHREAD_ONCE_INIT;

static void free_packer(void *packer)
{
	deflateEnd(packer);
	free(packer);
}

static void make_key(void)
{
	must(pthread_key_create(&packer_key, free_packer) == 0);
}

/* The calling thread's, ready for a new stream. */
static z_stream *own_packer(void)
{
	z_stream *z;

	must(pthread_once(&packer_once, make_key) == 0);
	z = pthread_getspecific(packer_key);
	if (z == NULL) {
		z = must_alloc(sizeof(*z));
		must(deflateInit2(z, LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK);
		must(pthread_setspecific(packer_key, z) == 0);
	} else {
		must(deflateReset(z) == Z_OK);
	}
	return z;
}

bool gzip_pack(struct text t, struct buf *out)
{
	z_stream *z;
	char *room;

	if (t.n < 64 || t.n > UINT32_MAX)
		return false;
	room = buf_room(out, t.n - 1);
	if (room == NULL)
		return false;
	z = own_packer();
	z->next_in = input_of(t);
	z->avail_in = (uInt)t.n;
	z->next_out = (Bytef *)room;
	z->avail_out = (uInt)(t.n - 1);
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return false;
	out->n += z->total_out;
	return true;
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

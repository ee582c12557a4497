/* What a server answers over HTTP: the same however the bytes are cut, and never over the limits. */
#include <stdlib.h>

#include "base/mem.h"
#include "poller/http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum rc read_in_pieces(struct http_reply *r, const uint8_t *data, size_t size, size_t piece)
{
	enum rc rc = RC_OK;

	for (size_t at = 0; rc == RC_OK && at < size; at += piece)
		rc = http_reply_take(r, (struct text){ (const char *)data + at, piece < size - at ? piece : size - at },
				     NULL);
	return rc == RC_OK ? http_reply_end(r, NULL) : rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_reply whole, cut;
	enum rc rc_whole, rc_cut;

	http_reply_init(&whole);
	http_reply_init(&cut);
	rc_whole = read_in_pieces(&whole, data, size, size + 1);
	rc_cut = read_in_pieces(&cut, data, size, 1 + size % 5);
	if (rc_whole == RC_OK && rc_cut == RC_OK) {
		must(whole.status == cut.status);
		must(text_equal(buf_text(&whole.body), buf_text(&cut.body)));
	}
	must(whole.body.n <= HTTP_REPLY_BODY_BYTES);
	http_reply_fini(&whole);
	http_reply_fini(&cut);
	return 0;
}

/*
 * Any bytes as what an HTTP client may say besides its body: headers, times, and a packed body. A span of time that is
 * taken is in order; what is unpacked stays below its ceiling.
 */
#include "http/gzip.h"
#include "http/headers.h"
#include "query/window.h"

enum { NOW = 1400003617, UNPACKED_MAX_BYTES = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct text next_line(struct text *rest)
{
	const char *end = rest->n == 0 ? NULL : memchr(rest->s, '\n', rest->n);
	struct text line = { rest->s, end == NULL ? rest->n : (size_t)(end - rest->s) };

	*rest = end == NULL ? TEXT("") : (struct text){ end + 1, rest->n - line.n - 1 };
	return line;
}

static void read_window(const struct query_data *asked)
{
	struct why why = { "" };
	struct window w;

	if (window_read(asked, false, NOW, &w, &why) == RC_OK)
		must(w.from_s <= w.until_s && w.until_s <= NOW);
	else
		must(why.text[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text all = { (const char *)data, size }, rest = all, first = next_line(&rest), second = next_line(&rest);
	struct buf out;

	headers_want_gzip(first);
	headers_names_etag(first, TEXT("W/\"0123456789abcdef\""));
	headers_media(first);
	headers_coding(first);
	headers_bear(first, TEXT("token"));
	read_window(&(struct query_data){ .from = first });
	read_window(&(struct query_data){ .from = first, .until = second });
	read_window(&(struct query_data){ .res = first });
	buf_init(&out, UNPACKED_MAX_BYTES);
	if (gzip_unpack(all, &out, NULL) == RC_OK)
		must(out.n <= UNPACKED_MAX_BYTES);
	buf_fini(&out);
	return 0;
}

/* Files that a crash or a bad disk left to the poller: records of the spool, its cursor, the counters. */
#include <stdlib.h>

#include "base/mem.h"
#include "poller/past.h"
#include "poller/spool_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_records(struct text rest)
{
	struct parcel p;
	struct buf again;

	buf_init(&again, SIZE_MAX);
	while (rest.n > 0) {
		struct text front = rest;
		size_t skip;

		if (spool_take_record(&rest, &p) == RC_OK) {
			must(front.n - rest.n == spool_record_bytes(&p));
			buf_clear(&again);
			spool_put_record(&again, &p);
			must(again.n == front.n - rest.n);
			continue;
		}
		must(rest.s == front.s && rest.n == front.n);
		skip = spool_find_record(rest);
		must(skip > 0 && skip <= rest.n);
		rest = (struct text){ rest.s + skip, rest.n - skip };
	}
	buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text t = { (const char *)data, size };
	char header[SPOOL_CURSOR_BYTES] = { 0 };
	struct plugin_past past;
	uint64_t offset;

	if (size > 0)
		memcpy(header, data, size < sizeof(header) ? size : sizeof(header));
	(void)spool_get_header(header, &offset);
	(void)spool_get_cursor(header, &offset);
	if (size > 0)
		try_records(t);
	past_init(&past);
	(void)!past_parse(t, &past, NULL);
	past_fini(&past);
	return 0;
}

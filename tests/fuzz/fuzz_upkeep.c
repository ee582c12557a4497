/* What upkeep reads of a tree that others may have touched: entry.json; a .wsp file whose points fill another's. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "upkeep/entry.h"
#include "wsp/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FROM_MAX_BYTES = 1 << 16, LATEST_S = 1 << 30 };

static void try_entry(struct text document)
{
	struct entry e, again;
	struct buf b;

	entry_init(&e);
	entry_init(&again);
	buf_init(&b, 1 << 24);
	if (entry_read(document, &e, NULL) == RC_OK) {
		entry_print(&e, &b);
		must(b.full || (entry_read(buf_text(&b), &again, NULL) == RC_OK && again.n_values == e.n_values));
	}
	entry_fini(&e);
	entry_fini(&again);
	buf_fini(&b);
}

static int memory_file(const void *bytes, size_t n, size_t file_bytes)
{
	int fd = memfd_create("wsp", MFD_CLOEXEC);

	must(fd >= 0 && ftruncate(fd, (off_t)file_bytes) == 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n);
	return fd;
}

static void try_fill(const uint8_t *data, size_t size)
{
	struct retention r = { .archive = { { 60, 20 }, { 300, 12 } },
			       .n_archives = 2,
			       .aggregation = AGGREGATION_AVERAGE };
	unsigned char header[WSP_MAX_HEADER_BYTES];
	size_t n = wsp_header_encode(&r, header);
	struct wsp from, into;
	uint64_t n_counted;

	if (size > FROM_MAX_BYTES || wsp_attach(memory_file(data, size, size), &from, NULL) != RC_OK)
		return;
	must(wsp_attach(memory_file(header, n, wsp_file_bytes(&r)), &into, NULL) == RC_OK);
	must(wsp_fill(&into, &from, LATEST_S, NULL) == RC_OK);
	must(wsp_lost(&into, &from, LATEST_S, &n_counted, NULL) == RC_OK);
	must(wsp_clear_future(&into, LATEST_S, &n_counted, NULL) == RC_OK && n_counted == 0);
	wsp_close(&from);
	wsp_close(&into);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == '{')
		try_entry((struct text){ (const char *)data, size });
	else if (size > 0)
		try_fill(data, size);
	return 0;
}

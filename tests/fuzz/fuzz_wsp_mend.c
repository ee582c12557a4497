/*
 * A damaged .wsp file of any bytes: what is made of it is a file without fault, and mending that again changes nothing.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "wsp/header.h"
#include "wsp/mend.h"

enum { LATEST = 1800000000, MOST_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void look(int fd)
{
	static const struct retention small = {
		.archive = { { 60, 20 }, { 300, 24 } }, .n_archives = 2, .aggregation = AGGREGATION_AVERAGE, .xff = 0.5F
	};
	const struct retention *known[] = { &retention_default, &small };
	struct wsp_mended m;
	struct wsp_checked c;
	struct wsp w;
	unsigned char header[WSP_MAX_HEADER_BYTES];
	size_t n_header;
	int made;

	if (wsp_mend(fd, known, ARRAY_LEN(known), LATEST, &m, NULL) != RC_OK)
		return;
	if (wsp_file_bytes(&m.table.retention) <= MOST_BYTES) {
		made = memfd_create("mended", MFD_CLOEXEC);
		must(made >= 0 && ftruncate(made, (off_t)wsp_file_bytes(&m.table.retention)) == 0);
		n_header = wsp_header_encode(&m.table.retention, header);
		must(pwrite(made, header, n_header, 0) == (ssize_t)n_header);
		must(wsp_attach(made, &w, NULL) == RC_OK);
		must(wsp_table_write(&m.table, &w, NULL) == RC_OK);
		must(wsp_check(w.fd, LATEST, &c, NULL) == RC_OK && wsp_checked_fine(&c));
		must(m.table.newest_s == 0 || wsp_table_compare(&m.table, &w, NULL) == RC_OK);
		wsp_close(&w);
	}
	wsp_table_fini(&m.table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = memfd_create("damaged", MFD_CLOEXEC);

	must(fd >= 0);
	if (n <= MOST_BYTES && write(fd, data, n) == (ssize_t)n) {
		look(fd);
		if (n > 0 && data[n - 1] % 2 == 1 && ftruncate(fd, (off_t)wsp_file_bytes(&retention_default)) == 0)
			look(fd);
	}
	close(fd);
	return 0;
}

/*
 * A segment or a file of names (by the first byte) of any bytes. Only whole records come out, in rising places, and what is
 * reported fits the file. Its number is 1, so that what a journal wrote first serves as corpus.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "journal/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint64_t use_names(const struct format_record *r, const unsigned char *body)
{
	uint64_t sum = 0;
	struct series s;
	size_t at = 0;
	uint32_t id;

	while (at < r->n && format_name_get(body, r->n, &at, &id, &s)) {
		must(at <= r->n);
		for (size_t i = 0; i < s.ds.n; i++)
			sum += (unsigned char)s.ds.s[i];
		must(s.host.s >= (const char *)body && s.ds.s + s.ds.n <= (const char *)body + r->n);
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static unsigned char window[RECORDS_WINDOW_BYTES];
	static struct numbered point[FORMAT_MAX_POINTS];
	enum format_kind kind = n > 0 && data[0] % 2 == 0 ? FORMAT_SEGMENT : FORMAT_NAMES;
	int fd = memfd_create("journal", MFD_CLOEXEC);
	const unsigned char *body;
	struct format_record r;
	struct records records;
	uint64_t end = FORMAT_PAGE_BYTES;
	enum rc rc;

	if (n == 0)
		kind = FORMAT_SEGMENT;
	else {
		data++;
		n--;
	}
	must(fd >= 0 && pwrite(fd, data, n, 0) == (ssize_t)n);
	rc = records_open(&records, fd, kind, 1, window, NULL);
	must(rc == RC_OK || rc == RC_REFUSED);
	while (rc == RC_OK) {
		rc = records_next(&records, &r, &body, NULL);
		if (rc != RC_OK)
			break;
		must(r.n > 0 && r.offset >= end && r.number == 1);
		end = r.offset + format_record_bytes(kind, r.n);
		must(end <= n && records.end == end);
		if (kind == FORMAT_SEGMENT)
			format_points_get(body, point, r.n);
		else
			(void)use_names(&r, body);
	}
	must(rc == RC_END || rc == RC_REFUSED);
	must(records.n_damaged_bytes <= n);
	must(rc == RC_REFUSED || records_next(&records, &r, &body, NULL) == RC_END);
	close(fd);
	return 0;
}

#include "cache/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/rc.h"

/* UNIT_BYTES: the largest page size of the architectures we run on, so that all lengths are whole pages. */
enum { HUGE_BYTES = 2 << 20, UNIT_BYTES = 64 << 10 };

static size_t whole(size_t n_bytes)
{
	must(n_bytes > 0 && n_bytes < SIZE_MAX / 2);
	return (n_bytes + UNIT_BYTES - 1) / UNIT_BYTES * UNIT_BYTES;
}

static char *mapped(size_t n_bytes)
{
	void *p = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED);
	return p;
}

void *pages_new(size_t n_bytes)
{
	size_t n = whole(n_bytes), before;
	char *p;

	if (n < HUGE_BYTES)
		return mapped(n);
	p = mapped(n + HUGE_BYTES);
	before = (HUGE_BYTES - (uintptr_t)p % HUGE_BYTES) % HUGE_BYTES;
	if (before > 0)
		must(munmap(p, before) == 0);
	if (before < HUGE_BYTES)
		must(munmap(p + before + n, HUGE_BYTES - before) == 0);
	p += before;
	(void)madvise(p, n, MADV_HUGEPAGE); /* a kernel without them says no: slower, not wrong */
	return p;
}

void pages_free(void *p, size_t n_bytes)
{
	if (p != NULL)
		must(munmap(p, whole(n_bytes)) == 0);
}

void pages_drop(void *p, size_t n_bytes)
{
	must(madvise(p, whole(n_bytes), MADV_DONTNEED) == 0);
}

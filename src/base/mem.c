#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rc.h"

static void *or_end(void *p)
{
	if (p == NULL) {
		static const char text[] = "out of memory\n";

		fwrite(text, 1, sizeof(text) - 1, stderr);
		abort();
	}
	return p;
}

void *must_alloc(size_t n_bytes)
{
	return or_end(calloc(1, n_bytes == 0 ? 1 : n_bytes));
}

void *must_realloc(void *p, size_t n_bytes)
{
	return or_end(realloc(p, n_bytes == 0 ? 1 : n_bytes));
}

char *must_strdup(const char *s)
{
	return or_end(strdup(s));
}

char *must_strndup(const char *s, size_t n)
{
	char *copy = must_alloc(n + 1);

	if (n > 0)
		memcpy(copy, s, n);
	return copy;
}

char *must_format(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return or_end(text);
}

void array_grow(void *array, size_t *capacity, size_t n, size_t element_bytes)
{
	void *p;

	if (n < *capacity)
		return;
	must(n < SIZE_MAX / 4 / element_bytes);
	*capacity = n < 8 ? 16 : n * 2;
	memcpy(&p, array, sizeof(p));
	p = must_realloc(p, *capacity * element_bytes);
	memcpy(array, &p, sizeof(p));
}

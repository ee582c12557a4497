#include "base/rc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum rc because(struct why *why, enum rc rc, const char *format, ...)
{
	va_list args;

	if (why == NULL)
		return rc;
	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return rc;
}

void why_prepend(struct why *why, const char *format, ...)
{
	struct why old;
	va_list args;
	int n;

	if (why == NULL)
		return;
	old = *why;
	va_start(args, format);
	n = vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	if (n < 0 || (size_t)n + 3 >= sizeof(why->text))
		return;
	memcpy(why->text + n, ": ", 2);
	snprintf(why->text + n + 2, sizeof(why->text) - (size_t)n - 2, "%.*s", (int)(sizeof(why->text) - (size_t)n - 3),
		 old.text);
}

const char *rc_name(enum rc rc)
{
	switch (rc) {
	case RC_OK:
		return "ok";
	case RC_END:
		return "end";
	case RC_ABSENT:
		return "absent";
	case RC_REFUSED:
		return "refused";
	case RC_DAMAGED:
		return "damaged";
	case RC_FULL:
		return "full";
	case RC_PEER:
		return "peer";
	case RC_DISK:
		return "disk";
	}
	return "unknown";
}

void must_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, condition);
	abort();
}

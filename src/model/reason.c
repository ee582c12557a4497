#include "model/reason.h"

#include <stdatomic.h>

static const struct {
	const char *code, *help;
} row[] = { { "", "" },
#define REASON_ROW(id, code, help) { code, help },
	    REASON_TABLE(REASON_ROW)
#undef REASON_ROW
};

const char *reason_code(enum reason r)
{
	return row[r].code;
}

const char *reason_help(enum reason r)
{
	return row[r].help;
}

static atomic_uint_fast64_t counted[REASON_COUNT];

void reason_count(enum reason r)
{
	atomic_fetch_add_explicit(&counted[r], 1, memory_order_relaxed);
}

uint64_t reason_counted(enum reason r)
{
	return atomic_load_explicit(&counted[r], memory_order_relaxed);
}

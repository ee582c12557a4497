#include "base/counter.h"

#include <stdatomic.h>

static atomic_uint_fast64_t value[COUNTER_COUNT];

static const struct {
	const char *name, *help;
} row[] = {
#define COUNTER_ROW(id, name, help) { name, help },
	COUNTER_TABLE(COUNTER_ROW)
#undef COUNTER_ROW
};

void counter_add(enum counter c, uint64_t n)
{
	atomic_fetch_add_explicit(&value[c], n, memory_order_relaxed);
}

uint64_t counter_get(enum counter c)
{
	return atomic_load_explicit(&value[c], memory_order_relaxed);
}

const char *counter_name(enum counter c)
{
	return row[c].name;
}

const char *counter_help(enum counter c)
{
	return row[c].help;
}

#include "storage/leaving.h"

#include <stdlib.h>

#include "base/mem.h"

void leaving_init(struct leaving *l)
{
	map_init(&l->due);
	l->earliest = (struct mono){ INT64_MAX };
}

void leaving_fini(struct leaving *l)
{
	map_fini(&l->due, free);
}

void leaving_add(struct leaving *l, struct text key, struct mono due)
{
	struct mono *copy;

	if (map_get(&l->due, key) != NULL)
		return;
	copy = must_alloc(sizeof(*copy));
	*copy = due;
	map_put(&l->due, key, copy);
	if (due.ns < l->earliest.ns)
		l->earliest = due;
}

void leaving_keep(struct leaving *l, struct text key)
{
	free(map_remove(&l->due, key));
}

bool leaving_has(const struct leaving *l, struct text key)
{
	return map_get(&l->due, key) != NULL;
}

size_t leaving_take(struct leaving *l, struct mono now, leaving_fn *fn, void *argument)
{
	struct map before = l->due;
	struct text key;
	size_t at = 0, n = 0;
	void *value;

	if (now.ns < l->earliest.ns)
		return 0;
	leaving_init(l);
	while (map_next(&before, &at, &key, &value)) {
		const struct mono *due = value;

		if (due->ns > now.ns) {
			leaving_add(l, key, *due);
			continue;
		}
		fn(argument, key);
		n++;
	}
	map_fini(&before, free);
	return n;
}

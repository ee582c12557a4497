#include "model/point.h"

#include <math.h>
#include <stdlib.h>

#include "base/rc.h"

void span_fini(struct span *s)
{
	free(s->value);
	s->value = NULL;
	s->n = 0;
}

void span_consolidate(struct span *s, uint32_t new_step_s)
{
	size_t n_long = 0, i = 0;
	int64_t start_s;

	must(new_step_s >= s->step_s && s->step_s > 0 && new_step_s % s->step_s == 0);
	if (new_step_s == s->step_s)
		return;
	start_s = s->start_s - s->start_s % new_step_s;
	while (i < s->n) {
		int64_t slot_s = start_s + (int64_t)n_long * new_step_s;
		struct aggregate a = aggregate_start(s->aggregation);

		for (; i < s->n && s->start_s + (int64_t)i * s->step_s < slot_s + new_step_s; i++)
			if (!isnan(s->value[i]))
				aggregate_add(&a, s->value[i]);
		s->value[n_long++] = aggregate_result(&a);
	}
	s->start_s = start_s;
	s->step_s = new_step_s;
	s->n = n_long;
}

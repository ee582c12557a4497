#include "storage/gauges.h"

#include <math.h>
#include <string.h>

#include "storage/numbers.h"

void gauges_add(void *argument, struct buf *out)
{
	struct numbers now = { .at = { 0 } };
	const char *said = "";

	numbers_take(argument, &now);
	for (enum number n = 0; n < NUMBER_COUNT; n++) {
		const struct number_row *row = &number_rows[n], *first = row;
		const char *prefix = strncmp(row->name, "process_", 8) == 0 ? "" : "numeter_storage_";

		if (isnan(now.value[n]))
			continue;
		while (first->help == NULL)
			first--;
		if (strcmp(said, row->name) != 0)
			buf_addf(out, "# HELP %s%s %s\n# TYPE %s%s %s\n", prefix, row->name, first->help, prefix,
				 row->name, row->type);
		said = row->name;
		buf_addf(out, "%s%s%s%s%s %.17g\n", prefix, row->name, row->label != NULL ? "{" : "",
			 row->label != NULL ? row->label : "", row->label != NULL ? "}" : "", now.value[n]);
	}
}

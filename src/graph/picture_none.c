#include "graph/picture.h"

enum rc picture_draw(const struct graph_definition *d, const struct graph_plot *p, const struct picture_options *o,
		     struct buf *out, struct why *why)
{
	(void)d, (void)p, (void)o, (void)out;
	return because(why, RC_ABSENT, "this build draws no pictures: it was made without cairo (-Dgraph=disabled)");
}

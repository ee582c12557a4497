#include "config/kind.h"

#include "config/option.h"
#include "config/source.h"
#include "model/retention.h"

/* archives: STEP:POINTS, …; the field is a struct retention of which only the archives are set */

static enum rc parse_archives(const struct option *o, struct text t, void *base, struct why *why)
{
	struct retention *field = option_field(o, base);
	char copy[4096];
	struct why cause;

	if (t.n >= sizeof(copy))
		return kind_refuse(o, t, why);
	for (size_t i = 0; i < t.n; i++) /* the parts of a value over several lines */
		copy[i] = t.s[i] == '\n' || t.s[i] == '\t' ? ' ' : t.s[i];
	if (kind_has_control((struct text){ copy, t.n }))
		return kind_refuse(o, t, why);
	if (retention_parse((struct text){ copy, t.n }, field, &cause) != RC_OK) {
		struct shown shown;

		return because(why, RC_REFUSED, "\"%s\": %s", source_show(t, &shown), cause.text);
	}
	return RC_OK;
}

static void print_archives(const struct option *o, const void *base, struct buf *out)
{
	const struct retention *r = option_field_const(o, base);

	for (size_t i = 0; i < r->n_archives; i++)
		buf_addf(out, "%s%u:%u", i == 0 ? "" : ", ", r->archive[i].step_s, r->archive[i].n_points);
}

static void expect_archives(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "STEP:POINTS or forms such as 10s:6h, several with commas between");
}

const struct kind kind_archives = { "archives", true, parse_archives, print_archives, NULL, expect_archives, NULL };

/* aggregation: how fine points become a coarse one */

static enum rc parse_aggregation(const struct option *o, struct text t, void *base, struct why *why)
{
	return aggregation_parse(t, option_field(o, base)) ? RC_OK : kind_refuse(o, t, why);
}

static void print_aggregation(const struct option *o, const void *base, struct buf *out)
{
	buf_add_str(out, aggregation_name(*(const enum aggregation *)option_field_const(o, base)));
}

static void expect_aggregation(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "average, sum, last, min or max");
}

const struct kind kind_aggregation = { "word", false, parse_aggregation, print_aggregation, NULL, expect_aggregation,
				       NULL };

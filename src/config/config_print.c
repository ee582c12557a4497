#include "config/config.h"

#include "config/option.h"

static void print_table(const struct option_table *t, const void *base, bool with_secrets, FILE *out)
{
	struct buf value;

	buf_init(&value, SIZE_MAX);
	for (size_t i = 0; i < t->n; i++) {
		const struct option *o = &t->row[i];

		buf_clear(&value);
		o->kind->print(o, base, &value);
		if (value.n == 0)
			fprintf(out, "%s =\n", o->key);
		else
			/* a blank before a ; would make it a comment */
			fprintf(out, "%s =%s%.*s\n", o->key, value.at[0] == ';' ? "" : " ",
				o->secret && !with_secrets ? 3 : (int)value.n,
				o->secret && !with_secrets ? "***" : value.at);
	}
	buf_fini(&value);
}

void config_print(const struct config *c, bool with_secrets, FILE *out)
{
	fputs("[global]\n", out);
	print_table(&option_global, c, with_secrets, out);
	for (size_t i = 0; i < c->schema.n_rules; i++) {
		fprintf(out, "\n[archives %s]\n", c->schema.rule[i].name);
		print_table(&option_archives, &c->schema.rule[i], with_secrets, out);
	}
}

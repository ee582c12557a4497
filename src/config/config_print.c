#include "config/config.h"

#include "config/section.h"

void config_print(const struct config *c, bool with_secrets, FILE *out)
{
	fputs("[global]\n", out);
	section_print(&option_global, c, with_secrets, out);
	for (size_t i = 0; i < c->schema.n_rules; i++) {
		fprintf(out, "\n[archives %s]\n", c->schema.rule[i].name);
		section_print(&option_archives, &c->schema.rule[i], with_secrets, out);
	}
}

void config_print_sample(FILE *out)
{
	fputs("# Configuration of numeter-storage; numeter_storage.cfg(5) explains every key.\n"
	      "#\n"
	      "# key = value   ; a comment begins at a blank followed by ;\n"
	      "# A key begins at the line's beginning. An empty value is the default. Keys that are\n"
	      "# commented out show their default. `numeter-storage --check-config` says what is wrong.\n"
	      "\n"
	      "[global]\n",
	      out);
	section_print_sample(&option_global, out);
	fputs("\n# ---- Other archives for some of the series: the first section that matches wins\n"
	      "\n"
	      "#[archives NAME]\n",
	      out);
	section_print_sample(&option_archives, out);
}

void config_print_man(FILE *out)
{
	section_print_man(&option_global, out);
}

void config_print_man_archives(FILE *out)
{
	section_print_man(&option_archives, out);
}

void config_print_markdown(FILE *out)
{
	section_print_markdown(&option_global, out);
}

void config_print_markdown_archives(FILE *out)
{
	section_print_markdown(&option_archives, out);
}

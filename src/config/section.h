/*
 * One section of a configuration file, whatever program it belongs to: its lines gathered, warned about and set by a
 * table of options. Which sections a program has, and which keys need each other, is for that program's reader.
 */
#ifndef CONFIG_SECTION_H
#define CONFIG_SECTION_H

#include "config/ini.h"
#include "config/option.h"

struct section {
	const struct option_table *table;
	const struct ini_line **line; /* for each row of the table its last line, NULL where there is none */
};

void section_init(struct section *s, const struct option_table *table);
void section_fini(struct section *s);

/* Note the line, which has a key, as the one that counts for its option; warns of unknown keys and of repeated ones. */
void section_take_line(struct section *s, const struct source *source, const struct ini_line *line);
/*
 * Set in base what was taken; the presets stand there already.
 * Errors   RC_REFUSED  why is "file:line: key: why" of the first bad line
 */
CHECKED enum rc section_set(const struct section *s, const struct source *source, void *base, struct why *why);
/* Into line[] of so many numbers as the table has rows: the line of the file of each option, 0 where it has none. */
void section_lines(const struct section *s, unsigned *line);

/* Every option of the table to its preset; base is zero filled. */
void section_preset(const struct option_table *table, void *base);
/* End what section_preset() and section_set() made. */
void section_end(const struct option_table *table, void *base);

/* Every option with its value, as lines that read back to the same; secrets as "***" unless with_secrets. */
void section_print(const struct option_table *table, const void *base, bool with_secrets, FILE *out);
/* The same options with their sentences as a commented sample, as an mdoc list, as Markdown tables. */
void section_print_sample(const struct option_table *table, FILE *out);
void section_print_man(const struct option_table *table, FILE *out);
void section_print_markdown(const struct option_table *table, FILE *out);

#endif

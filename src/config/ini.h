/*
 * The file format: text in, lines of (section, key, value) out. Knows no option; the same reader serves every program.
 *
 * It is what Python 2's RawConfigParser makes of such a file, since that is what read the files that exist:
 *   [section]              up to the first `]`
 *   key = value ; note     or `key : value`; keys in any case; a comment begins at a blank followed by `;`
 *       more of it         an indented line goes on with the value above; parts are joined by LF
 *   # note                 also `;` at the start of a line, and a line whose first word is `rem`
 *   key =                  empty, as is `""`
 * Different from it, on purpose: every blank + `;` begins a comment, not only when it is the first `;` of the value;
 * comments count in indented lines too, and an indented `#` is one.
 * Source: docs/spec/system.md "Configuration"; docs/decisions/0003-own-config-reader.md.
 */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include "config/source.h"

struct ini_line {
	size_t number;       /* 1 for the first line of the file */
	size_t continued_at; /* number of the first indented line that goes on with the value; 0: none */
	char *section;       /* shared by the lines of one section; borrowed from the opening line */
	char *key;           /* lower case; NULL: this line opens the section */
	char *value;         /* trimmed, NUL-terminated; never NULL for a key */
	size_t value_n;
};

struct ini {
	struct ini_line *line; /* in the file's order */
	size_t n, capacity;
};

/*
 * Errors   RC_REFUSED  a line that is none of the above, NUL or invalid UTF-8: why is "file:line: …". Never shows a value.
 * Owner    *out on RC_OK only; ended by ini_fini().
 */
CHECKED enum rc ini_parse(struct text content, const struct source *source, struct ini *out, struct why *why);
void ini_fini(struct ini *i);

#endif

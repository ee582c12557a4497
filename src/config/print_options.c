/*
 * Writes what is made from the table of options: `print-options sample`, `print-options man TEMPLATE`,
 * `print-options markdown TEMPLATE`. In a template the lines @GLOBAL@ and @ARCHIVES@ stand for the two lists.
 * With `--compare FILE` at the end it writes nothing and fails when FILE is not that.
 */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/source.h"

typedef void print_fn(FILE *out);

enum { FILE_MAX_BYTES = 1 << 20 };

static enum rc fill_template(const char *path, print_fn *global, print_fn *archives, FILE *out, struct why *why)
{
	struct buf content;
	struct text rest, line;
	enum rc rc;

	buf_init(&content, FILE_MAX_BYTES);
	rc = source_read(path, &content, why);
	rest = buf_text(&content);
	while (rc == RC_OK && source_next_line(&rest, &line)) {
		if (text_is(line, "@GLOBAL@"))
			global(out);
		else if (text_is(line, "@ARCHIVES@"))
			archives(out);
		else
			fprintf(out, "%.*s\n", TEXT_ARG(line));
	}
	buf_fini(&content);
	return rc;
}

static enum rc print(int argc, char **argv, FILE *out, struct why *why)
{
	if (argc == 2 && strcmp(argv[1], "sample") == 0) {
		config_print_sample(out);
		return RC_OK;
	}
	if (argc == 3 && strcmp(argv[1], "man") == 0)
		return fill_template(argv[2], config_print_man, config_print_man_archives, out, why);
	if (argc == 3 && strcmp(argv[1], "markdown") == 0)
		return fill_template(argv[2], config_print_markdown, config_print_markdown_archives, out, why);
	return because(why, RC_REFUSED,
		       "usage: print-options sample | man TEMPLATE | markdown TEMPLATE [--compare FILE]");
}

static enum rc compare(const char *path, struct text made, struct why *why)
{
	struct buf content;
	enum rc rc;

	buf_init(&content, FILE_MAX_BYTES);
	rc = source_read(path, &content, why);
	if (rc == RC_OK && !text_equal(buf_text(&content), made))
		rc = because(why, RC_DAMAGED,
			     "%s: not what the table of options says; write it again with this program", path);
	buf_fini(&content);
	return rc;
}

int main(int argc, char **argv)
{
	const char *compared = argc >= 3 && strcmp(argv[argc - 2], "--compare") == 0 ? argv[argc - 1] : NULL;
	char *made = NULL;
	size_t n_bytes = 0;
	struct why why;
	enum rc rc;
	FILE *out = open_memstream(&made, &n_bytes);

	must(out != NULL);
	rc = print(compared == NULL ? argc : argc - 2, argv, out, &why);
	must(fclose(out) == 0);
	if (rc == RC_OK && compared != NULL)
		rc = compare(compared, (struct text){ made, n_bytes }, &why);
	else if (rc == RC_OK && (fwrite(made, 1, n_bytes, stdout) != n_bytes || fflush(stdout) != 0))
		rc = because(&why, RC_DISK, "standard output: not written");
	if (rc != RC_OK)
		fprintf(stderr, "print-options: %s\n", why.text);
	free(made);
	return rc == RC_OK ? 0 : 1;
}

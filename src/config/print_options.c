/*
 * Writes what is made from the table of options: `print-options sample`, `print-options man TEMPLATE`,
 * `print-options markdown TEMPLATE`, and `poller-sample` and `poller-man TEMPLATE` for the poller. In a template the
 * lines @GLOBAL@, @ARCHIVES@, @MUNIN@ and @MYINFO@ stand for the lists of the sections.
 * With `--compare FILE` at the end it writes nothing and fails when FILE is not that.
 */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/poller_config.h"
#include "config/source.h"

typedef void print_fn(FILE *out);

enum { FILE_MAX_BYTES = 1 << 20 };

struct mark {
	const char *line;
	print_fn *print;
};

static const struct mark man_marks[] = { { "@GLOBAL@", config_print_man },
					 { "@ARCHIVES@", config_print_man_archives },
					 { NULL, NULL } };
static const struct mark markdown_marks[] = { { "@GLOBAL@", config_print_markdown },
					      { "@ARCHIVES@", config_print_markdown_archives },
					      { NULL, NULL } };
static const struct mark poller_man_marks[] = { { "@GLOBAL@", poller_config_print_man_global },
						{ "@MUNIN@", poller_config_print_man_munin },
						{ "@MYINFO@", poller_config_print_man_myinfo },
						{ NULL, NULL } };

static void print_line(struct text line, const struct mark *mark, FILE *out)
{
	for (; mark->line != NULL; mark++)
		if (text_is(line, mark->line)) {
			mark->print(out);
			return;
		}
	fprintf(out, "%.*s\n", TEXT_ARG(line));
}

static enum rc fill_template(const char *path, const struct mark *marks, FILE *out, struct why *why)
{
	struct buf content;
	struct text rest, line;
	enum rc rc;

	buf_init(&content, FILE_MAX_BYTES);
	rc = source_read(path, &content, why);
	rest = buf_text(&content);
	while (rc == RC_OK && source_next_line(&rest, &line))
		print_line(line, marks, out);
	buf_fini(&content);
	return rc;
}

static enum rc print(int argc, char **argv, FILE *out, struct why *why)
{
	if (argc == 2 && strcmp(argv[1], "sample") == 0) {
		config_print_sample(out);
		return RC_OK;
	}
	if (argc == 2 && strcmp(argv[1], "poller-sample") == 0) {
		poller_config_print_sample(out);
		return RC_OK;
	}
	if (argc == 3 && strcmp(argv[1], "man") == 0)
		return fill_template(argv[2], man_marks, out, why);
	if (argc == 3 && strcmp(argv[1], "markdown") == 0)
		return fill_template(argv[2], markdown_marks, out, why);
	if (argc == 3 && strcmp(argv[1], "poller-man") == 0)
		return fill_template(argv[2], poller_man_marks, out, why);
	return because(why, RC_REFUSED,
		       "usage: print-options sample | man TEMPLATE | markdown TEMPLATE | poller-sample | poller-man "
		       "TEMPLATE [--compare FILE]");
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

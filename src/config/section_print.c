#include "config/section.h"

enum { COMMENT_COLUMNS = 78 };

static bool is_none(const struct option *o)
{
	return o->preset == NULL || o->preset[0] == '\0';
}

/* What is expected, as printed behind an option. */
static struct text expected(const struct option *o, struct buf *b)
{
	buf_clear(b);
	o->kind->expected(o, b);
	return buf_text(b);
}

/* A file */

void section_print(const struct option_table *t, const void *base, bool with_secrets, FILE *out)
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

/* The sample file */

/* Words of t in lines of `# `, each at most COMMENT_COLUMNS wide; *column is where the last line ends. */
static void print_words(const char *t, size_t *at, FILE *out)
{
	size_t column = *at;

	while (*t != '\0') {
		size_t n = strcspn(t, " ");

		if (column > 0 && column + 1 + n > COMMENT_COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		column += (size_t)fprintf(out, "%s%.*s", column == 0 ? "# " : " ", (int)n, t);
		t += n;
		t += *t == ' ';
	}
	*at = column;
}

static void print_comment(const struct option *o, FILE *out)
{
	size_t column = 0;

	print_words(o->sentence, &column, out);
	if (o->reloadable)
		print_words("Taken over while the daemon runs.", &column, out);
	fputc('\n', out);
}

/* `key = default   ; what is expected`; a key that is not of the original is commented out. */
static void print_sample_line(const struct option *o, FILE *out)
{
	struct buf b;
	int width;

	buf_init(&b, SIZE_MAX);
	width = fprintf(out, "%s%s =%s%s", o->kept && !is_none(o) ? "" : "#", o->key, is_none(o) ? "" : " ",
			is_none(o) ? "" : o->preset);
	fprintf(out, "%*s ; %.*s", width < 40 ? 40 - width : 1, "",
		TEXT_ARG(o->kind->brief != NULL ? text_of(o->kind->brief) : expected(o, &b)));
	if (o->unit != NULL)
		fprintf(out, ", %s", o->unit);
	if (o->preset_said != NULL)
		fprintf(out, "; default: %s", o->preset_said);
	fputc('\n', out);
	buf_fini(&b);
}

void section_print_sample(const struct option_table *t, FILE *out)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct option *o = &t->row[i];

		fputc('\n', out);
		if (o->heading != NULL)
			fprintf(out, "# ---- %s\n\n", o->heading);
		print_comment(o, out);
		print_sample_line(o, out);
	}
}

/* The manual page: mdoc */

/* Text in a line of its own, with what roff would take as its own escaped. */
static void print_roff(const char *t, FILE *out)
{
	if (*t == '.' || *t == '\'')
		fputs("\\&", out);
	for (; *t != '\0'; t++)
		switch (*t) {
		case '\\':
			fputs("\\e", out);
			break;
		case '-':
			fputs("\\-", out);
			break;
		default:
			fputc(*t, out);
		}
}

static void print_roff_line(const char *before, const char *t, const char *after, FILE *out)
{
	fputs(before, out);
	print_roff(t, out);
	fputs(after, out);
}

void section_print_man(const struct option_table *t, FILE *out)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < t->n; i++) {
		const struct option *o = &t->row[i];

		if (o->heading != NULL)
			print_roff_line(i == 0 ? ".Ss " : ".El\n.Ss ", o->heading, "\n.Bl -tag -width Ds\n", out);
		else if (i == 0)
			fputs(".Bl -tag -width Ds\n", out);
		fprintf(out, ".It Ic %s No = Ar %s\n", o->key, o->kind->name);
		print_roff_line("", o->sentence, "\n", out);
		(void)expected(o, &b);
		buf_add(&b, "", 1);
		print_roff_line("Expected: ", b.at, "", out);
		print_roff_line(o->unit == NULL ? "" : ", ", o->unit == NULL ? "" : o->unit, ".\n", out);
		if (o->preset_said != NULL)
			print_roff_line("Default: ", o->preset_said, ".\n", out);
		else if (is_none(o))
			fputs("Default: none.\n", out);
		else
			print_roff_line("Default:\n.Li \"", o->preset, "\" .\n", out);
		if (o->empty_is_none && !is_none(o))
			fputs("An empty value is none, not the default.\n", out);
		if (o->secret)
			fputs("Never shown in messages.\n", out);
		if (o->reloadable)
			fputs("Taken over while the daemon runs.\n", out);
	}
	fputs(".El\n", out);
	buf_fini(&b);
}

/* The reference in Markdown */

static void print_cell(const char *t, FILE *out)
{
	for (; *t != '\0'; t++) {
		if (*t == '|' || *t == '*' || *t == '_' || *t == '[' || *t == '<')
			fputc('\\', out);
		fputc(*t, out);
	}
}

static void print_markdown_row(const struct option *o, struct buf *b, FILE *out)
{
	fprintf(out, "| `%s` | ", o->key);
	if (o->preset_said != NULL)
		print_cell(o->preset_said, out);
	else
		fprintf(out, is_none(o) ? "%snone" : "`%s`", is_none(o) ? "" : o->preset);
	(void)expected(o, b);
	buf_add(b, "", 1);
	fputs(" | ", out);
	print_cell(b->at, out);
	if (o->unit != NULL)
		fprintf(out, ", %s", o->unit);
	fputs(" | ", out);
	print_cell(o->sentence, out);
	fputs(o->reloadable ? " Taken over while the daemon runs. |\n" : " |\n", out);
}

void section_print_markdown(const struct option_table *t, FILE *out)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < t->n; i++) {
		if (t->row[i].heading != NULL)
			fprintf(out, "%s### %s\n\n", i == 0 ? "" : "\n", t->row[i].heading);
		if (i == 0 || t->row[i].heading != NULL)
			fputs("| key | default | expected | meaning |\n| --- | --- | --- | --- |\n", out);
		print_markdown_row(&t->row[i], &b, out);
	}
	buf_fini(&b);
}

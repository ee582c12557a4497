#include "config/section.h"

#include <stdlib.h>

#include "base/mem.h"

void section_init(struct section *s, const struct option_table *table)
{
	s->table = table;
	s->line = must_alloc(table->n * sizeof(*s->line));
}

void section_fini(struct section *s)
{
	free(s->line);
}

static void warn_unknown(const struct source *source, const struct ini_line *line, const struct option_table *table)
{
	const char *nearest = option_nearest(table, line->key);
	struct shown shown;

	source_show(text_of(line->key), &shown);
	if (option_is_retired(table, line->key))
		source_warn(source, line->number, "%s: an option of older versions, not used any more", shown.text);
	else if (nearest == NULL)
		source_warn(source, line->number, "%s: unknown option, ignored", shown.text);
	else
		source_warn(source, line->number, "%s: unknown option, ignored; did you mean %s?", shown.text, nearest);
}

void section_take_line(struct section *s, const struct source *source, const struct ini_line *line)
{
	int at = option_find(s->table, line->key);

	if (at == OPTION_UNKNOWN) {
		warn_unknown(source, line, s->table);
		return;
	}
	if (s->line[at] != NULL)
		source_warn(source, line->number, "%s: set again; line %zu does not count", line->key,
			    s->line[at]->number);
	s->line[at] = line;
}

/* A key that was indented by mistake would vanish into the value above, and a password with it into a message. */
static enum rc check_continued(const struct source *source, const struct option *o, const struct ini_line *line,
			       struct why *why)
{
	if (line->continued_at == 0 || (o->kind->goes_on && strchr(line->value, '=') == NULL))
		return RC_OK;
	return source_refuse(source, line->continued_at, why,
			     "%s: an indented line goes on with the value above; expected %s", o->key,
			     o->kind->goes_on ? "more of the list, or a new key at the line's beginning"
					      : "a value of one line, and a new key at the line's beginning");
}

static enum rc set_option(const struct source *source, const struct option *o, const struct ini_line *line, void *base,
			  struct why *why)
{
	struct why cause;
	enum rc rc = check_continued(source, o, line, why);

	if (rc != RC_OK)
		return rc;
	if (line->value_n == 0 && !o->empty_is_none)
		return RC_OK; /* the default is there already */
	rc = o->kind->parse(o, (struct text){ line->value, line->value_n }, base, &cause);
	if (rc == RC_OK)
		return RC_OK;
	if (line->continued_at != 0)
		(void)kind_refuse(o, TEXT_NONE, &cause);
	return source_refuse(source, line->number, why, "%s: %s", o->key, cause.text);
}

enum rc section_set(const struct section *s, const struct source *source, void *base, struct why *why)
{
	const struct ini_line *first_bad = NULL;

	for (size_t i = 0; i < s->table->n; i++) {
		struct why cause;

		if (s->line[i] == NULL || set_option(source, &s->table->row[i], s->line[i], base, &cause) == RC_OK)
			continue;
		if (first_bad == NULL || s->line[i]->number < first_bad->number) {
			first_bad = s->line[i];
			(void)because(why, RC_REFUSED, "%s", cause.text);
		}
	}
	return first_bad == NULL ? RC_OK : RC_REFUSED;
}

void section_lines(const struct section *s, unsigned *line)
{
	for (size_t i = 0; i < s->table->n; i++)
		line[i] = s->line[i] == NULL ? 0 : (unsigned)s->line[i]->number;
}

void section_preset(const struct option_table *table, void *base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct option *o = &table->row[i];

		if (o->preset != NULL && (o->preset[0] != '\0' || o->preset_said != NULL))
			must(o->kind->parse(o, text_of(o->preset), base, NULL) == RC_OK);
	}
}

void section_end(const struct option_table *table, void *base)
{
	for (size_t i = 0; i < table->n; i++) {
		const struct option *o = &table->row[i];

		if (o->kind->fini != NULL)
			o->kind->fini(o, base);
	}
}

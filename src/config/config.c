#include "config/config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "config/section.h"

enum { FILE_MAX_BYTES = 1 << 20, MAX_RULES = 1000, RULE_NAME_MAX_BYTES = 255 };

static bool is_global(const struct ini_line *line)
{
	return strcmp(line->section, "global") == 0;
}

/* The NAME of [archives NAME]; TEXT_NONE for another section. */
static struct text rule_name(const struct ini_line *line)
{
	static const char word[] = "archives";
	struct text t = text_of(line->section);

	if (t.n < sizeof(word) - 1 || memcmp(t.s, word, sizeof(word) - 1) != 0)
		return TEXT_NONE;
	t = (struct text){ t.s + sizeof(word) - 1, t.n - sizeof(word) + 1 };
	if (t.n > 0 && t.s[0] != ' ' && t.s[0] != '\t')
		return TEXT_NONE;
	return text_trim(t);
}

/* The lines of [global]; also warns about sections that are nobody's. */
static enum rc set_global(const struct source *source, const struct ini *ini, struct config *c, struct why *why)
{
	struct section g;
	enum rc rc = RC_OK;

	section_init(&g, &option_global);
	for (size_t i = 0; i < ini->n; i++) {
		const struct ini_line *line = &ini->line[i];
		struct text name = rule_name(line);
		struct shown shown;

		if (is_global(line) && line->key != NULL)
			section_take_line(&g, source, line);
		if (line->key != NULL || is_global(line))
			continue;
		if (name.s == NULL)
			source_warn(source, line->number,
				    "[%s]: unknown section, ignored; expected [global] or [archives NAME]",
				    source_show(text_of(line->section), &shown));
		else if (name.n == 0 || name.n > RULE_NAME_MAX_BYTES || kind_has_control(name)) {
			rc = source_refuse(source, line->number, why, "[%s]: expected [archives NAME]",
					   source_show(text_of(line->section), &shown));
			goto out;
		}
	}
	rc = section_set(&g, source, c, why);
	if (rc != RC_OK)
		goto out;
	section_lines(&g, c->key_line);
out:
	section_fini(&g);
	return rc;
}

/* Keys that need each other. */
static enum rc check_pairs(const struct source *source, const struct config *c, struct why *why)
{
	const char *has = c->rpc_ssl_key == NULL ? "rpc_ssl_cert" : "rpc_ssl_key";
	const char *lacks = c->rpc_ssl_key == NULL ? "rpc_ssl_key" : "rpc_ssl_cert";

	if ((c->rpc_ssl_cert == NULL) == (c->rpc_ssl_key == NULL))
		return RC_OK;
	return source_refuse(source, config_line(c, has), why, "%s: expected %s as well", has, lacks);
}

/* So many bytes in the journal may one body become: a point is 16 there, and `"a":1,` is 6. */
enum { JOURNAL_OF_BODY = 3 };

/* Keys that go badly together: it works, but not as it seems. */
static void warn_of_pairs(const struct source *source, const struct config *c)
{
	if (c->http_ingest && c->journal_max_bytes / JOURNAL_OF_BODY < c->http_ingest_max_bytes)
		source_warn(source, config_line(c, "journal_max_bytes"),
			    "journal_max_bytes: less than %d times http_ingest_max_bytes: a long body may never be "
			    "accepted",
			    JOURNAL_OF_BODY);
}

static size_t find_rule(const struct schema *s, struct text name)
{
	size_t i = 0;

	while (i < s->n_rules && !text_equal(text_of(s->rule[i].name), name))
		i++;
	return i;
}

/* The [archives NAME] sections, when `archives` of [global] is known. */
static enum rc set_rules(const struct source *source, const struct ini *ini, struct schema *schema, struct why *why)
{
	struct section *given = NULL;
	size_t capacity = 0, at = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < ini->n; i++) {
		const struct ini_line *line = &ini->line[i];
		struct text name = rule_name(line);

		if (name.s == NULL)
			continue;
		if (line->key == NULL) {
			at = find_rule(schema, name);
			if (at < schema->n_rules)
				continue;
			if (at == MAX_RULES) {
				rc = source_refuse(source, line->number, why,
						   "[archives %.*s]: expected at most %d such sections", TEXT_ARG(name),
						   MAX_RULES);
				goto out;
			}
			char *copy = must_strndup(name.s, name.n);

			(void)schema_add(schema, copy);
			free(copy);
			array_grow(&given, &capacity, at, sizeof(*given));
			must(given != NULL);
			section_init(&given[at], &option_archives);
			continue;
		}
		must(given != NULL); /* a key stands behind its section's line */
		section_take_line(&given[at], source, line);
	}
	for (size_t i = 0; given != NULL && i < schema->n_rules && rc == RC_OK; i++)
		rc = section_set(&given[i], source, &schema->rule[i], why);
out:
	for (size_t i = 0; given != NULL && i < schema->n_rules; i++)
		section_fini(&given[i]);
	free(given);
	return rc;
}

static void set_presets(struct config *c)
{
	*c = (struct config){ .key_line = must_alloc(option_global.n * sizeof(*c->key_line)) };
	schema_init(&c->schema);
	section_preset(&option_global, c);
}

enum rc config_parse(struct text content, const char *name, struct config *out, config_warn_fn *warn, void *argument,
		     struct why *why)
{
	struct source source = { name, warn, argument };
	struct ini ini = { 0 };
	struct config c;
	enum rc rc;

	set_presets(&c);
	rc = ini_parse(content, &source, &ini, why);
	if (rc != RC_OK)
		goto out;
	rc = set_global(&source, &ini, &c, why);
	if (rc != RC_OK)
		goto out;
	rc = check_pairs(&source, &c, why);
	if (rc != RC_OK)
		goto out;
	warn_of_pairs(&source, &c);
	rc = set_rules(&source, &ini, &c.schema, why);
	if (rc != RC_OK)
		goto out;
	*out = c;
	c = (struct config){ 0 }; /* handed over */
out:
	ini_fini(&ini);
	config_fini(&c);
	return rc;
}

enum rc config_read(const char *path, struct config *out, config_warn_fn *warn, void *argument, struct why *why)
{
	struct buf content;
	enum rc rc;

	buf_init(&content, FILE_MAX_BYTES);
	rc = source_read(path, &content, why);
	if (rc == RC_OK)
		rc = config_parse(buf_text(&content), path, out, warn, argument, why);
	buf_fini(&content);
	return rc;
}

unsigned config_line(const struct config *c, const char *key)
{
	int at = option_find(&option_global, key);

	return at == OPTION_UNKNOWN || c->key_line == NULL ? 0 : c->key_line[at];
}

void config_fini(struct config *c)
{
	section_end(&option_global, c);
	schema_fini(&c->schema);
	free(c->key_line);
	*c = (struct config){ 0 };
}

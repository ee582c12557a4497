#include "config/poller_config.h"

#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "config/poller_option.h"
#include "config/section.h"

enum { FILE_MAX_BYTES = 1 << 20 };

static size_t count_options(void)
{
	size_t n = 0;

	for (size_t i = 0; i < POLLER_SECTIONS; i++)
		n += poller_section[i].table->n;
	return n;
}

/* Its index, or POLLER_SECTIONS. */
static size_t find_section(const struct ini_line *line)
{
	size_t i = 0;

	while (i < POLLER_SECTIONS && strcasecmp(line->section, poller_section[i].name) != 0)
		i++;
	return i;
}

static void take_lines(const struct source *source, const struct ini *ini, struct section section[POLLER_SECTIONS])
{
	for (size_t i = 0; i < ini->n; i++) {
		const struct ini_line *line = &ini->line[i];
		size_t at = find_section(line);
		struct shown shown;

		if (line->key != NULL && at < POLLER_SECTIONS)
			section_take_line(&section[at], source, line);
		if (line->key == NULL && at == POLLER_SECTIONS)
			source_warn(source, line->number,
				    "[%s]: unknown section, ignored; expected [global], [MuninModule] or [MyInfo]",
				    source_show(text_of(line->section), &shown));
	}
}

/* Keys that need each other, or do not go together. */
static enum rc check_pairs(const struct source *source, const struct poller_config *c, struct why *why)
{
	bool has_url = c->storage_url.host != NULL || c->storage_url.unix_path != NULL;
	const char *has = c->rpc_ssl_key == NULL ? "rpc_ssl_cert" : "rpc_ssl_key";
	const char *lacks = c->rpc_ssl_key == NULL ? "rpc_ssl_key" : "rpc_ssl_cert";

	if ((c->rpc_ssl_cert == NULL) != (c->rpc_ssl_key == NULL))
		return source_refuse(source, poller_config_line(c, has), why, "%s: expected %s as well", has, lacks);
	if (c->storage_token != NULL && !has_url)
		source_warn(source, poller_config_line(c, "storage_token"),
			    "storage_token: not used without storage_url");
	if (c->plugins_refresh_time_s < c->poller_time_s && poller_config_line(c, "plugins_refresh_time") > 0)
		source_warn(source, poller_config_line(c, "plugins_refresh_time"),
			    "plugins_refresh_time: shorter than poller_time: infos go with every poll");
	return RC_OK;
}

static bool is_munin_module(struct text name)
{
	return text_is(name, "numeter.poller.muninModule:MuninModule") || text_is(name, "MuninModule");
}

static void warn_of_modules(const struct source *source, const struct poller_config *c)
{
	struct text rest = text_of(c->modules);

	while (rest.n > 0) {
		const char *bar = memchr(rest.s, '|', rest.n);
		size_t n = bar == NULL ? rest.n : (size_t)(bar - rest.s);
		struct text name = text_trim((struct text){ rest.s, n });
		struct shown shown;

		if (name.n > 0 && !is_munin_module(name))
			source_warn(source, poller_config_line(c, "modules"),
				    "modules: \"%s\" is not built in and does nothing; expected "
				    "numeter.poller.muninModule:MuninModule",
				    source_show(name, &shown));
		n += bar != NULL;
		rest.s += n;
		rest.n -= n;
	}
}

static enum rc set_sections(const struct source *source, const struct ini *ini, struct poller_config *c,
			    struct why *why)
{
	struct section section[POLLER_SECTIONS];
	unsigned *line = c->key_line;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < POLLER_SECTIONS; i++)
		section_init(&section[i], poller_section[i].table);
	take_lines(source, ini, section);
	for (size_t i = 0; i < POLLER_SECTIONS && rc == RC_OK; i++) {
		rc = section_set(&section[i], source, c, why);
		section_lines(&section[i], line);
		line += poller_section[i].table->n;
	}
	for (size_t i = 0; i < POLLER_SECTIONS; i++)
		section_fini(&section[i]);
	return rc;
}

enum rc poller_config_parse(struct text content, const char *name, struct poller_config *out, config_warn_fn *warn,
			    void *argument, struct why *why)
{
	struct source source = { name, warn, argument };
	struct poller_config c = { .key_line = must_alloc(count_options() * sizeof(*c.key_line)) };
	struct ini ini = { 0 };
	enum rc rc;

	for (size_t i = 0; i < POLLER_SECTIONS; i++)
		section_preset(poller_section[i].table, &c);
	rc = ini_parse(content, &source, &ini, why);
	if (rc != RC_OK)
		goto out;
	rc = set_sections(&source, &ini, &c, why);
	if (rc != RC_OK)
		goto out;
	rc = check_pairs(&source, &c, why);
	if (rc != RC_OK)
		goto out;
	warn_of_modules(&source, &c);
	*out = c;
	c = (struct poller_config){ 0 }; /* handed over */
out:
	ini_fini(&ini);
	poller_config_fini(&c);
	return rc;
}

enum rc poller_config_read(const char *path, struct poller_config *out, config_warn_fn *warn, void *argument,
			   struct why *why)
{
	struct buf content;
	enum rc rc;

	buf_init(&content, FILE_MAX_BYTES);
	rc = source_read(path, &content, why);
	if (rc == RC_OK)
		rc = poller_config_parse(buf_text(&content), path, out, warn, argument, why);
	buf_fini(&content);
	return rc;
}

unsigned poller_config_line(const struct poller_config *c, const char *key)
{
	size_t before = 0;

	for (size_t i = 0; c->key_line != NULL && i < POLLER_SECTIONS; i++) {
		int at = option_find(poller_section[i].table, key);

		if (at != OPTION_UNKNOWN)
			return c->key_line[before + (size_t)at];
		before += poller_section[i].table->n;
	}
	return 0;
}

void poller_config_fini(struct poller_config *c)
{
	for (size_t i = 0; i < POLLER_SECTIONS; i++)
		section_end(poller_section[i].table, c);
	free(c->key_line);
	*c = (struct poller_config){ 0 };
}

void poller_config_print(const struct poller_config *c, FILE *out)
{
	for (size_t i = 0; i < POLLER_SECTIONS; i++) {
		fprintf(out, "%s[%s]\n", i == 0 ? "" : "\n", poller_section[i].name);
		section_print(poller_section[i].table, c, false, out);
	}
}

void poller_config_print_sample(FILE *out)
{
	fputs("# Configuration of numeter-poller; numeter_poller.cfg(5) explains every key.\n"
	      "#\n"
	      "# key = value   ; a comment begins at a blank followed by ;\n"
	      "# A key begins at the line's beginning. An empty value is the default. Keys that are\n"
	      "# commented out show their default. `numeter-poller --check-config` says what is wrong.\n",
	      out);
	for (size_t i = 0; i < POLLER_SECTIONS; i++) {
		fprintf(out, "\n[%s]\n", poller_section[i].name);
		section_print_sample(poller_section[i].table, out);
	}
}

void poller_config_print_man_global(FILE *out)
{
	section_print_man(poller_section[0].table, out);
}

void poller_config_print_man_munin(FILE *out)
{
	section_print_man(poller_section[1].table, out);
}

void poller_config_print_man_myinfo(FILE *out)
{
	section_print_man(poller_section[2].table, out);
}

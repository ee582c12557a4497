#include "munin/client.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

enum { READ_BYTES = 16384 };

void client_init(struct client *c, const struct client_options *options)
{
	*c = (struct client){ .options = *options, .fd = -1 };
	lines_init(&c->lines);
}

static void hang_up(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	lines_clear(&c->lines);
}

void client_close(struct client *c)
{
	struct mono soon = mono_after_ms(mono_now(), 100);

	if (c->fd >= 0)
		(void)!reach_write(c->fd, "quit\n", 5, soon, &(struct reach_wake){ .fd = -1 }, NULL);
	hang_up(c);
}

void client_fini(struct client *c)
{
	client_close(c);
	lines_fini(&c->lines);
}

static enum rc next_line(struct client *c, struct mono deadline, struct text *line, struct why *why)
{
	char bytes[READ_BYTES];

	while (!lines_next(&c->lines, line)) {
		size_t got = 0;
		enum rc rc = reach_read(c->fd, bytes, sizeof(bytes), deadline, &c->options.wake, &got, why);

		if (rc == RC_OK && got == 0)
			rc = because(why, RC_PEER, "the node closed the connection");
		if (rc != RC_OK)
			return rc;
		lines_add(&c->lines, bytes, got);
		/* somebody who talks without end is not heard without end */
		if (mono_ms_between(mono_now(), deadline) <= 0)
			return because(why, RC_PEER, "no end of the answer in time");
	}
	return RC_OK;
}

static bool has_word(struct text line, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= line.n; i++)
		if (memcmp(line.s + i, word, n) == 0 && (i == 0 || line.s[i - 1] == ' ') &&
		    (i + n == line.n || line.s[i + n] == ' '))
			return true;
	return false;
}

static enum rc say(struct client *c, struct mono deadline, const char *verb, struct text name, struct why *why)
{
	char command[512];
	int n = snprintf(command, sizeof(command), "%s%s%.*s\n%s", verb, name.n > 0 ? " " : "", TEXT_ARG(name),
			 name.n > 0 && c->mark_bytes > 0 ? "version\n" : "");

	must(n > 0 && (size_t)n < sizeof(command));
	return reach_write(c->fd, command, (size_t)n, deadline, &c->options.wake, why);
}

/* Whatever the node says to `version`, if only that it does not know the word, is one line, and the same each time. */
static enum rc learn_mark(struct client *c, struct mono deadline, struct why *why)
{
	struct text line = TEXT_NONE;
	enum rc rc;

	c->mark_bytes = 0;
	if (c->says_no_version)
		return RC_OK;
	c->says_no_version = true;
	rc = say(c, deadline, "version", TEXT_NONE, why);
	if (rc == RC_OK)
		rc = next_line(c, deadline, &line, why);
	if (rc == RC_PEER)
		return rc;
	c->says_no_version = false;
	if (rc != RC_OK || line.n > sizeof(c->mark))
		return rc;
	memcpy(c->mark, line.s, line.n);
	c->mark_bytes = line.n;
	return RC_OK;
}

/* A node too old for `cap` answers with a comment that begins `# Unknown command`: the first word decides. */
static enum rc agree(struct client *c, struct mono deadline, struct why *why)
{
	struct text line;
	enum rc rc = next_line(c, deadline, &line, why); /* the greeting */

	if (rc == RC_OK)
		rc = say(c, deadline, "cap multigraph dirtyconfig", TEXT_NONE, why);
	do {
		if (rc == RC_OK)
			rc = next_line(c, deadline, &line, why);
	} while (rc == RC_OK && line.n == 0);
	if (rc != RC_OK)
		return rc;
	c->multigraph = line.s[0] != '#' && has_word(line, "multigraph");
	c->dirtyconfig = line.s[0] != '#' && has_word(line, "dirtyconfig");
	return learn_mark(c, deadline, why);
}

/* Nothing was asked: what is there all the same belongs to an earlier answer, or says that the node has closed. */
static bool has_leftovers(const struct client *c)
{
	struct pollfd p = { c->fd, POLLIN, 0 };

	return c->lines.taken < c->lines.bytes.n || c->lines.skipping || poll(&p, 1, 0) != 0;
}

static struct mono deadline_of(const struct client *c)
{
	return mono_after_ms(mono_now(), c->options.timeout_ms);
}

static enum rc connect_once(struct client *c, struct why *why)
{
	struct mono deadline = deadline_of(c);
	enum rc rc;

	lines_clear(&c->lines);
	rc = reach_connect(c->options.host, c->options.port, deadline, &c->options.wake, &c->fd, why);
	if (rc == RC_OK)
		rc = agree(c, deadline, why);
	if (rc != RC_OK)
		hang_up(c);
	return rc;
}

static enum rc connect_node(struct client *c, struct why *why)
{
	bool said_version = !c->says_no_version;
	enum rc rc;

	if (c->fd >= 0 && has_leftovers(c))
		hang_up(c);
	if (c->fd >= 0)
		return RC_OK;
	rc = connect_once(c, why);
	if (rc == RC_PEER && said_version && c->says_no_version)
		rc = connect_once(c, why); /* it does not bear being asked that */
	return rc;
}

static bool next_word(struct text *rest, struct text *word)
{
	size_t n = 0;

	*rest = text_trim(*rest);
	while (n < rest->n && rest->s[n] != ' ' && rest->s[n] != '\t')
		n++;
	*word = (struct text){ rest->s, n };
	rest->s += n;
	rest->n -= n;
	return n > 0;
}

enum rc client_list(struct client *c, struct arena *arena, struct text **out, size_t *n, size_t *n_refused,
		    struct why *why)
{
	struct text line, word, *name;
	size_t n_names = 0, n_bad = 0, most = 1;
	enum rc rc = connect_node(c, why);
	struct mono deadline = deadline_of(c);

	if (rc == RC_OK)
		rc = say(c, deadline, "list", TEXT_NONE, why);
	if (rc == RC_OK)
		rc = next_line(c, deadline, &line, why);
	if (rc == RC_OK && line.n > 0 && line.s[0] == '#')
		rc = because(why, RC_PEER, "the node does not list its plugins");
	if (rc != RC_OK) {
		hang_up(c);
		return rc;
	}
	line = arena_text(arena, line);
	for (size_t i = 0; i < line.n; i++)
		most += line.s[i] == ' ' || line.s[i] == '\t';
	if (most > CLIENT_MAX_PLUGINS)
		most = CLIENT_MAX_PLUGINS;
	name = arena_alloc(arena, most * sizeof(*name));
	while (next_word(&line, &word)) {
		if (n_names < most && answer_is_plugin_name(word))
			name[n_names++] = word;
		else
			n_bad++;
	}
	if (n_names + n_bad == 0)
		return because(why, RC_PEER, "the node lists no plugins");
	*out = name;
	*n = n_names;
	*n_refused = n_bad;
	return RC_OK;
}

/* What lies between an answer's dot and the mark was printed by the plugin behind a dot of its own. */
static enum rc skip_to_mark(struct client *c, struct mono deadline, struct why *why)
{
	struct text mark = { c->mark, c->mark_bytes }, line = TEXT_NONE;
	enum rc rc = RC_OK;

	while (rc == RC_OK && mark.n > 0 && !text_equal(line, mark))
		rc = next_line(c, deadline, &line, why);
	return rc;
}

static enum rc ask(struct client *c, const char *verb, struct text plugin, struct answer *out, struct wall *wall,
		   struct why *why)
{
	enum answer_state state = ANSWER_GOES_ON;
	struct text line;
	enum rc rc = connect_node(c, why);
	struct mono deadline = deadline_of(c);

	answer_begin(out, plugin, strcmp(verb, "config") == 0);
	if (rc == RC_OK)
		rc = say(c, deadline, verb, plugin, why);
	while (rc == RC_OK && state == ANSWER_GOES_ON) {
		rc = next_line(c, deadline, &line, why);
		if (rc == RC_OK)
			state = answer_take(out, line);
	}
	*wall = wall_now();
	if (rc == RC_OK && state == ANSWER_TOO_LONG)
		rc = because(why, RC_PEER, "the answer has over %d lines or %d bytes", ANSWER_MAX_LINES,
			     ANSWER_MAX_BYTES);
	if (rc == RC_OK)
		rc = skip_to_mark(c, deadline, why);
	if (rc != RC_OK) {
		hang_up(c);
		return rc;
	}
	if (out->unknown)
		return because(why, RC_ABSENT, "the node does not know it");
	if (out->bad_exit && out->n_fields == 0)
		return because(why, RC_ABSENT, "the plugin failed");
	return RC_OK;
}

enum rc client_config(struct client *c, struct text plugin, struct answer *out, struct wall *wall, struct why *why)
{
	return ask(c, "config", plugin, out, wall, why);
}

enum rc client_fetch(struct client *c, struct text plugin, struct answer *out, struct wall *wall, struct why *why)
{
	return ask(c, "fetch", plugin, out, wall, why);
}

#include "poller/past.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "wire/number.h"

static const char first_line[] = "numeter-poller counters 1\n";
enum { END_BYTES = 13 /* "end 01234567\n" */ };

void past_init(struct plugin_past *p)
{
	map_init(&p->readings);
}

void past_fini(struct plugin_past *p)
{
	map_fini(&p->readings, free);
	map_init(&p->readings);
}

/* The piece up to the next tab, or all; false when there was none left. */
static bool next_piece(struct text *rest, struct text *piece)
{
	const char *tab;

	if (rest->s == NULL)
		return false;
	tab = rest->n == 0 ? NULL : memchr(rest->s, '\t', rest->n);
	*piece = (struct text){ rest->s, tab == NULL ? rest->n : (size_t)(tab - rest->s) };
	*rest = tab == NULL ? TEXT_NONE : (struct text){ tab + 1, rest->n - piece->n - 1 };
	return true;
}

void past_prune(struct plugin_past *p, int64_t oldest_s, past_is_known_fn *is_known, void *argument)
{
	struct plugin_past kept;
	struct text key;
	size_t at = 0;
	void *value;

	past_init(&kept);
	while (map_next(&p->readings, &at, &key, &value)) {
		const struct counter_field *c = value;
		struct text rest = key, plugin = TEXT_NONE;

		if (c->last_s < oldest_s || !next_piece(&rest, &plugin) || is_known(argument, plugin))
			free(value);
		else
			free(map_put(&kept.readings, key, value));
	}
	map_fini(&p->readings, NULL);
	*p = kept;
}

static bool take_line(struct plugin_past *p, struct text line)
{
	struct text piece[5], rest = line;
	char key[PLUGIN_KEY_MAX_BYTES];
	struct counter_field c = { 0 }, *kept;

	for (size_t i = 0; i < ARRAY_LEN(piece); i++)
		if (!next_piece(&rest, &piece[i]))
			return false;
	if (rest.s != NULL || piece[0].n + piece[1].n + piece[2].n + 2 > sizeof(key) || piece[0].n == 0)
		return false;
	c.last = rate_read(piece[4]);
	if (!c.last.known || !number_parse_seconds(piece[3], &c.last_s) || c.last_s <= 0)
		return false;
	kept = must_alloc(sizeof(*kept));
	*kept = c;
	free(map_put(&p->readings, plugin_key(piece[0], piece[1], piece[2], key), kept));
	return true;
}

static bool is_whole(struct text content)
{
	char end[END_BYTES + 1];

	if (content.n < sizeof(first_line) - 1 + END_BYTES ||
	    memcmp(content.s, first_line, sizeof(first_line) - 1) != 0)
		return false;
	snprintf(end, sizeof(end), "end %08" PRIx32 "\n", crc32c(0, content.s, content.n - END_BYTES));
	return memcmp(content.s + content.n - END_BYTES, end, END_BYTES) == 0;
}

enum rc past_parse(struct text content, struct plugin_past *out, struct why *why)
{
	struct plugin_past p;
	const char *feed;

	if (!is_whole(content))
		return because(why, RC_DAMAGED, "not a whole file of counters");
	past_init(&p);
	content = (struct text){ content.s + sizeof(first_line) - 1, content.n - sizeof(first_line) + 1 - END_BYTES };
	while (content.n > 0) {
		feed = memchr(content.s, '\n', content.n);
		if (feed == NULL || !take_line(&p, (struct text){ content.s, (size_t)(feed - content.s) })) {
			past_fini(&p);
			return because(why, RC_DAMAGED, "a line that is no counter");
		}
		content = (struct text){ feed + 1, content.n - (size_t)(feed - content.s) - 1 };
	}
	past_fini(out);
	*out = p;
	return RC_OK;
}

void past_print_begin(struct buf *out)
{
	buf_clear(out);
	buf_add_str(out, first_line);
}

/* Without `plugin` it is in the key. */
static void print_reading(struct buf *out, struct text plugin, struct text key, const struct counter_field *c)
{
	if (c->last_s == 0 || !c->last.known)
		return;
	buf_addf(out, "%.*s%s%.*s\t%" PRId64 "\t", TEXT_ARG(plugin), plugin.n > 0 ? "\t" : "", TEXT_ARG(key),
		 c->last_s);
	if (c->last.whole)
		buf_addf(out, "%s%" PRIu64 "\n", c->last.negative ? "-" : "", c->last.magnitude);
	else
		buf_addf(out, "%.17g\n", c->last.value);
}

void past_print_readings(struct buf *out, const struct plugin_past *p)
{
	struct text key;
	size_t at = 0;
	void *value;

	while (map_next(&p->readings, &at, &key, &value))
		print_reading(out, TEXT_NONE, key, value);
}

void past_print(struct buf *out, const struct plugin *p)
{
	struct text key;
	size_t at = 0;
	void *value;

	while (map_next(&p->counters, &at, &key, &value))
		print_reading(out, p->name, key, value);
}

void past_print_end(struct buf *out)
{
	struct text t = buf_text(out);

	buf_addf(out, "end %08" PRIx32 "\n", crc32c(0, t.s, t.n));
}

enum rc past_read(const char *path, struct plugin_past *out, struct why *why)
{
	struct buf content;
	enum rc rc;

	buf_init(&content, PAST_MAX_BYTES);
	rc = fileio_read_all(path, &content, why);
	if (rc == RC_OK)
		rc = past_parse(buf_text(&content), out, why);
	buf_fini(&content);
	return rc == RC_FULL ? RC_DAMAGED : rc;
}

enum rc past_write(const char *path, struct text content, struct why *why)
{
	char *made = must_format("%s.new", path);
	int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	enum rc rc;

	if (fd < 0)
		rc = because(why, RC_DISK, "open %s: %s", made, strerror(errno));
	else
		rc = fileio_write(fd, content.s, content.n, why);
	if (fd >= 0)
		close(fd);
	/* not synced: after a power cut the checksum tells, and the counters begin anew */
	if (rc == RC_OK && rename(made, path) < 0)
		rc = because(why, RC_DISK, "rename %s: %s", made, strerror(errno));
	free(made);
	return rc;
}

#include "upkeep/target.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "query/folder.h"

enum { ANSWER_MAX_BYTES = 64 << 20 };

static bool is_target(const struct target *t)
{
	return name_check_host(t->host, NULL) == RC_OK &&
	       (t->plugin.s == NULL || name_check_plugin_or_ds(t->plugin, NULL) == RC_OK) &&
	       (t->ds.s == NULL || name_check_plugin_or_ds(t->ds, NULL) == RC_OK);
}

/* Cut at the last slash; false: there is none. */
static bool cut(struct text *from, struct text *last)
{
	size_t slash = from->n;

	while (slash > 0 && from->s[slash - 1] != '/')
		slash--;
	if (slash == 0)
		return false;
	*last = (struct text){ from->s + slash, from->n - slash };
	from->n = slash - 1;
	return true;
}

bool target_split(struct text what, unsigned i, struct target *out)
{
	struct target t = { what, TEXT_NONE, TEXT_NONE };
	struct text last;

	if (i >= 1) {
		if (!cut(&t.host, &last))
			return false;
		t.plugin = last;
	}
	if (i >= 2) {
		t.ds = t.plugin;
		if (!cut(&t.host, &t.plugin))
			return false;
	}
	if (i > 2)
		return false;
	*out = is_target(&t) ? t : (struct target){ TEXT_NONE, TEXT_NONE, TEXT_NONE };
	return true;
}

enum rc target_folder(const struct upkeep *u, struct text host, char folder[FOLDER_MAX_BYTES], struct why *why)
{
	enum rc rc = folder_find(&u->query, host, folder, why);

	if (rc != RC_ABSENT)
		return rc;
	name_folder(host, u->options.md5_digits, false, folder);
	return RC_OK;
}

struct alone {
	const struct upkeep *u;
	struct text host, folder;
	bool both_ways; /* nor may it lie in another's */
	struct why *why;
};

static bool lies_in(struct text folder, struct text in)
{
	return folder.n >= in.n && memcmp(folder.s, in.s, in.n) == 0 && (folder.n == in.n || folder.s[in.n] == '/');
}

static enum rc look_at_path(void *argument, struct text host, struct text path)
{
	const struct alone *a = argument;
	struct text folder = name_folder_below(path, text_of(a->u->options.wsp_path));

	if (text_equal(host, a->host) || folder.n == 0 ||
	    (!lies_in(folder, a->folder) && !(a->both_ways && lies_in(a->folder, folder))))
		return RC_OK;
	return because(a->why, RC_REFUSED, "folder %.*s of host %.*s is also that of host %.*s: not touched",
		       TEXT_ARG(a->folder), TEXT_ARG(a->host), TEXT_ARG(host));
}

static enum rc check_folder(const struct upkeep *u, struct text host, struct text folder, bool both_ways,
			    struct why *why)
{
	return meta_each(u->options.meta, META_WSP_PATH, TEXT_NONE, look_at_path,
			 &(struct alone){ u, host, folder, both_ways, why }, why);
}

enum rc target_folder_is_alone(const struct upkeep *u, struct text host, struct text folder, struct why *why)
{
	return check_folder(u, host, folder, false, why);
}

enum rc target_folder_is_free(const struct upkeep *u, struct text host, struct text folder, struct why *why)
{
	return check_folder(u, host, folder, true, why);
}

/* A plugin that is named has an info or a folder. */
static enum rc check_plugin(const struct upkeep *u, const struct target *t, struct why *why)
{
	struct meta_read read = { .key = { META_INFOS, t->host, t->plugin } };
	char folder[FOLDER_MAX_BYTES];
	struct buf answer;
	enum rc rc;

	if (t->plugin.s == NULL || t->ds.s != NULL)
		return RC_OK;
	buf_init(&answer, ANSWER_MAX_BYTES);
	rc = meta_read(u->options.meta, &read, 1, &answer, why);
	buf_fini(&answer);
	if (rc != RC_OK || read.found)
		return rc;
	rc = target_folder(u, t->host, folder, why);
	if (rc == RC_OK) {
		char *path = must_format("%s/%s/%.*s", u->options.wsp_path, folder, TEXT_ARG(t->plugin));

		if (access(path, F_OK) != 0)
			rc = because(why, RC_ABSENT, "host %.*s has no plugin \"%.*s\"", TEXT_ARG(t->host),
				     TEXT_ARG(t->plugin));
		free(path);
	}
	return rc;
}

/* The first way to read it of which the host is known. */
enum rc target_find(const struct upkeep *u, struct text what, struct target *out, struct why *why)
{
	for (unsigned i = 0; target_split(what, i, out); i++) {
		struct meta_read read[] = { { .key = { META_HOSTS, TEXT_NONE, out->host } },
					    { .key = { META_WSP_PATH, TEXT_NONE, out->host } } };
		struct buf answers;
		enum rc rc;

		if (out->host.s == NULL)
			continue;
		buf_init(&answers, ANSWER_MAX_BYTES);
		rc = meta_read(u->options.meta, read, ARRAY_LEN(read), &answers, why);
		buf_fini(&answers);
		if (rc == RC_OK && (read[0].found || read[1].found))
			return check_plugin(u, out, why);
		if (rc != RC_OK)
			return rc;
	}
	return because(why, RC_ABSENT, "no host \"%.*s\"", TEXT_ARG(what));
}

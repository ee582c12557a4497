/*
 * The archives of a configuration against themselves, and against the files that are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fileio.h"
#include "ctl/config_checks.h"
#include "values/wsp_walk.h"
#include "wsp/wsp.h"

enum { FILES_MOST = 100000, EXAMPLE_BYTES = 400 };

static bool is_any(const char *pattern)
{
	return pattern == NULL || strcmp(pattern, "*") == 0;
}

static bool covers(const char *earlier, const char *later)
{
	return is_any(earlier) || (later != NULL && strcmp(earlier, later) == 0);
}

static void check_rules(struct remarks *f)
{
	const struct schema *s = &f->c->schema;

	for (size_t i = 0; i < s->n_rules; i++)
		for (size_t k = 0; k < i; k++) {
			const struct schema_rule *rule = &s->rule[i], *before = &s->rule[k];

			if (!covers(before->host, rule->host) || !covers(before->plugin, rule->plugin) ||
			    !covers(before->ds, rule->ds))
				continue;
			remarks_add(f, FINDING_WARNING, NULL,
				    "%s: [archives %s]: never applies: [archives %s] before it takes all that it would",
				    f->path, rule->name, before->name);
			break;
		}
}

/* Looking at files. */
struct looking {
	const struct schema *schema;
	uint64_t n, n_other, n_damaged;
	char example[EXAMPLE_BYTES];
};

static bool same_archives(const struct wsp *w, const struct retention *r)
{
	bool same = w->n_archives == r->n_archives;

	for (size_t i = 0; same && i < r->n_archives; i++)
		same = w->archive[i].step_s == r->archive[i].step_s && w->archive[i].n_points == r->archive[i].n_points;
	return same;
}

static bool matches(const char *pattern, struct text name)
{
	return is_any(pattern) || text_matches(name, text_of(pattern));
}

/* A folder does not tell its host's name for sure: what any rule for this plugin and ds would give counts as configured. */
static bool is_configured(const struct looking *l, const struct wsp *w, const struct wsp_found *found)
{
	for (size_t i = 0; i < l->schema->n_rules; i++) {
		const struct schema_rule *r = &l->schema->rule[i];

		if (matches(r->plugin, found->plugin) && matches(r->ds, found->ds) && same_archives(w, &r->retention))
			return true;
	}
	return same_archives(w, &l->schema->otherwise);
}

static enum rc look_at(void *argument, const struct wsp_found *found, struct why *why)
{
	struct looking *l = argument;
	int fd = fileio_open_in(found->dir_fd, found->name, O_RDONLY, 0);
	struct wsp w;

	(void)why;
	if (fd < 0)
		return RC_OK;
	if (wsp_attach(fd, &w, NULL) != RC_OK) {
		l->n_damaged++;
		return ++l->n < FILES_MOST ? RC_OK : RC_END;
	}
	if (!is_configured(l, &w, found)) {
		if (l->n_other++ == 0)
			snprintf(l->example, sizeof(l->example), "%.*s/%.*s/%s", TEXT_ARG(found->folder),
				 TEXT_ARG(found->plugin), found->name);
	}
	wsp_close(&w);
	return ++l->n < FILES_MOST ? RC_OK : RC_END;
}

static void check_files(struct remarks *f)
{
	struct looking l = { .schema = &f->c->schema };
	int root_fd = open(f->c->wsp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct why why = { "" };
	enum rc rc;

	if (root_fd < 0) /* not there yet, or said already */
		return;
	rc = wsp_walk(root_fd, TEXT_NONE, look_at, &l, &why);
	close(root_fd);
	if (rc != RC_OK)
		remarks_add(f, FINDING_ERROR, "wsp_path", "%s", why.text);
	if (l.n_other > 0)
		remarks_add(
			f, FINDING_WARNING, "archives",
			"%llu of %s%llu files have other archives than new ones would get, the first is %s; they stay "
			"as they are",
			(unsigned long long)l.n_other, l.n == FILES_MOST ? "the first " : "", (unsigned long long)l.n,
			l.example);
	if (l.n_damaged > 0)
		remarks_add(f, FINDING_WARNING, "wsp_path", "%llu of %s%llu files are no .wsp files, or damaged",
			    (unsigned long long)l.n_damaged, l.n == FILES_MOST ? "the first " : "",
			    (unsigned long long)l.n);
}

void check_archives(struct remarks *f)
{
	check_rules(f);
	check_files(f);
}

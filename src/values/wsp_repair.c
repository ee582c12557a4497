#include "values/wsp_repair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/counter.h"
#include "base/fileio.h"
#include "base/mem.h"
#include "model/name.h"
#include "values/wsp_tree.h"
#include "wsp/draft.h"

enum { FILE_NAME_BYTES = NAME_MAX_BYTES + sizeof(".wsp") };

/* The schema's archives, those of the series first. Returns how many; the caller frees *out. */
static size_t known_archives(const struct schema *schema, const struct series *s, const struct retention ***out)
{
	const struct retention **known = must_alloc((schema->n_rules + 2) * sizeof(*known));
	size_t n = 0;

	known[n++] = schema_pick(schema, s->host, s->plugin, s->ds);
	for (size_t i = 0; i < schema->n_rules; i++)
		known[n++] = &schema->rule[i].retention;
	known[n++] = &schema->otherwise;
	*out = known;
	return n;
}

/* A new file with what was saved; the old one, open as fd, goes to the quarantine and stays until the new one replaces it. */
static enum rc replace(const struct wsp_repair *r, const struct tree_folder *folder, struct text ds, int fd,
		       const struct wsp_table *table, struct why *why)
{
	char name[FILE_NAME_BYTES];
	struct wsp_draft d;
	struct stat st;
	enum rc rc = wsp_draft_open(&d, folder->fd, &table->retention, r->allocate, why);

	if (rc != RC_OK)
		return rc;
	snprintf(name, sizeof(name), "%.*s.wsp", TEXT_ARG(ds));
	rc = wsp_table_write(table, &d.wsp, why);
	if (rc == RC_OK && fstat(fd, &st) < 0)
		rc = because(why, RC_DISK, "stat: %s", strerror(errno));
	if (rc == RC_OK)
		rc = wsp_draft_resemble(&d, &st, why);
	if (rc == RC_OK)
		rc = fileio_sync(d.wsp.fd, why);
	if (rc == RC_OK)
		rc = wsp_table_compare(table, &d.wsp, why);
	if (rc == RC_OK)
		rc = tree_quarantine_copy(folder, ds, why);
	if (rc == RC_OK)
		rc = wsp_draft_replace(&d, name, why);
	if (rc == RC_OK)
		rc = fileio_sync_all(d.wsp.fd, why);
	wsp_draft_close(&d);
	return rc;
}

static enum rc mend(const struct wsp_repair *r, const struct tree_folder *folder, const struct series *s, int fd,
		    struct wsp_repaired *out, struct why *why)
{
	const struct retention **known;
	size_t n_known = known_archives(r->schema, s, &known);
	struct wsp_mended m;
	enum rc rc = wsp_mend(fd, known, n_known, r->latest_s, &m, why);

	free(known);
	if (rc == RC_DAMAGED) {
		out->why = *why;
		rc = tree_quarantine(folder, s->ds, why);
		if (rc == RC_OK) {
			out->done = REPAIR_SET_ASIDE;
			counter_add(COUNTER_FILES_QUARANTINED, 1);
		}
		return rc;
	}
	if (rc != RC_OK)
		return rc;
	rc = replace(r, folder, s->ds, fd, &m.table, why);
	wsp_table_fini(&m.table);
	out->done = REPAIR_MENDED;
	out->header_rebuilt = m.header_rebuilt;
	out->n_kept = m.n_kept;
	out->n_cleared = m.n_cleared;
	out->n_missing = m.n_missing;
	out->n_cut = m.n_cut;
	return rc;
}

enum rc wsp_repair_file(const struct wsp_repair *r, const struct series *s, struct wsp_repaired *out, struct why *why)
{
	struct wsp_repaired told = { .done = REPAIR_NOTHING };
	struct wsp_checked checked;
	struct tree_folder folder;
	bool bad_name;
	int fd = -1;
	enum rc rc;

	tree_folder_init(&folder, r->root_fd, r->quarantine_path);
	rc = tree_folder_turn(&folder, s, &bad_name, why);
	if (rc == RC_OK)
		rc = tree_open_file(&folder, s->ds, &fd, why);
	if (rc == RC_OK)
		rc = wsp_check(fd, r->latest_s, &checked, why);
	if (rc == RC_OK && !wsp_checked_fine(&checked))
		rc = mend(r, &folder, s, fd, &told, why);
	if (rc == RC_OK)
		*out = told;
	if (fd >= 0)
		close(fd);
	tree_folder_fini(&folder);
	return rc;
}

enum rc wsp_repair_leftover(const struct wsp_repair *r, struct text folder, struct text plugin, struct text name,
			    struct why *why)
{
	const struct series s = { TEXT("any"), folder, plugin, TEXT("any") };
	char file[NAME_MAX_BYTES + 1];
	struct tree_folder f;
	bool bad_name;
	enum rc rc;

	if (name.n > NAME_MAX_BYTES || name.n < sizeof(WSP_TEMPORARY_PREFIX) - 1 ||
	    memcmp(name.s, WSP_TEMPORARY_PREFIX, sizeof(WSP_TEMPORARY_PREFIX) - 1) != 0 ||
	    memchr(name.s, '/', name.n) != NULL || memchr(name.s, '\0', name.n) != NULL)
		return because(why, RC_REFUSED, "leftover \"%.*s\": expected a name that begins with %s",
			       TEXT_ARG(name), WSP_TEMPORARY_PREFIX);
	memcpy(file, name.s, name.n);
	file[name.n] = '\0';
	tree_folder_init(&f, r->root_fd, NULL);
	rc = tree_folder_turn(&f, &s, &bad_name, why);
	if (rc == RC_OK)
		rc = fileio_unlink_at(f.fd, file, why);
	tree_folder_fini(&f);
	return rc == RC_ABSENT ? RC_OK : rc;
}

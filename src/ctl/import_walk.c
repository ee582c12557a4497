#include "ctl/import_walk.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool ends(const FTSENT *e, const char *ending)
{
	size_t n = strlen(ending);

	return e->fts_namelen > n && strcmp(e->fts_name + e->fts_namelen - n, ending) == 0;
}

int import_walk(struct import *im, const char *folder, const char *ending, import_walk_fn *fn, void *argument)
{
	char *root = must_strdup(folder), *paths[] = { root, NULL };
	size_t n = strlen(root);
	int status = EXIT_FINE;
	FTSENT *e;
	FTS *f;

	while (n > 1 && root[n - 1] == '/')
		root[--n] = '\0';
	f = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR | FTS_NOSTAT, by_name);
	must(f != NULL);
	while (errno = 0, (e = fts_read(f)) != NULL) {
		const char *path = e->fts_path + n + (strcmp(root, "/") != 0);

		switch (e->fts_info) {
		case FTS_F:
		case FTS_NSOK:
			if (e->fts_level == 0)
				status = ctl_fail("%s: no folder", folder);
			else if (ends(e, ending))
				fn(argument, path);
			break;
		case FTS_SL:
		case FTS_SLNONE:
			if (ends(e, ending))
				import_skip(im, path, "a link, which is not followed");
			break;
		case FTS_DNR:
		case FTS_ERR:
		case FTS_NS:
			if (e->fts_level == 0)
				status = ctl_fail("%s: %s", folder, strerror(e->fts_errno));
			else
				import_skip(im, path, strerror(e->fts_errno));
			break;
		default:
			break;
		}
	}
	if (errno != 0)
		status = ctl_fail("%s: %s", folder, strerror(errno));
	fts_close(f);
	free(root);
	return status;
}

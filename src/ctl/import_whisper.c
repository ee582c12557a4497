/*
 * A Graphite tree, or one of ours: .wsp files that keep archives and aggregation.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "ctl/import_copy.h"
#include "ctl/import_sources.h"
#include "ctl/import_walk.h"

struct whisper {
	struct import *im;
	const struct import_map *map;
	bool is_ours;
	int root_fd;
};

/* carbon gives tagged series names of 64 hex digits, unless told otherwise. */
static bool is_hashed(const char *path)
{
	const char *name = strrchr(path, '/');

	return strncmp(path, "_tagged/", 8) == 0 && name != NULL && strspn(name + 1, "0123456789abcdef") == 64 &&
	       name[65] == '.';
}

/* "a/b/c.wsp" → "a.b.c"; below _tagged/xxx/yyy/ the file's name is all: "a_DOT_b;tag=value". */
static struct text graphite_name(struct arena *a, const char *path)
{
	static const char tagged[] = "_tagged/", dot[] = "_DOT_";
	size_t n = strlen(path) - strlen(".wsp"), at = 0;
	char *name = arena_alloc(a, n + 1);

	if (strncmp(path, tagged, sizeof(tagged) - 1) != 0) {
		for (size_t i = 0; i < n; i++)
			name[i] = path[i] == '/' ? '.' : path[i];
		return (struct text){ name, n };
	}
	for (size_t i = n; i > 0 && path[i - 1] != '/'; i--)
		at = i - 1;
	for (size_t i = at, k = 0;; k++) {
		if (i >= n)
			return (struct text){ name, k };
		if (n - i >= sizeof(dot) - 1 && memcmp(path + i, dot, sizeof(dot) - 1) == 0) {
			name[k] = '.';
			i += sizeof(dot) - 1;
		} else {
			name[k] = path[i++];
		}
	}
}

/* "0c/myhost/load/five.wsp": the last three parts, whatever stands before. */
static enum rc our_name(const struct import_map *map, const char *path, struct series *out, struct why *why)
{
	struct text part[3], rest = { path, strlen(path) - strlen(".wsp") };

	for (size_t i = 3; i-- > 0;) {
		size_t at = rest.n;

		while (at > 0 && rest.s[at - 1] != '/')
			at--;
		part[i] = (struct text){ rest.s + at, rest.n - at };
		rest.n = at > 0 ? at - 1 : 0;
		if (part[i].n == 0)
			return because(why, RC_REFUSED, "expected HOST/PLUGIN/DS.wsp");
	}
	*out = (struct series){ .host = map->host == NULL ? part[0] : text_of(map->host),
				.plugin = part[1],
				.ds = part[2] };
	return RC_OK;
}

static void found(void *argument, const char *path)
{
	struct whisper *w = argument;
	struct series s = { .host = TEXT_NONE };
	struct why why;
	struct arena a;
	enum rc rc;

	/* a tree of ours has folders of its own work in it */
	if (w->is_ours && path[0] == '.')
		return;
	if (!w->is_ours && is_hashed(path)) {
		import_skip(w->im, path, "only a hash of its name is left: carbon's TAG_HASH_FILENAMES");
		return;
	}
	arena_init(&a);
	rc = w->is_ours ? our_name(w->map, path, &s, &why)
			: import_map_name(w->map, graphite_name(&a, path), &a, &s, &why);
	if (rc == RC_ABSENT) /* not asked for */
		goto out;
	if (rc == RC_OK)
		import_add(w->im,
			   (struct import_series){ .host = s.host, .plugin = s.plugin, .ds = s.ds, .path = path });
	else
		import_skip(w->im, path, why.text);
out:
	arena_fini(&a);
}

static enum rc stage(void *argument, const struct import_series *s, int staging_fd, const char *name,
		     uint64_t *n_points, struct why *why)
{
	const struct whisper *w = argument;
	int fd = fileio_open_beneath(w->root_fd, s->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	enum rc rc;

	if (fd < 0)
		return because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "%s", strerror(errno));
	rc = import_copy_wsp(fd, staging_fd, name, n_points, why);
	close(fd);
	return rc;
}

int import_whisper(struct import *im, const char *folder, const struct import_options *o)
{
	struct whisper w = { .im = im, .map = &o->map, .root_fd = -1 };
	int status = EXIT_FINE;
	struct why why;

	if (o->layout != NULL && strcmp(o->layout, "numeter") == 0)
		w.is_ours = true;
	else if (o->layout != NULL && strcmp(o->layout, "graphite") != 0)
		return ctl_fail("--layout %s: expected graphite or numeter", o->layout);
	if (w.is_ours && (o->map.rule != NULL || o->map.prefix != NULL))
		return ctl_fail("--layout numeter has the names as they are: no --map, no --prefix");
	if (import_map_check(&o->map, &why) != RC_OK)
		return ctl_fail("%s", why.text);
	w.root_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w.root_fd < 0)
		return ctl_fail("%s: %s", folder, strerror(errno));
	status = import_walk(im, folder, ".wsp", found, &w);
	if (status == EXIT_FINE)
		status = import_run(im, &(struct import_source){ .stage = stage, .argument = &w });
	close(w.root_fd);
	return status;
}

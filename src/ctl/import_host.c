/*
 * A host that another storage exported. The whole tar is staged before anything of it is used, so a bad one leaves no
 * trace.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/host_tar.h"
#include "ctl/import_copy.h"
#include "ctl/import_sources.h"
#include "ctl/import_staging.h"
#include "ingest/made_up.h"
#include "model/name.h"
#include "wire/json.h"
#include "wire/reply.h"
#include "wsp/wsp.h"

struct info {
	struct text plugin, text;
	bool used;
};

struct host {
	struct import *im;
	const char *as;
	struct arena arena;
	struct text name, old_name; /* here, and where it came from */
	struct text myinfo;         /* TEXT_NONE: none */
	struct info *info;          /* real ones */
	size_t n_infos, capacity;
	size_t n_files;
	char staged[STAGING_NAME_BYTES];
	struct text plugin, ds; /* of the file that is being read */
	int fd;
};

static enum rc begin(void *argument, struct text host, struct why *why)
{
	struct host *h = argument;

	h->old_name = arena_text(&h->arena, host);
	h->name = h->as == NULL ? h->old_name : text_of(h->as);
	return name_check_host(h->name, why);
}

/* A MyInfo of this host: another name or ID than before when it gets another name here. */
static void keep_myinfo(struct host *h, struct json_value object)
{
	struct json_walk w = json_walk(object);
	struct json_value value;
	struct buf out;
	struct text key;
	bool escaped;

	buf_init(&out, SIZE_MAX);
	while (json_next_member(&w, &key, &escaped, &value)) {
		struct text name = json_string(&h->arena, key, escaped), text = TEXT_NONE;

		if (text_is(name, "hostIDHash") || text_is(name, "HostIDFiltredName"))
			continue;
		if (value.type == JSON_STRING)
			text = json_string(&h->arena, value.raw, value.escaped);
		buf_add_str(&out, out.n == 0 ? "{" : ", ");
		reply_string(&out, name);
		buf_add_str(&out, ": ");
		if (text_is(name, "ID") || (text_is(name, "Name") && text_equal(text, h->old_name)))
			reply_string(&out, h->name);
		else if (value.type == JSON_STRING)
			reply_string(&out, text);
		else
			buf_add_text(&out, value.raw);
	}
	buf_add_str(&out, "}");
	h->myinfo = arena_text(&h->arena, buf_text(&out));
	buf_fini(&out);
}

static enum rc metadata(void *argument, struct text json, struct why *why)
{
	struct host *h = argument;
	struct json_value object, member, value;
	struct json_walk w;
	struct text key;
	bool escaped;

	if (json_check(json, false, &object, why) != RC_OK)
		return RC_REFUSED;
	if (json_member(&h->arena, object, "myinfo", &member) && member.type == JSON_STRING) {
		struct text stored = json_string(&h->arena, member.raw, member.escaped);

		if (!made_up_myinfo(h->old_name, stored) && json_check(stored, false, &value, NULL) == RC_OK &&
		    value.type == JSON_OBJECT)
			keep_myinfo(h, value);
	}
	if (!json_member(&h->arena, object, "infos", &member) || member.type != JSON_OBJECT)
		return because(why, RC_REFUSED, "expected an object \"infos\"");
	w = json_walk(member);
	while (json_next_member(&w, &key, &escaped, &value)) {
		struct info i = { .plugin = arena_text(&h->arena, json_string(&h->arena, key, escaped)) };

		if (value.type != JSON_STRING)
			return because(why, RC_REFUSED, "infos: expected texts");
		i.text = arena_text(&h->arena, json_string(&h->arena, value.raw, value.escaped));
		if (made_up_info(i.plugin, i.text))
			continue;
		array_grow(&h->info, &h->capacity, h->n_infos, sizeof(*h->info));
		h->info[h->n_infos++] = i;
	}
	return RC_OK;
}

static enum rc file(void *argument, struct text plugin, struct text ds, int *fd, struct why *why)
{
	struct host *h = argument;

	snprintf(h->staged, sizeof(h->staged), "tar-%zu", h->n_files++);
	h->fd = staging_create(h->im->staging_fd, h->staged);
	if (h->fd < 0)
		return because(why, RC_DISK, "make %s: %s", h->staged, strerror(errno));
	h->plugin = plugin;
	h->ds = ds;
	*fd = h->fd;
	return RC_OK;
}

static enum rc file_end(void *argument, struct why *why)
{
	struct host *h = argument;
	char *path = must_format("wsp/%.*s/%.*s.wsp", TEXT_ARG(h->plugin), TEXT_ARG(h->ds));

	(void)why;
	close(h->fd);
	h->fd = -1;
	import_add(h->im,
		   (struct import_series){
			   .host = h->name, .plugin = h->plugin, .ds = h->ds, .path = path, .index = h->n_files - 1 });
	free(path);
	return RC_OK;
}

static enum rc stage(void *argument, const struct import_series *s, int staging_fd, const char *name,
		     uint64_t *n_points, struct why *why)
{
	char staged[STAGING_NAME_BYTES];
	struct wsp w;
	enum rc rc;
	int fd;

	(void)argument;
	snprintf(staged, sizeof(staged), "tar-%zu", s->index);
	fd = openat(staging_fd, staged, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return because(why, RC_DISK, "open %s: %s", staged, strerror(errno));
	rc = wsp_attach(fd, &w, why);
	if (rc != RC_OK)
		return rc;
	rc = wsp_count(&w, n_points, why);
	wsp_close(&w);
	if (rc == RC_OK && *n_points == 0)
		rc = RC_END;
	if (rc == RC_OK && renameat(staging_fd, staged, staging_fd, name) < 0)
		rc = because(why, RC_DISK, "rename %s: %s", staged, strerror(errno));
	return rc;
}

static bool myinfo(void *argument, struct text host, struct buf *out)
{
	const struct host *h = argument;

	(void)host;
	if (h->myinfo.s == NULL)
		return false;
	reply_string(out, h->myinfo);
	return true;
}

static bool info(void *argument, const struct import_series *s, struct buf *out)
{
	struct host *h = argument;

	for (size_t i = 0; i < h->n_infos; i++)
		if (text_equal(h->info[i].plugin, s->plugin)) {
			h->info[i].used = true;
			reply_string(out, h->info[i].text); /* as a text: byte by byte what it was */
			return true;
		}
	return false;
}

static bool more_info(void *argument, size_t i, struct text *plugin, struct buf *out)
{
	struct host *h = argument;

	(void)i;
	for (size_t k = 0; k < h->n_infos; k++)
		if (!h->info[k].used) {
			h->info[k].used = true;
			*plugin = h->info[k].plugin;
			reply_string(out, h->info[k].text);
			return true;
		}
	return false;
}

static int read_tar(struct host *h, const char *path)
{
	const struct host_tar_reader reader = {
		.begin = begin, .metadata = metadata, .file = file, .file_end = file_end, .argument = h
	};
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct why why;
	enum rc rc;

	if (fd < 0)
		return ctl_fail("%s: %s", path, strerror(errno));
	rc = host_tar_read(fd, &reader, &why);
	if (h->fd >= 0)
		close(h->fd);
	if (!is_stdin)
		close(fd);
	return rc == RC_OK ? EXIT_FINE : ctl_fail("%s: %s", path, why.text);
}

int import_host(struct import *im, const char *path, const struct import_options *o)
{
	struct host h = { .im = im, .as = o->as, .fd = -1 };
	struct why why;
	int status;

	if (o->as != NULL && name_check_host(text_of(o->as), &why) != RC_OK)
		return ctl_fail("--as %s: %s", o->as, why.text);
	status = import_stage_open(im);
	if (status != EXIT_FINE)
		return status;
	arena_init(&h.arena);
	status = read_tar(&h, path);
	if (status == EXIT_FINE)
		status = import_run(im, &(struct import_source){ .stage = stage,
								 .info = info,
								 .myinfo = myinfo,
								 .more_info = more_info,
								 .host = h.name,
								 .argument = &h });
	free(h.info);
	arena_fini(&h.arena);
	return status;
}

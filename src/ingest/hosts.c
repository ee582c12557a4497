#include "ingest/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "wire/reply.h"

/* A group of hosts is asked for at once: its answers are small, and one odd value spoils one group only. */
enum { ANSWERS_MAX_BYTES = 64 * 1024 * 1024, READS_A_HOST = 2, GROUP_HOSTS = 1000 };

static void free_host(void *p)
{
	struct host *h = p;

	free(h->name);
	free(h);
}

void hosts_init(struct hosts *h, struct meta *meta, const char *root, unsigned md5_digits)
{
	*h = (struct hosts){ .meta = meta, .root = root, .md5_digits = md5_digits };
	map_init(&h->by_name);
	map_init(&h->by_folder);
	buf_init(&h->answers, ANSWERS_MAX_BYTES);
}

void hosts_fini(struct hosts *h)
{
	map_fini(&h->by_folder, NULL);
	map_fini(&h->by_name, free_host);
	buf_fini(&h->answers);
}

static struct host *add_host(struct hosts *h, struct text name)
{
	struct host *host = must_alloc(sizeof(*host));

	host->name = must_strndup(name.s, name.n);
	map_put(&h->by_name, name, host);
	return host;
}

static void own_folder(struct hosts *h, struct host *host, struct text folder)
{
	if (host->n_folder > 0 && !text_equal(folder, (struct text){ host->folder, host->n_folder }))
		h->n_moves++;
	host->n_folder = (size_t)snprintf(host->folder, sizeof(host->folder), "%.*s", TEXT_ARG(folder));
	if (map_get(&h->by_folder, folder) == NULL)
		map_put(&h->by_folder, folder, host);
}

struct host *hosts_entry(struct hosts *h, struct text name)
{
	struct host *host = map_get(&h->by_name, name);

	return host != NULL ? host : add_host(h, name);
}

void hosts_forget(struct hosts *h, struct text name, bool all)
{
	struct host *host = map_get(&h->by_name, name);
	struct text folder;

	if (host == NULL)
		return;
	host->generation = 0;
	host->named = false;
	if (!all)
		return;
	folder = (struct text){ host->folder, host->n_folder };
	if (folder.n > 0 && map_get(&h->by_folder, folder) == host)
		map_remove(&h->by_folder, folder);
	host->n_folder = 0;
	host->folder[0] = '\0';
}

void hosts_give_folder(struct hosts *h, struct text name, struct text folder)
{
	hosts_forget(h, name, true);
	own_folder(h, hosts_entry(h, name), folder);
}

/* One WSP_PATH entry at start: remember who has which folder, so that a newcomer does not get it too. */
static enum rc remember(void *argument, struct text name, struct text path)
{
	struct hosts *h = argument;
	struct text folder = name_folder_below(path, text_of(h->root));

	if (folder.n > 0 && name_check_host(name, NULL) == RC_OK && !hosts_knows(h, name))
		own_folder(h, hosts_entry(h, name), folder);
	return RC_OK;
}

static bool on_disk(const struct hosts *h, const char *folder)
{
	char *path = must_format("%s/%s", h->root, folder);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/*
 * The folder by the rule. A suffixed folder that is on disk already wins: this host got it when it met another one,
 * and keeps it when the metadata store came back empty and the hosts return in another order.
 */
static void choose_folder(struct hosts *h, struct host *host, unsigned digits)
{
	char plain[FOLDER_MAX_BYTES], suffixed[FOLDER_MAX_BYTES];
	const struct host *owner;

	name_folder(text_of(host->name), digits, false, plain);
	name_folder(text_of(host->name), digits, true, suffixed);
	owner = map_get(&h->by_folder, text_of(plain));
	if ((owner != NULL && owner != host) || on_disk(h, suffixed))
		own_folder(h, host, text_of(suffixed));
	else
		own_folder(h, host, text_of(plain));
}

/* Digits that a stored HOST_ID stands for, or 0 when it is not the beginning of this host's md5. */
static unsigned digits_of(struct text hash, const char *md5)
{
	if (hash.n < 1 || hash.n > MD5_HEX_BYTES || memcmp(hash.s, md5, hash.n) != 0)
		return 0;
	return (unsigned)hash.n;
}

/* What the metadata store said of one host → its folder and what must be written. */
static void take_answer(struct hosts *h, struct host_want *w, const struct meta_read read[READS_A_HOST])
{
	const struct meta_read *id = &read[0], *path = &read[1];
	struct text folder = path->found ? name_folder_below(path->value, text_of(h->root)) : TEXT_NONE;
	struct host *host = w->entry;
	char md5[MD5_HEX_BYTES + 1];
	static struct log_limit outside = { .burst = LOG_BURST };
	unsigned digits;

	name_md5(w->name, md5);
	digits = id->found ? digits_of(id->value, md5) : 0;
	w->write_hash = digits == 0;
	if (digits == 0)
		digits = h->md5_digits;
	snprintf(host->hash, sizeof(host->hash), "%.*s", (int)digits, md5);
	if (folder.n > 0) {
		own_folder(h, host, folder);
	} else {
		if (path->found)
			log_limited(&outside, LOG_LEVEL_WARNING, "host.path_outside",
				    "host=\"%s\" wsp_path=\"%.*s\" root=%s: not followed, the folder below the root is "
				    "used",
				    host->name, TEXT_ARG(path->value), h->root);
		if (host->folder[0] == '\0')
			choose_folder(h, host, digits);
		w->write_path = true;
	}
	w->write_path = w->write_path || w->myinfo;
	w->write_name = w->data && !w->myinfo; /* only if absent: asking would cost more */
	w->host = host;
	w->answered = true;
	w->settled = !w->write_hash && !w->write_path && !w->write_name;
}

bool hosts_knows(const struct hosts *h, struct text name)
{
	const struct host *host = map_get(&h->by_name, name);

	return host != NULL && host->n_folder > 0;
}

static bool is_settled(const struct host *host, const struct host_want *w, uint64_t generation)
{
	return host != NULL && host->generation == generation && !w->myinfo && (host->named || !w->data);
}

/* Ask the metadata store for want[at[0 .. n)]. */
static enum rc ask(struct hosts *h, struct host_want *want, const size_t *at, size_t n, struct why *why)
{
	static const enum meta_hash hash[READS_A_HOST] = { META_HOST_ID, META_WSP_PATH };
	struct meta_read *read = must_alloc(n * READS_A_HOST * sizeof(*read));
	enum rc rc;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < READS_A_HOST; k++)
			read[i * READS_A_HOST + k].key =
				(struct meta_key){ .hash = hash[k], .field = want[at[i]].name };
	buf_clear(&h->answers);
	rc = meta_read(h->meta, read, n * READS_A_HOST, &h->answers, why);
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		take_answer(h, &want[at[i]], &read[i * READS_A_HOST]);
	free(read);
	return rc;
}

enum rc hosts_resolve(struct hosts *h, struct host_want *want, size_t n, struct why *why)
{
	uint64_t generation = meta_generation(h->meta) + 1; /* 0 is "never" */
	size_t n_open = 0, *open_at;
	enum rc rc = RC_OK;

	if (!h->loaded) {
		rc = meta_each(h->meta, META_WSP_PATH, TEXT_NONE, remember, h, why);
		h->loaded = rc == RC_OK;
	}
	open_at = must_alloc((n + 1) * sizeof(*open_at));
	for (size_t i = 0; i < n; i++) {
		want[i].host = want[i].entry->n_folder > 0 ? want[i].entry : NULL;
		want[i].settled = is_settled(want[i].host, &want[i], generation);
		if (!want[i].settled)
			open_at[n_open++] = i;
	}
	for (size_t from = 0; rc == RC_OK && from < n_open; from += GROUP_HOSTS)
		rc = ask(h, want, &open_at[from], n_open - from < GROUP_HOSTS ? n_open - from : GROUP_HOSTS, why);
	free(open_at);
	return rc;
}

size_t hosts_writes(struct hosts *h, const struct host_want *w, struct arena *a, struct meta_write *out)
{
	struct text hash = text_of(w->host->hash);
	size_t n = 0;

	if (w->write_hash)
		out[n++] = (struct meta_write){ META_SET, { META_HOST_ID, TEXT_NONE, w->name }, hash };
	if (w->write_path) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", h->root, w->host->folder);
		out[n++] = (struct meta_write){ META_SET,
						{ META_WSP_PATH, TEXT_NONE, w->name },
						arena_text(a, text_of(path)) };
	}
	if (w->write_name) {
		char filtered[NAME_MAX_BYTES + 1];
		struct buf text;

		name_filtered(w->name, filtered);
		buf_init(&text, MESSAGE_MAX_BYTES);
		reply_default_myinfo(&text, w->name, hash, text_of(filtered));
		out[n++] = (struct meta_write){ META_SET_IF_ABSENT,
						{ META_HOSTS, TEXT_NONE, w->name },
						arena_text(a, buf_text(&text)) };
		buf_fini(&text);
	}
	return n;
}

void hosts_settled(struct host_want *w, uint64_t generation)
{
	if (w->host->generation != generation + 1)
		w->host->named = false;
	w->host->generation = generation + 1;
	w->host->named = w->host->named || w->data || w->myinfo;
	w->settled = true;
}

#include "query/folder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/map.h"
#include "base/mem.h"

enum {
	PATHS_MAX_BYTES = 64 * 1024,
	YOUNG_MS = 1000,
	SHARDS = 16,
	SHARD_MAX = 1024, /* hosts: a full shard forgets all of them */
};

struct found {
	struct mono asked; /* when the store began to be asked */
	unsigned changes;
	char folder[];
};

/* Under its lock. */
struct shard {
	struct lock lock;
	struct map found; /* by host */
};

struct folders {
	struct shard shard[SHARDS];
};

struct folders *folders_new(void)
{
	struct folders *f = must_alloc(sizeof(*f));

	for (size_t i = 0; i < SHARDS; i++) {
		lock_init(&f->shard[i].lock);
		map_init(&f->shard[i].found);
	}
	return f;
}

void folders_free(struct folders *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		map_fini(&f->shard[i].found, free);
		lock_fini(&f->shard[i].lock);
	}
	free(f);
}

static unsigned changes_now(const struct query *q)
{
	return meta_changes(q->meta, META_WSP_PATH, TEXT_NONE) + meta_changes(q->meta, META_HOST_ID, TEXT_NONE);
}

static struct shard *shard_of(struct folders *f, struct text host)
{
	return &f->shard[text_hash(host, 0) % SHARDS];
}

static bool recall(const struct query *q, struct text host, struct mono now, char folder[FOLDER_MAX_BYTES])
{
	struct shard *s = shard_of(q->folders, host);
	const struct found *f;
	bool young;

	lock_take(&s->lock);
	f = map_get(&s->found, host);
	young = f != NULL && mono_ms_between(f->asked, now) < YOUNG_MS && f->changes == changes_now(q);
	if (young)
		memcpy(folder, f->folder, strlen(f->folder) + 1);
	lock_give_back(&s->lock);
	return young;
}

static void remember(struct folders *folders, struct text host, struct mono asked, unsigned changes, const char *folder)
{
	struct shard *s = shard_of(folders, host);
	size_t bytes = strlen(folder) + 1;
	struct found *f = must_alloc(sizeof(*f) + bytes), *before;

	f->asked = asked;
	f->changes = changes;
	memcpy(f->folder, folder, bytes);
	lock_take(&s->lock);
	if (s->found.n >= SHARD_MAX) {
		map_fini(&s->found, free);
		map_init(&s->found);
	}
	before = map_put(&s->found, host, f);
	lock_give_back(&s->lock);
	free(before);
}

static bool is_on_disk(const struct query *q, const char *folder)
{
	char *path = must_format("%s/%s", q->wsp_path, folder);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static enum rc ask(const struct query *q, struct text host, char folder[FOLDER_MAX_BYTES], struct why *why)
{
	struct meta_read read[2] = { { .key = { META_WSP_PATH, TEXT_NONE, host } },
				     { .key = { META_HOST_ID, TEXT_NONE, host } } };
	char md5[MD5_HEX_BYTES + 1];
	unsigned digits = q->md5_digits;
	struct text below;
	struct buf answers;
	enum rc rc;

	buf_init(&answers, PATHS_MAX_BYTES);
	rc = meta_read(q->meta, read, ARRAY_LEN(read), &answers, why);
	if (rc != RC_OK)
		goto out;
	if (!read[0].found) {
		rc = because(why, RC_ABSENT, "no such host");
		goto out;
	}
	below = name_folder_below(read[0].value, text_of(q->wsp_path));
	if (below.n > 0) {
		memcpy(folder, below.s, below.n);
		folder[below.n] = '\0';
		goto out;
	}
	name_md5(host, md5);
	if (read[1].found && read[1].value.n >= 1 && read[1].value.n <= MD5_HEX_BYTES &&
	    memcmp(read[1].value.s, md5, read[1].value.n) == 0)
		digits = (unsigned)read[1].value.n;
	name_folder(host, digits, true, folder);
	if (!is_on_disk(q, folder))
		name_folder(host, digits, false, folder);
out:
	buf_fini(&answers);
	return rc;
}

enum rc folder_find(const struct query *q, struct text host, char folder[FOLDER_MAX_BYTES], struct why *why)
{
	struct mono now;
	unsigned changes;
	enum rc rc;

	if (q->folders == NULL)
		return ask(q, host, folder, why);
	now = mono_now();
	if (recall(q, host, now, folder))
		return RC_OK;
	changes = changes_now(q);
	rc = ask(q, host, folder, why);
	if (rc == RC_OK)
		remember(q->folders, host, now, changes, folder);
	return rc;
}

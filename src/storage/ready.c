#include "storage/ready.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "storage/daemon.h"
#include "wire/reply.h"

enum { ASK_EVERY_MS = 1000, ANSWER_BYTES = 4096 };

void readiness_init(struct readiness *r)
{
	*r = (struct readiness){ .rc = RC_OK };
	lock_init(&r->lock);
}

void readiness_fini(struct readiness *r)
{
	lock_fini(&r->lock);
}

/* Each of these: true when all is well, else why says why not. */

static bool broker_is_ready(struct daemon *d, struct why *why)
{
	if (d->config.rpc_hosts.n == 0 || atomic_load(&d->amqp_shown.connected))
		return true;
	amqp_shown_why(&d->amqp_shown, why);
	if (why->text[0] == '\0')
		(void)because(why, RC_PEER, "not connected yet");
	return false;
}

static enum rc ask_meta(struct meta *meta, struct why *why)
{
	struct meta_read read = { .key = { META_HOST_ID, TEXT_NONE, TEXT("") } };
	struct buf answer;
	enum rc rc;

	buf_init(&answer, ANSWER_BYTES);
	rc = meta_read(meta, &read, 1, &answer, why);
	buf_fini(&answer);
	return rc;
}

static bool meta_is_ready(struct daemon *d, struct why *why)
{
	struct readiness *r = &d->readiness;
	struct mono now = mono_now();
	bool mine, ok;

	lock_take(&r->lock);
	mine = !r->asking && (!r->answered || mono_ms_between(r->asked, now) >= ASK_EVERY_MS);
	if (mine)
		r->asking = true;
	lock_give_back(&r->lock);
	if (mine) {
		struct why answer = { "" };
		enum rc rc = ask_meta(d->meta, &answer);

		lock_take(&r->lock);
		r->asked = mono_now();
		r->asking = false;
		r->answered = true;
		r->rc = rc;
		r->why = answer;
		lock_give_back(&r->lock);
	}
	lock_take(&r->lock);
	ok = r->answered && r->rc == RC_OK;
	if (!r->answered)
		(void)because(why, RC_PEER, "it is being asked for the first time");
	else if (!ok)
		*why = r->why;
	lock_give_back(&r->lock);
	return ok;
}

static bool has_space(const char *key, const char *path, struct why *why)
{
	struct statvfs s;

	if (statvfs(path, &s) != 0) {
		(void)because(why, RC_DISK, "%s %s: %s", key, path, strerror(errno));
		return false;
	}
	if (s.f_bavail * s.f_frsize < READY_MIN_FREE_BYTES) {
		(void)because(why, RC_DISK, "%s %s: %llu bytes are free", key, path,
			      (unsigned long long)(s.f_bavail * s.f_frsize));
		return false;
	}
	if (s.f_files > 0 && s.f_favail == 0) {
		(void)because(why, RC_DISK, "%s %s: no inode is free", key, path);
		return false;
	}
	return true;
}

static bool disk_is_ready(struct daemon *d, struct why *why)
{
	struct flush *flush = atomic_load(&d->shown_flush);
	struct flush_stats s;

	if (flush != NULL) {
		flush_stats(flush, &s);
		if (s.failing) {
			(void)because(why, RC_DISK, "files cannot be written: %s", s.why.text);
			return false;
		}
	}
	return has_space("wsp_path", d->config.wsp_path, why) && has_space("journal_path", d->config.journal_path, why);
}

static bool journal_is_ready(struct daemon *d, struct why *why)
{
	struct journal_stats s;

	if (!atomic_load(&d->accepts)) {
		(void)because(why, RC_FULL, "what it holds of the run before is being read");
		return false;
	}
	journal_stats(engine_journal(d->engine), &s);
	if (s.failing) {
		(void)because(why, RC_DISK, "it cannot be written: %s is tried again", d->config.journal_path);
		return false;
	}
	if (!s.full && !cache_full(engine_cache(d->engine)))
		return true;
	(void)because(why, RC_FULL, "%s is full until files are written",
		      s.full ? "the journal (journal_max_bytes)" : "the cache (cache_max_bytes)");
	return false;
}

bool ready_tell(void *argument, struct buf *out)
{
	static const struct {
		const char *name;
		bool (*is_ready)(struct daemon *d, struct why *why);
	} parts[] = {
		{ "broker", broker_is_ready },
		{ "metadata", meta_is_ready },
		{ "disk", disk_is_ready },
		{ "journal", journal_is_ready },
	};
	bool all = true;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		struct why why = { "" };
		bool ok = parts[i].is_ready(argument, &why);

		buf_addf(out, "%s\"%s\": {\"ok\": %s, \"reason\": ", i == 0 ? "{" : ", ", parts[i].name,
			 ok ? "true" : "false");
		reply_string(out, text_of(ok ? "" : why.text));
		buf_add_str(out, "}");
		all = all && ok;
	}
	buf_add_str(out, "}");
	return all;
}

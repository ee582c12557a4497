#include "meta/meta.h"

#include "base/histogram.h"
#include "base/instant.h"
#include "meta/backend.h"

void meta_hash_name(enum meta_hash hash, struct text host, struct buf *out)
{
	switch (hash) {
	case META_HOSTS:
		buf_add_str(out, "HOSTS");
		return;
	case META_HOST_ID:
		buf_add_str(out, "HOST_ID");
		return;
	case META_WSP_PATH:
		buf_add_str(out, "WSP_PATH");
		return;
	case META_INFOS:
		buf_add_str(out, "INFOS@");
		buf_add_text(out, host);
		return;
	case META_DELETED_HOSTS:
		buf_add_str(out, "DELETED_HOSTS");
		return;
	case META_DELETED_PLUGINS:
		buf_add_str(out, "DELETED_PLUGINS");
		return;
	}
	must(!"a hash of enum meta_hash");
}

const char *meta_string_name(enum meta_string key)
{
	switch (key) {
	case META_OLD_WSP:
		return "OLD_WSP";
	case META_LAST_WSP_CLEAN:
		return "LAST_WSP_CLEAN";
	}
	must(!"a key of enum meta_string");
	return NULL;
}

static size_t stripe(enum meta_hash hash, struct text host)
{
	const size_t n_plain = META_DELETED_PLUGINS + 1;

	return hash == META_INFOS ? n_plain + text_hash(host, 0) % (META_CHANGES - n_plain) : hash;
}

static void note_call(struct mono began)
{
	histogram_note(HISTOGRAM_METADATA, mono_now().ns - began.ns, 1);
}

enum rc meta_apply(struct meta *m, const struct meta_write *write, size_t n, struct why *why)
{
	struct mono began;
	enum rc rc;

	if (n == 0)
		return RC_OK;
	began = mono_now();
	rc = m->ops->apply(m, write, n, why);
	note_call(began);
	/* also after a failure: some may have been done */
	for (size_t i = 0; i < n; i++)
		atomic_fetch_add(&m->changes[stripe(write[i].key.hash, write[i].key.host)], 1);
	return rc;
}

enum rc meta_read(struct meta *m, struct meta_read *read, size_t n, struct buf *answers, struct why *why)
{
	struct mono began;
	enum rc rc;

	if (n == 0)
		return RC_OK;
	began = mono_now();
	rc = m->ops->read(m, read, n, answers, why);
	note_call(began);
	return rc;
}

enum rc meta_each(struct meta *m, enum meta_hash hash, struct text host, meta_each_fn *fn, void *argument,
		  struct why *why)
{
	struct mono began = mono_now();
	enum rc rc = m->ops->each(m, hash, host, fn, argument, why);

	note_call(began);
	return rc;
}

unsigned meta_changes(const struct meta *m, enum meta_hash hash, struct text host)
{
	return atomic_load(&m->changes[stripe(hash, host)]);
}

unsigned meta_changes_any(const struct meta *m)
{
	unsigned n = 0;

	for (size_t i = 0; i < META_CHANGES; i++)
		n += atomic_load(&m->changes[i]);
	return n;
}

void backend_name_init(struct buf *name)
{
	buf_init(name, SIZE_MAX / 4);
}

enum rc backend_answer(struct meta_read *read, struct text value, struct buf *answers, struct why *why)
{
	read->found = true;
	read->value = value;
	return backend_hand_out(value, answers, why);
}

void backend_settle(struct meta_read *read, size_t n, const struct buf *answers, size_t from)
{
	struct text all = buf_text(answers);

	for (size_t i = 0; i < n; i++) {
		if (!read[i].found) {
			read[i].value = TEXT_NONE;
			continue;
		}
		read[i].value.s = all.s + from;
		from += read[i].value.n;
	}
}

enum rc backend_hand_out(struct text value, struct buf *out, struct why *why)
{
	size_t before = out->n;

	buf_add_text(out, value);
	if (out->n - before == value.n)
		return RC_OK;
	return because(why, RC_FULL, "a metadata value of %zu bytes does not fit below %zu bytes", value.n, out->max);
}

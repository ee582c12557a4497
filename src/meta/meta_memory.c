/*
 * The contract without a server or a file: what tests use, and the shortest reading of what the others must do.
 * One table of all fields, keyed by the hash's name and the field's, under one lock.
 */
#include <stdlib.h>

#include "base/lock.h"
#include "base/mem.h"
#include "meta/backend.h"

struct entry {
	struct entry *next;
	struct text name, field, value; /* of the heap */
};

enum { N_STRINGS = META_LAST_WSP_CLEAN + 1 };

struct meta_memory {
	struct meta meta;
	struct lock lock;
	/* under lock */
	struct entry **bucket;
	size_t n_buckets, n_entries;
	struct text string[N_STRINGS]; /* of the heap; s NULL: absent */
};

static struct text copy(struct text t)
{
	return (struct text){ must_strndup(t.s == NULL ? "" : t.s, t.n), t.n };
}

static void replace(struct text *old, struct text new)
{
	struct text fresh = copy(new);

	free((char *)(uintptr_t)old->s);
	*old = fresh;
}

static void entry_free(struct entry *e)
{
	free((char *)(uintptr_t)e->name.s);
	free((char *)(uintptr_t)e->field.s);
	free((char *)(uintptr_t)e->value.s);
	free(e);
}

/* The pipeline that points at the entry, or at NULL where it would be put. */
static struct entry **find(struct meta_memory *m, struct text name, struct text field)
{
	struct entry **at = &m->bucket[text_hash(field, text_hash(name, 0)) % m->n_buckets];

	lock_must_hold(&m->lock);
	while (*at != NULL && !(text_equal((*at)->name, name) && text_equal((*at)->field, field)))
		at = &(*at)->next;
	return at;
}

static void grow(struct meta_memory *m)
{
	struct entry **old = m->bucket;
	size_t n_old = m->n_buckets;

	m->n_buckets = n_old == 0 ? 256 : n_old * 4;
	m->bucket = must_alloc(m->n_buckets * sizeof(struct entry *));
	for (size_t i = 0; i < n_old; i++) {
		for (struct entry *e = old[i], *next; e != NULL; e = next) {
			struct entry **at = find(m, e->name, e->field);

			next = e->next;
			e->next = NULL;
			*at = e;
		}
	}
	free(old);
}

static void write_one(struct meta_memory *m, struct text name, const struct meta_write *w)
{
	struct entry **at = find(m, name, w->key.field);
	struct entry *e = *at;

	if (w->verb == META_DELETE) {
		if (e != NULL) {
			*at = e->next;
			entry_free(e);
			m->n_entries--;
		}
	} else if (e == NULL) {
		e = must_alloc(sizeof(*e));
		e->name = copy(name);
		e->field = copy(w->key.field);
		e->value = copy(w->value);
		*at = e;
		m->n_entries++;
		if (m->n_entries > m->n_buckets)
			grow(m);
	} else if (w->verb == META_SET) {
		replace(&e->value, w->value);
	}
}

static enum rc apply(struct meta *meta, const struct meta_write *write, size_t n, struct why *why)
{
	struct meta_memory *m = (struct meta_memory *)meta;
	struct buf name;

	(void)why;
	backend_name_init(&name);
	lock_take(&m->lock);
	for (size_t i = 0; i < n; i++) {
		buf_clear(&name);
		meta_hash_name(write[i].key.hash, write[i].key.host, &name);
		write_one(m, buf_text(&name), &write[i]);
	}
	lock_give_back(&m->lock);
	buf_fini(&name);
	return RC_OK;
}

static enum rc read_fields(struct meta *meta, struct meta_read *read, size_t n, struct buf *answers, struct why *why)
{
	struct meta_memory *m = (struct meta_memory *)meta;
	size_t before = answers->n;
	enum rc rc = RC_OK;
	struct buf name;

	backend_name_init(&name);
	lock_take(&m->lock);
	for (size_t i = 0; i < n && rc == RC_OK; i++) {
		const struct entry *e;

		buf_clear(&name);
		meta_hash_name(read[i].key.hash, read[i].key.host, &name);
		e = *find(m, buf_text(&name), read[i].key.field);
		read[i].found = false;
		if (e != NULL)
			rc = backend_answer(&read[i], e->value, answers, why);
	}
	lock_give_back(&m->lock);
	buf_fini(&name);
	if (rc == RC_OK)
		backend_settle(read, n, answers, before);
	else
		answers->n = before;
	return rc;
}

/* A copy of every entry of one hash, in one chain: what is shown outside the lock. */
static struct entry *copy_hash(struct meta_memory *m, struct text name)
{
	struct entry *chain = NULL;

	lock_must_hold(&m->lock);
	for (size_t i = 0; i < m->n_buckets; i++) {
		for (const struct entry *e = m->bucket[i]; e != NULL; e = e->next) {
			struct entry *twin;

			if (!text_equal(e->name, name))
				continue;
			twin = must_alloc(sizeof(*twin));
			twin->field = copy(e->field);
			twin->value = copy(e->value);
			twin->next = chain;
			chain = twin;
		}
	}
	return chain;
}

static enum rc each(struct meta *meta, enum meta_hash hash, struct text host, meta_each_fn *fn, void *argument,
		    struct why *why)
{
	struct meta_memory *m = (struct meta_memory *)meta;
	enum rc rc = RC_OK;
	struct entry *chain;
	struct buf name;

	(void)why;
	backend_name_init(&name);
	meta_hash_name(hash, host, &name);
	lock_take(&m->lock);
	chain = copy_hash(m, buf_text(&name));
	lock_give_back(&m->lock);
	buf_fini(&name);
	while (chain != NULL) {
		struct entry *e = chain;

		if (rc == RC_OK)
			rc = fn(argument, e->field, e->value);
		chain = e->next;
		entry_free(e);
	}
	return rc == RC_END ? RC_OK : rc;
}

static enum rc set_string(struct meta *meta, enum meta_string key, struct text value, struct why *why)
{
	struct meta_memory *m = (struct meta_memory *)meta;

	(void)why;
	lock_take(&m->lock);
	replace(&m->string[key], value);
	lock_give_back(&m->lock);
	return RC_OK;
}

static enum rc get_string(struct meta *meta, enum meta_string key, struct buf *out, struct why *why)
{
	struct meta_memory *m = (struct meta_memory *)meta;
	enum rc rc;

	lock_take(&m->lock);
	if (m->string[key].s == NULL)
		rc = because(why, RC_ABSENT, "%s is not set", meta_string_name(key));
	else
		rc = backend_hand_out(m->string[key], out, why);
	lock_give_back(&m->lock);
	return rc;
}

static uint64_t generation(struct meta *meta)
{
	(void)meta;
	return 1; /* nothing is ever lost behind our back */
}

static void close_memory(struct meta *meta)
{
	struct meta_memory *m = (struct meta_memory *)meta;

	for (size_t i = 0; i < m->n_buckets; i++) {
		for (struct entry *e = m->bucket[i], *next; e != NULL; e = next) {
			next = e->next;
			entry_free(e);
		}
	}
	free(m->bucket);
	for (size_t i = 0; i < N_STRINGS; i++)
		free((char *)(uintptr_t)m->string[i].s);
	lock_fini(&m->lock);
	free(m);
}

struct meta *meta_memory_open(void)
{
	static const struct meta_ops ops = {
		apply, read_fields, each, set_string, get_string, generation, close_memory
	};
	struct meta_memory *m = must_alloc(sizeof(*m));

	m->meta.ops = &ops;
	lock_init(&m->lock);
	lock_take(&m->lock);
	grow(m);
	lock_give_back(&m->lock);
	return &m->meta;
}

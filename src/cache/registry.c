#include "cache/registry.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/mem.h"
#include "base/rc.h"
#include "cache/pages.h"
#include "cache/registry_state.h"

/* Names are never taken out: chunks are filled one after the other and freed with the registry. */
enum { NAME_CHUNK_BYTES = 256 << 10 };

/* Series of a source that are looked at before its hash table is asked. */
enum { NEAR = 8 };

struct name_chunk {
	struct name_chunk *older;
	size_t used;
	char bytes[NAME_CHUNK_BYTES - sizeof(void *) - sizeof(size_t)];
};

static void count_bytes(struct registry *r, uint64_t n)
{
	atomic_fetch_add_explicit(&r->n_bytes, n, memory_order_relaxed);
}

struct registry *registry_new(void)
{
	struct registry *r = must_alloc(sizeof(*r));

	must(getrandom(&r->seed, sizeof(r->seed), 0) == (ssize_t)sizeof(r->seed));
	index_init(&r->source_index);
	index_init(&r->series_index);
	lock_init(&r->lock);
	count_bytes(r, sizeof(*r));
	return r;
}

void registry_free(struct registry *r)
{
	struct name_chunk *older;

	if (r == NULL)
		return;
	for (size_t i = 0; i < BLOCKS_MAX; i++) {
		pages_free(atomic_load_explicit(&r->source_block[i], memory_order_relaxed),
			   sizeof(struct source_entry) << SOURCE_BLOCK_BITS);
		pages_free(atomic_load_explicit(&r->series_block[i], memory_order_relaxed),
			   sizeof(struct series_entry) << SERIES_BLOCK_BITS);
	}
	for (struct name_chunk *c = r->names; c != NULL; c = older) {
		older = c->older;
		free(c);
	}
	registry_order_fini(&r->order);
	index_fini(&r->source_index);
	index_fini(&r->series_index);
	lock_fini(&r->lock);
	free(r);
}

static char *new_name(struct registry *r, size_t n_bytes)
{
	char *p;

	lock_must_hold(&r->lock);
	must(n_bytes <= sizeof(r->names->bytes));
	if (r->names == NULL || sizeof(r->names->bytes) - r->names->used < n_bytes) {
		struct name_chunk *c = must_alloc(sizeof(*c));

		c->older = r->names;
		r->names = c;
		count_bytes(r, sizeof(*c));
	}
	p = r->names->bytes + r->names->used;
	r->names->used += n_bytes;
	return p;
}

static char *copied(char *at, struct text t)
{
	if (t.n > 0)
		memcpy(at, t.s, t.n);
	return at + t.n;
}

static uint32_t source_hash(const struct registry *r, struct text host, struct text plugin)
{
	return (uint32_t)(text_hash(plugin, text_hash(host, r->seed)) >> 32);
}

static uint32_t series_hash(const struct registry *r, uint32_t source, struct text ds)
{
	return (uint32_t)(text_hash(ds, r->seed ^ (source + 1) * UINT64_C(0xD6E8FEB86659FD93)) >> 32);
}

static uint32_t find_source(const struct registry *r, uint32_t hash, struct text host, struct text plugin)
{
	const struct index_table *table;

	do {
		uint32_t at, id;

		table = index_table(&r->source_index);
		for (at = index_home(table, hash); (id = index_next(table, hash, &at)) != INDEX_NONE;) {
			const struct source_entry *s = registry_source_entry(r, id);

			if (text_equal(registry_host_of(s), host) && text_equal(registry_plugin_of(s), plugin))
				return id;
		}
	} while (index_table(&r->source_index) != table);
	return REGISTRY_NONE;
}

static uint32_t find_series(const struct registry *r, uint32_t hash, uint32_t source, struct text ds)
{
	const struct index_table *table;

	do {
		uint32_t at, id;

		table = index_table(&r->series_index);
		for (at = index_home(table, hash); (id = index_next(table, hash, &at)) != INDEX_NONE;) {
			const struct series_entry *e = registry_series_entry(r, id);

			if (e->source == source && text_equal(registry_ds_of(e), ds))
				return id;
		}
	} while (index_table(&r->series_index) != table);
	return REGISTRY_NONE;
}

static uint32_t new_source(struct registry *r, struct text host, struct text folder, struct text plugin)
{
	uint32_t id = atomic_load_explicit(&r->n_sources, memory_order_relaxed);
	size_t block = id >> SOURCE_BLOCK_BITS, block_bytes = sizeof(struct source_entry) << SOURCE_BLOCK_BITS;
	struct source_entry *s;
	char *text;

	must(block < BLOCKS_MAX && host.n <= UINT16_MAX && plugin.n <= UINT16_MAX && folder.n <= UINT16_MAX);
	if (atomic_load_explicit(&r->source_block[block], memory_order_relaxed) == NULL) {
		atomic_store_explicit(&r->source_block[block], pages_new(block_bytes), memory_order_release);
		count_bytes(r, block_bytes);
	}
	text = new_name(r, host.n + plugin.n + folder.n);
	s = registry_source_entry(r, id);
	s->text = text;
	s->n_host = (uint16_t)host.n;
	s->n_plugin = (uint16_t)plugin.n;
	s->n_folder = (uint16_t)folder.n;
	copied(copied(copied(text, host), plugin), folder);
	atomic_init(&s->expected, REGISTRY_NONE);
	s->newest = REGISTRY_NONE;
	s->same = id;
	atomic_store_explicit(&r->n_sources, id + 1, memory_order_release);
	return id;
}

/* The source of the same host and plugin with this folder, made when it is not there. */
static uint32_t in_folder(struct registry *r, uint32_t known, struct text host, struct text folder, struct text plugin)
{
	struct source_entry *s = registry_source_entry(r, known);
	uint32_t id;

	for (id = s->same; id != known; id = registry_source_entry(r, id)->same)
		if (text_equal(registry_folder_of(registry_source_entry(r, id)), folder))
			return id;
	if (text_equal(registry_folder_of(s), folder))
		return known;
	id = new_source(r, host, folder, plugin);
	registry_source_entry(r, id)->same = s->same;
	s->same = id;
	return id;
}

uint32_t registry_source(struct registry *r, struct text host, struct text folder, struct text plugin, bool add)
{
	uint32_t hash = source_hash(r, host, plugin), id = find_source(r, hash, host, plugin), known;

	if (!add || (id != REGISTRY_NONE && text_equal(registry_folder_of(registry_source_entry(r, id)), folder)))
		return id;
	lock_take(&r->lock);
	known = find_source(r, hash, host, plugin);
	if (known == REGISTRY_NONE) {
		id = new_source(r, host, folder, plugin);
		index_add(&r->source_index, hash, id);
	} else {
		id = in_folder(r, known, host, folder, plugin);
		if (id != known)
			index_replace(&r->source_index, hash, known, id);
	}
	lock_give_back(&r->lock);
	return id;
}

static uint32_t new_series(struct registry *r, uint32_t source, struct text ds)
{
	uint32_t id = atomic_load_explicit(&r->n_series, memory_order_relaxed);
	size_t block = id >> SERIES_BLOCK_BITS, block_bytes = sizeof(struct series_entry) << SERIES_BLOCK_BITS;
	struct source_entry *s = registry_source_entry(r, source);
	struct series_entry *e, *newest;

	must(block < BLOCKS_MAX && ds.n <= UINT8_MAX);
	if (atomic_load_explicit(&r->series_block[block], memory_order_relaxed) == NULL) {
		atomic_store_explicit(&r->series_block[block], pages_new(block_bytes), memory_order_release);
		count_bytes(r, block_bytes);
	}
	e = registry_series_entry(r, id);
	e->source = source;
	e->n_name = (uint8_t)ds.n;
	if (ds.n <= NAME_INLINE_BYTES) {
		copied(e->name, ds);
	} else {
		char *name = new_name(r, ds.n);

		copied(name, ds);
		memcpy(e->name + NAME_INLINE_BYTES - sizeof(name), &name, sizeof(name));
	}
	atomic_store_explicit(&r->n_series, id + 1, memory_order_release);
	if (s->newest == REGISTRY_NONE) {
		atomic_store_explicit(&e->next, id, memory_order_release);
	} else {
		newest = registry_series_entry(r, s->newest);
		atomic_store_explicit(&e->next, atomic_load_explicit(&newest->next, memory_order_relaxed),
				      memory_order_release);
		atomic_store_explicit(&newest->next, id, memory_order_release);
	}
	s->newest = id;
	return id;
}

/*
 * Without the hash: the one that came behind the last one found, or one of the few behind that. A source's series mostly
 * came together and so lie together, where the hash's slot is a far access.
 */
static uint32_t find_near(const struct registry *r, uint32_t expected, struct text ds)
{
	uint32_t id = expected;

	for (int i = 0; i < NEAR; i++) {
		const struct series_entry *e = registry_series_entry(r, id);

		if (text_equal(registry_ds_of(e), ds))
			return id;
		id = atomic_load_explicit(&e->next, memory_order_acquire);
		if (id == expected)
			break;
	}
	return REGISTRY_NONE;
}

static uint32_t find_or_add(struct registry *r, uint32_t source, struct text ds, bool add)
{
	uint32_t hash = series_hash(r, source, ds), id = find_series(r, hash, source, ds);

	if (id != REGISTRY_NONE || !add)
		return id;
	lock_take(&r->lock);
	id = find_series(r, hash, source, ds);
	if (id == REGISTRY_NONE) {
		id = new_series(r, source, ds);
		index_add(&r->series_index, hash, id);
	}
	lock_give_back(&r->lock);
	return id;
}

uint32_t registry_series(struct registry *r, uint32_t source, struct text ds, bool add)
{
	struct source_entry *s = registry_source_entry(r, source);
	uint32_t id = atomic_load_explicit(&s->expected, memory_order_acquire);

	if (id != REGISTRY_NONE)
		id = find_near(r, id, ds);
	if (id == REGISTRY_NONE)
		id = find_or_add(r, source, ds, add);
	if (id != REGISTRY_NONE)
		atomic_store_explicit(&s->expected,
				      atomic_load_explicit(&registry_series_entry(r, id)->next, memory_order_acquire),
				      memory_order_release);
	return id;
}

uint32_t registry_find(struct registry *r, struct text host, struct text plugin, struct text ds)
{
	uint32_t source = find_source(r, source_hash(r, host, plugin), host, plugin);

	return source == REGISTRY_NONE ? source : find_series(r, series_hash(r, source, ds), source, ds);
}

void registry_name(const struct registry *r, uint32_t id, struct series *out)
{
	const struct series_entry *e = registry_series_entry(r, id);
	const struct source_entry *s = registry_source_entry(r, e->source);

	*out = (struct series){ registry_host_of(s), registry_folder_of(s), registry_plugin_of(s), registry_ds_of(e) };
}

uint32_t registry_source_of(const struct registry *r, uint32_t id)
{
	return registry_series_entry(r, id)->source;
}

void registry_source_name(const struct registry *r, uint32_t source, struct series *out)
{
	const struct source_entry *s = registry_source_entry(r, source);

	*out = (struct series){ registry_host_of(s), registry_folder_of(s), registry_plugin_of(s), TEXT_NONE };
}

void registry_series_of(struct registry *r, struct text host, struct text plugin, uint32_t **id, size_t *n,
			size_t *capacity)
{
	uint32_t first = find_source(r, source_hash(r, host, plugin), host, plugin), source = first;

	if (first == REGISTRY_NONE)
		return;
	lock_take(&r->lock);
	do {
		const struct source_entry *s = registry_source_entry(r, source);
		uint32_t series = s->newest;

		/* newest is the ring's end: the one behind it came first */
		while (series != REGISTRY_NONE) {
			series = atomic_load_explicit(&registry_series_entry(r, series)->next, memory_order_relaxed);
			array_grow(id, capacity, *n, sizeof(**id));
			(*id)[(*n)++] = series;
			if (series == s->newest)
				break;
		}
		source = s->same;
	} while (source != first);
	lock_give_back(&r->lock);
}

uint32_t registry_n_series(const struct registry *r)
{
	return atomic_load_explicit(&r->n_series, memory_order_acquire);
}

uint32_t registry_n_sources(const struct registry *r)
{
	return atomic_load_explicit(&r->n_sources, memory_order_acquire);
}

uint64_t registry_bytes(const struct registry *r)
{
	return atomic_load_explicit(&r->n_bytes, memory_order_relaxed) + index_bytes(&r->source_index) +
	       index_bytes(&r->series_index);
}

uint32_t registry_mark(const struct registry *r, uint32_t source)
{
	return atomic_load_explicit(&registry_source_entry(r, source)->mark, memory_order_relaxed);
}

void registry_set_mark(struct registry *r, uint32_t source, uint32_t mark)
{
	atomic_store_explicit(&registry_source_entry(r, source)->mark, mark, memory_order_relaxed);
}

/*
 * What registry.c and registry_order.c share. Entries stand in blocks that never move and are filled before their number is
 * given out: who has a number reads its entry without a lock.
 */
#ifndef CACHE_REGISTRY_STATE_H
#define CACHE_REGISTRY_STATE_H

#include "base/lock.h"
#include "cache/index.h"
#include "cache/registry.h"

enum {
	NAME_INLINE_BYTES = 15,
	SERIES_BLOCK_BITS = 18, /* 6 MiB */
	SOURCE_BLOCK_BITS = 16, /* 2 MiB */
	BLOCKS_MAX = 1024,
};

struct source_entry {
	const char *text; /* host, plugin, folder, one behind the other */
	uint16_t n_host, n_plugin, n_folder;
	_Atomic uint32_t expected; /* the series that is likely asked for next */
	_Atomic uint32_t mark;
	/* under lock */
	uint32_t newest; /* its series added last */
	uint32_t same;   /* ring of the sources of one host and plugin, which differ in their folders */
};

struct series_entry {
	uint32_t source;
	_Atomic uint32_t next; /* ring of the series of one source, in the order they came */
	uint8_t n_name;
	char name[NAME_INLINE_BYTES]; /* a longer one: the last 8 bytes are a pointer to it */
};

struct registry_order {
	uint32_t *source, *rank; /* sources in path order; the place of each source in it */
	uint32_t *series;
	uint32_t n_sources, n_series;
};

struct registry {
	/* fixed after new */
	uint64_t seed;
	/* read without a lock, written under it */
	struct index source_index, series_index;
	_Atomic uint32_t n_sources, n_series;
	_Atomic uint64_t n_bytes; /* without the indexes' tables */
	_Atomic(struct source_entry *) source_block[BLOCKS_MAX];
	_Atomic(struct series_entry *) series_block[BLOCKS_MAX];
	/* under lock */
	struct lock lock;
	struct name_chunk *names;
	/* the caller of registry_in_path_order() only */
	struct registry_order order;
};

static inline struct source_entry *registry_source_entry(const struct registry *r, uint32_t id)
{
	return &atomic_load_explicit(&r->source_block[id >> SOURCE_BLOCK_BITS],
				     memory_order_acquire)[id & ((1U << SOURCE_BLOCK_BITS) - 1)];
}

static inline struct series_entry *registry_series_entry(const struct registry *r, uint32_t id)
{
	return &atomic_load_explicit(&r->series_block[id >> SERIES_BLOCK_BITS],
				     memory_order_acquire)[id & ((1U << SERIES_BLOCK_BITS) - 1)];
}

static inline struct text registry_host_of(const struct source_entry *s)
{
	return (struct text){ s->text, s->n_host };
}

static inline struct text registry_plugin_of(const struct source_entry *s)
{
	return (struct text){ s->text + s->n_host, s->n_plugin };
}

static inline struct text registry_folder_of(const struct source_entry *s)
{
	return (struct text){ s->text + s->n_host + s->n_plugin, s->n_folder };
}

static inline struct text registry_ds_of(const struct series_entry *e)
{
	const char *long_name;

	if (e->n_name <= NAME_INLINE_BYTES)
		return (struct text){ e->name, e->n_name };
	memcpy(&long_name, e->name + NAME_INLINE_BYTES - sizeof(long_name), sizeof(long_name));
	return (struct text){ long_name, e->n_name };
}

void registry_order_fini(struct registry_order *o);

#endif

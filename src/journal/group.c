#include "journal/group.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "journal/format.h"

/* Of a record in memory: how much is in its body, and the word; everything else is filled in when it is written. */
enum { N_AT = 12, WORD_AT = 16, FIRST_CAPACITY = 1 << 20 };

static unsigned char *room(struct group_bytes *b, size_t n)
{
	if (b->capacity - b->n < n) {
		size_t capacity = b->capacity == 0 ? FIRST_CAPACITY : b->capacity;

		while (capacity - b->n < n)
			capacity *= 2;
		b->at = must_realloc(b->at, capacity);
		b->capacity = capacity;
	}
	return b->at + b->n;
}

static void open_record(struct group_bytes *b, uint32_t word)
{
	unsigned char *header;

	room(b, FORMAT_ALIGN_BYTES + FORMAT_HEADER_BYTES);
	while (b->n % FORMAT_ALIGN_BYTES != 0)
		b->at[b->n++] = 0;
	header = b->at + b->n;
	memset(header, 0, FORMAT_HEADER_BYTES);
	bytes_put_le32(header + WORD_AT, word);
	b->open_record = b->n;
	b->n += FORMAT_HEADER_BYTES;
}

static void clear_bytes(struct group_bytes *b)
{
	b->n = 0;
	b->open_record = GROUP_NONE;
}

void group_init(struct group *g)
{
	*g = (struct group){ .n_parts = 0 };
	group_clear(g);
}

void group_fini(struct group *g)
{
	free(g->points.at);
	free(g->names.at);
	free(g->part);
	group_init(g);
}

void group_clear(struct group *g)
{
	clear_bytes(&g->points);
	clear_bytes(&g->names);
	g->n_parts = 0;
	g->n_points = 0;
}

bool group_empty(const struct group *g)
{
	return g->points.n == 0 && g->names.n == 0;
}

void group_to_segment(struct group *g, uint32_t segment)
{
	if (g->n_parts > 0 && g->part[g->n_parts - 1].segment == segment)
		return;
	array_grow((void *)&g->part, &g->capacity_parts, g->n_parts, sizeof(*g->part));
	g->part[g->n_parts++] = (struct group_part){ .segment = segment, .from = g->points.n };
	g->points.open_record = GROUP_NONE;
}

size_t group_part_end(const struct group *g, size_t part)
{
	return part + 1 < g->n_parts ? g->part[part + 1].from : g->points.n;
}

size_t group_bytes_for(size_t n)
{
	return n * FORMAT_POINT_BYTES + (n + FORMAT_MAX_POINTS - 1) / FORMAT_MAX_POINTS * FORMAT_HEADER_BYTES;
}

/* Into the open record, or a new one when it is full or of another second. Returns how many, 0 when there is no room. */
static size_t add_to_record(struct group *g, const struct numbered *point, size_t n, uint32_t accepted_s,
			    size_t room_bytes)
{
	struct group_bytes *b = &g->points;
	unsigned char *header;
	uint32_t held = 0;

	if (b->open_record != GROUP_NONE) {
		header = b->at + b->open_record;
		held = bytes_get_le32(header + N_AT);
		if (held == FORMAT_MAX_POINTS || bytes_get_le32(header + WORD_AT) != accepted_s)
			b->open_record = GROUP_NONE;
	}
	if (b->open_record == GROUP_NONE) {
		if (room_bytes < FORMAT_HEADER_BYTES + FORMAT_POINT_BYTES)
			return 0;
		open_record(b, accepted_s);
		room_bytes -= FORMAT_HEADER_BYTES;
		held = 0;
	}
	if (n > FORMAT_MAX_POINTS - held)
		n = FORMAT_MAX_POINTS - held;
	if (n > room_bytes / FORMAT_POINT_BYTES)
		n = room_bytes / FORMAT_POINT_BYTES;
	format_points_put(room(b, n * FORMAT_POINT_BYTES), point, n);
	b->n += n * FORMAT_POINT_BYTES;
	bytes_put_le32(b->at + b->open_record + N_AT, held + (uint32_t)n);
	return n;
}

size_t group_add(struct group *g, const struct numbered *point, size_t n, uint32_t accepted_s, size_t room_bytes,
		 size_t *used)
{
	size_t from = g->points.n, done = 0, more;

	while (done < n) {
		more = add_to_record(g, point + done, n - done, accepted_s, room_bytes - (g->points.n - from));
		if (more == 0)
			break;
		done += more;
	}
	g->part[g->n_parts - 1].n_points += done;
	g->n_points += done;
	*used = g->points.n - from;
	return done;
}

void group_name(struct group *g, uint32_t id, const struct series *series)
{
	struct group_bytes *b = &g->names;
	size_t n = format_name_bytes(series), held;
	unsigned char *header;

	must(n <= FORMAT_MAX_BODY_BYTES);
	if (b->open_record == GROUP_NONE || b->n - b->open_record - FORMAT_HEADER_BYTES + n > FORMAT_MAX_BODY_BYTES)
		open_record(b, 0);
	format_name_put(room(b, n + FORMAT_ALIGN_BYTES), id, series);
	b->n += n;
	header = b->at + b->open_record;
	held = b->n - b->open_record - FORMAT_HEADER_BYTES;
	bytes_put_le32(header + N_AT, (uint32_t)held);
	bytes_put_le32(header + WORD_AT, bytes_get_le32(header + WORD_AT) + 1);
	/* padding of the last record, overwritten by the next name */
	memset(b->at + b->n, 0, FORMAT_ALIGN_BYTES);
}

#include "poller/spool_inside.h"

#include "base/fileio.h"
#include "base/mem.h"

enum { LOOK_BYTES = 256 * 1024 };

/* Where the cursor stands: in a segment, in memory, or at the end. */
static bool find_cursor(struct spool *s, struct segment *g)
{
	lock_must_hold(&s->lock);
	for (size_t i = 0; i < s->n_segments; i++) {
		*g = s->segment[i];
		if (s->cursor < g->start)
			s->cursor = g->start; /* what lay between is dropped */
		if (s->cursor < g->start + g->n_bytes)
			return true;
	}
	if (s->cursor < s->disk_end)
		s->cursor = s->disk_end;
	return false;
}

static size_t take_memory(struct spool *s, size_t max_bytes, struct buf *out)
{
	size_t behind = (size_t)(s->cursor - s->disk_end);
	struct text t = { s->memory.at + behind, 0 };

	lock_must_hold(&s->lock);
	if (behind >= s->n_committed)
		return 0;
	t.n = s->n_committed - behind;
	t.n = spool_whole_records(t, max_bytes);
	buf_add_text(out, t);
	return t.n;
}

/* So many bytes from this place on are nothing that can be read. */
static void pass_over(struct spool *s, uint64_t from, uint64_t n)
{
	lock_must_hold(&s->lock);
	s->n_damaged += n;
	if (s->cursor == from)
		s->cursor += n;
}

/* The file of this segment is gone or ends too early: unless it was dropped meanwhile, what was left of it is lost. */
static void lose_rest(struct spool *s, const struct segment *g, uint64_t from)
{
	lock_take(&s->lock);
	for (size_t i = 0; i < s->n_segments; i++) {
		if (s->segment[i].start != g->start)
			continue;
		pass_over(s, from, g->start + g->n_bytes - from);
		s->last_is_broken = s->last_is_broken || i + 1 == s->n_segments;
	}
	lock_give_back(&s->lock);
}

/*
 * Cut what was read of g out to whole records; what is damaged at its front is passed over. False: nothing whole is in
 * it. is_all: it was asked for up to the segment's end.
 */
static bool keep_whole(struct spool *s, const struct segment *g, struct buf *out, size_t max_bytes, bool is_all,
		       uint64_t from)
{
	size_t n = spool_whole_records(buf_text(out), max_bytes), skip;
	struct text front = buf_text(out);
	struct parcel ignored;

	if (n > 0) {
		out->n = n;
		return true;
	}
	if (!is_all && spool_take_record(&front, &ignored) == RC_END)
		return false; /* a long one: read more */
	skip = spool_find_record(buf_text(out));
	if (skip < out->n) {
		lock_take(&s->lock);
		pass_over(s, from, skip);
		lock_give_back(&s->lock);
	} else if (is_all) {
		lose_rest(s, g, from);
	} /* else a whole one may begin here that goes on behind: read more */
	return false;
}

enum rc spool_read(struct spool *s, size_t max_bytes, struct buf *out, uint64_t *from, struct why *why)
{
	size_t want = max_bytes;

	for (;;) {
		struct segment g = { 0 };
		uint64_t left;
		bool in_segment;
		enum rc rc;

		buf_clear(out);
		lock_take(&s->lock);
		in_segment = find_cursor(s, &g);
		*from = s->cursor;
		if (!in_segment)
			(void)take_memory(s, max_bytes, out);
		lock_give_back(&s->lock);
		if (!in_segment)
			return out->n > 0 ? RC_OK : RC_END;
		left = g.start + g.n_bytes - *from;
		rc = spool_read_segment(s, &g, *from, (size_t)(left < want ? left : want), out, why);
		if (rc == RC_ABSENT) {
			lose_rest(s, &g, *from);
			continue;
		}
		if (rc != RC_OK)
			return rc;
		if (keep_whole(s, &g, out, max_bytes, left <= want, *from))
			return RC_OK;
		want = want < LOOK_BYTES ? LOOK_BYTES : want * 2;
	}
}

void spool_done(struct spool *s, uint64_t up_to)
{
	char bytes[SPOOL_CURSOR_BYTES];
	bool moved;

	lock_take(&s->lock);
	moved = up_to > s->cursor;
	if (moved)
		s->cursor = up_to;
	lock_give_back(&s->lock);
	if (!moved)
		return;
	/* Not synced: an old cursor sends again what was sent, and nobody sees that. */
	spool_put_cursor(bytes, up_to);
	(void)!fileio_pwrite(s->cursor_fd, bytes, sizeof(bytes), 0, NULL);
}

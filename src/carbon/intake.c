#include "carbon/intake.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/mem.h"
#include "carbon/passage.h"

enum {
	GROUP_POINTS = 4096, /* accepted together, about: 64 KiB */
	RETRY_MS = 50,
	AHEAD = 32,      /* lines whose names are looked for together */
	WRONG_LIMIT = 8, /* wrongly expected lines, of late, from which on none is expected */
	WRONG_MOST = 24,
};

struct intake {
	struct intake_options options;
	struct known known;
	struct passage passage;
	/* points of known series, not accepted yet */
	struct numbered *group;
	size_t n_group, group_capacity;
	bool refused; /* the last try to accept them failed: they wait */
	/* of this round */
	int64_t now_s;
	uint32_t mark, n_forgets;
	uint32_t era;             /* grows when either changes: names are checked again in each */
	uint32_t first_s, span_s; /* times that need no judging: first_s to first_s + span_s */
	/* any thread */
	_Atomic(int64_t) shortest_s; /* of the longest archives: what is younger fits every series */
	_Atomic(int64_t) max_future_s;
	/* not counted yet */
	uint64_t n_lines;
};

void intake_change(struct intake *in, const struct schema *schema, int64_t max_future_s)
{
	atomic_store(&in->shortest_s, schema_shortest_s(schema));
	atomic_store(&in->max_future_s, max_future_s);
}

struct intake *intake_new(const struct intake_options *options)
{
	struct intake *in = must_alloc(sizeof(*in));

	in->options = *options;
	intake_change(in, options->schema, options->max_future_s);
	known_init(&in->known, options->known_max_bytes);
	passage_init(&in->passage, options->submit, options->wake, options->argument);
	return in;
}

void intake_free(struct intake *in)
{
	if (in == NULL)
		return;
	passage_fini(&in->passage);
	known_fini(&in->known);
	free(in->group);
	free(in);
}

void intake_begin(struct intake *in, int64_t now_s)
{
	int64_t first = now_s - atomic_load(&in->shortest_s) + 1, last = now_s + atomic_load(&in->max_future_s);

	/* in this order: a mark that was taken before is seen taken */
	uint32_t n_forgets = in->options.n_forgets(in->options.argument), mark = in->options.mark(in->options.argument);

	in->now_s = now_s;
	in->era += n_forgets != in->n_forgets || mark != in->mark;
	in->n_forgets = n_forgets;
	in->mark = mark;
	in->first_s = first < 0 ? 0 : (uint32_t)first;
	in->span_s = (last > UINT32_MAX ? UINT32_MAX : (uint32_t)last) - in->first_s;
}

static void accept_group(struct intake *in)
{
	enum rc rc;

	if (in->n_group == 0)
		return;
	rc = in->options.accept(in->options.argument, in->group, in->n_group, (uint32_t)in->now_s, NULL);
	if (rc == RC_OK)
		in->n_group = 0;
	in->refused = rc != RC_OK;
}

static inline void add_to_group(struct intake *in, uint32_t id, uint32_t t_s, double value)
{
	if (in->n_group == in->group_capacity) {
		in->group_capacity = in->group_capacity == 0 ? GROUP_POINTS : in->group_capacity * 2;
		in->group = must_realloc(in->group, in->group_capacity * sizeof(*in->group));
	}
	in->group[in->n_group++] = (struct numbered){ id, t_s, value };
	if (in->n_group >= GROUP_POINTS && !in->refused)
		accept_group(in);
}

static bool told(const struct intake *in, uint32_t id)
{
	return registry_mark(in->options.registry, registry_source_of(in->options.registry, id)) == in->mark;
}

/* May points of this name be accepted as they are? Looks again where that may have changed. */
static bool ready(struct intake *in, struct known_name *e, const struct series *s)
{
	uint32_t id;

	if (e->id != REGISTRY_NONE) {
		if (e->mark != in->era && told(in, e->id))
			e->mark = in->era;
		return e->mark == in->era;
	}
	/* points of it are in a batch: what comes now stays behind them */
	if ((int32_t)(in->passage.done_number - e->mark) < 0)
		return false;
	id = registry_find(in->options.registry, s->host, s->plugin, s->ds);
	if (id == REGISTRY_NONE || !told(in, id))
		return false;
	e->id = id;
	e->mark = in->era;
	return true;
}

static void refuse_line(struct intake *in, enum reason reason, const char *detail, const struct series *s,
			struct text line)
{
	counter_add(COUNTER_CARBON_BAD_LINES, 1);
	passage_add_refused(&in->passage, reason, detail, s, line, in->now_s);
}

/* A name that is not in the table is put there; KNOWN_NONE when it is full. */
static uint32_t get_to_know(struct intake *in, struct text key)
{
	return known_add(&in->known, key, REGISTRY_NONE, in->passage.done_number);
}

static void take_point(struct intake *in, uint32_t handle, const struct line *l, const struct series *s,
		       struct text line)
{
	struct known_name *e = handle == KNOWN_NONE ? NULL : known_at(&in->known, handle);
	bool timely = l->t_s >= in->first_s && (uint64_t)l->t_s - in->first_s <= in->span_s;

	if (e == NULL) {
		uint32_t id = registry_find(in->options.registry, s->host, s->plugin, s->ds);

		if (timely && id != REGISTRY_NONE && told(in, id)) {
			add_to_group(in, id, (uint32_t)l->t_s, l->value);
			return;
		}
	} else if (ready(in, e, s)) {
		if (timely) {
			add_to_group(in, e->id, (uint32_t)l->t_s, l->value);
			return;
		}
	} else {
		e->id = REGISTRY_NONE;
		e->mark = in->passage.filling_number;
	}
	passage_add_point(&in->passage, s, l->t_s, l->value, line, in->now_s);
}

static inline uint32_t follow(struct intake *in, struct intake_place *place, uint32_t handle)
{
	if (place->last != KNOWN_NONE)
		known_at(&in->known, place->last)->next = handle;
	place->last = handle;
	return handle;
}

/* Any line, by the whole rules. */
static void take_any(struct intake *in, struct intake_place *place, struct text line)
{
	struct why why = { "" };
	struct series s;
	struct line l;
	enum reason reason = line_read(line, in->now_s, &l, &why);
	uint32_t handle;

	if (reason == REASON_NONE && l.key.n == 0)
		return;
	in->n_lines++;
	if (reason != REASON_NONE) {
		refuse_line(in, reason, why.text, NULL, line);
		return;
	}
	reason = line_split(l.key, &s, &why);
	if (reason != REASON_NONE) {
		refuse_line(in, reason, why.text, NULL, line);
		return;
	}
	handle = known_find(&in->known, l.key);
	if (l.unknown) {
		counter_add(COUNTER_POINTS_UNKNOWN, 1);
		if (handle != KNOWN_NONE)
			follow(in, place, handle);
		return;
	}
	if (handle == KNOWN_NONE)
		handle = get_to_know(in, l.key);
	if (handle != KNOWN_NONE)
		follow(in, place, handle);
	take_point(in, handle, &l, &s, line);
}

/* Where the name at p ends: at a blank, or a control character. */
static inline const char *name_end(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;

	for (;; p += 8) {
		uint64_t x, hits;

		memcpy(&x, p, 8);
		x = le64toh(x);
		hits = (x - ones * 0x21) & ~x & tops; /* a borrow only passes a hit: the lowest is true */
		if (hits != 0)
			return p + (size_t)__builtin_ctzll(hits) / 8;
	}
}

/* The common form of a known name's line; NULL, and nothing is taken: any other. */
static inline const char *take_known(struct intake *in, const struct known_name *e, const char *p)
{
	const char *number = p + e->n + 1, *time, *behind;
	double value;
	uint32_t t_s;

	time = line_plain_number(number, &value);
	if (time == NULL)
		return NULL;
	behind = line_plain_seconds(time, &t_s);
	if (behind == NULL || e->id == REGISTRY_NONE || e->mark != in->era || t_s - in->first_s > in->span_s)
		return NULL;
	add_to_group(in, e->id, t_s, value);
	in->n_lines++;
	return behind;
}

/* Was the name at `handle` the one that was to be expected? What is believed of this place follows. */
static inline void learn(struct intake *in, struct intake_place *place, uint32_t handle)
{
	bool expected = place->last != KNOWN_NONE && known_at(&in->known, place->last)->next == handle;

	if (!expected && place->wrong < WRONG_MOST)
		place->wrong++;
	else if (expected && place->wrong > 0)
		place->wrong--;
	follow(in, place, handle);
}

/* The line at p when it is the expected one; NULL: it is not, or it takes the long way. */
static inline const char *take_expected(struct intake *in, struct intake_place *place, const char *p)
{
	const struct known_name *e;
	uint32_t handle;

	if (place->last == KNOWN_NONE)
		return NULL;
	handle = known_at(&in->known, place->last)->next;
	if (handle == KNOWN_NONE)
		return NULL;
	e = known_at(&in->known, handle);
	if (!known_is_next(e, p))
		return NULL;
	place->last = handle;
	place->wrong -= place->wrong > 0;
	return take_known(in, e, p);
}

/* The line at p whose name ends at `end`: by the table, or by the long way. Returns what follows it. */
static const char *take_found(struct intake *in, struct intake_place *place, const char *p, const char *end,
			      uint32_t handle, const char *last)
{
	const char *behind = NULL, *feed;

	if (handle != KNOWN_NONE && *end == ' ') {
		learn(in, place, handle);
		behind = take_known(in, known_at(&in->known, handle), p);
	}
	if (behind != NULL)
		return behind;
	feed = memchr(p, '\n', (size_t)(last + 1 - p));
	take_any(in, place, (struct text){ p, (size_t)(feed - p) });
	return feed + 1;
}

/* The next few lines, none of them expected: their names are looked for all together. Returns what follows them. */
static const char *take_unexpected(struct intake *in, struct intake_place *place, const char *p, const char *last)
{
	struct {
		const char *line, *end;
		uint32_t tag;
	} ahead[AHEAD];
	size_t n = 0;

	for (const char *at = p; n < AHEAD && at <= last; n++) {
		ahead[n].line = at;
		ahead[n].end = name_end(at);
		ahead[n].tag = known_tag(&in->known, (struct text){ at, (size_t)(ahead[n].end - at) });
		at = (const char *)memchr(ahead[n].end, '\n', (size_t)(last + 1 - ahead[n].end)) + 1;
	}
	for (size_t i = 0; i < n; i++)
		known_approach(&in->known, ahead[i].tag);
	for (size_t i = 0; i < n; i++) {
		struct text key = { ahead[i].line, (size_t)(ahead[i].end - ahead[i].line) };
		uint32_t handle = known_find_tagged(&in->known, key, ahead[i].tag);

		p = take_found(in, place, ahead[i].line, ahead[i].end, handle, last);
	}
	return p;
}

size_t intake_take(struct intake *in, struct intake_place *place, const char *bytes, size_t n)
{
	const char *last, *p = bytes;

	if (bytes == NULL || n == 0)
		return 0;
	last = memrchr(bytes, '\n', n);
	if (last == NULL)
		return 0;
	while (p <= last) {
		const char *behind = NULL, *end;

		if (place->wrong > WRONG_LIMIT) {
			p = take_unexpected(in, place, p, last);
			continue;
		}
		behind = take_expected(in, place, p);
		if (behind == NULL) {
			end = name_end(p);
			behind = take_found(in, place, p, end,
					    known_find(&in->known, (struct text){ p, (size_t)(end - p) }), last);
		}
		p = behind;
	}
	counter_add(COUNTER_CARBON_LINES, in->n_lines);
	in->n_lines = 0;
	return (size_t)(p - bytes);
}

void intake_refuse(struct intake *in, struct text line, const char *what)
{
	counter_add(COUNTER_CARBON_LINES, 1);
	refuse_line(in, REASON_CARBON_LINE, what, NULL, line);
}

void intake_end(struct intake *in, struct mono now)
{
	accept_group(in);
	passage_turn(&in->passage, now);
}

bool intake_stalled(const struct intake *in)
{
	return in->refused || passage_full(&in->passage);
}

bool intake_due(const struct intake *in, struct mono now, int64_t *ms)
{
	int64_t due_ms = mono_ms_between(now, in->passage.due);

	if (!in->refused && !in->passage.failed)
		return false;
	*ms = in->refused ? RETRY_MS : due_ms > 0 ? due_ms : 0;
	return true;
}

bool intake_busy(const struct intake *in)
{
	return in->passage.with_ingest;
}

size_t intake_n_waiting(const struct intake *in)
{
	return in->n_group + passage_n_waiting(&in->passage);
}

size_t intake_bytes(const struct intake *in)
{
	return known_bytes(&in->known);
}

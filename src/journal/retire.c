/* Segments that nobody needs any more become spares or go; then the names of runs that have no segment left. */
#include "base/fileio.h"
#include "journal/journal_inside.h"

/* Below which number nothing is open, waiting or being written. */
static uint32_t limit(struct journal *j, uint32_t below)
{
	lock_must_hold(&j->lock);
	if (below > j->current)
		below = j->current;
	if (below > j->first_flying)
		below = j->first_flying;
	for (size_t i = 0; i < j->filling->n_parts; i++)
		if (below > j->filling->part[i].segment)
			below = j->filling->part[i].segment;
	return below;
}

/* The next from number `from` on that may go, marked as going; false: none. */
static bool pick(struct journal *j, uint32_t from, uint32_t below, struct journal_segment *out, bool *to_spare)
{
	bool picked = false;

	lock_take(&j->lock);
	below = limit(j, below);
	for (size_t i = 0; j->replayed && i < j->n_segments && !picked; i++) {
		struct journal_segment *s = &j->segment[i];

		if (s->number < from || s->number >= below || s->number == j->closing || s->going)
			continue;
		s->going = true;
		picked = true;
		*out = *s;
		*to_spare = !s->damaged && j->n_spares + j->n_spares_coming < JOURNAL_MAX_SPARES;
		if (*to_spare)
			j->n_spares_coming++;
	}
	lock_give_back(&j->lock);
	return picked;
}

static enum rc set_aside(struct journal *j, enum directory_kind kind, uint32_t number, struct why *why)
{
	char name[DIRECTORY_NAME_BYTES], aside[DIRECTORY_NAME_BYTES];
	enum rc rc;

	directory_name(name, kind, number, false);
	directory_name(aside, kind, number, true);
	rc = fileio_rename_at(j->dir_fd, name, aside, why);
	return rc == RC_ABSENT ? RC_OK : rc;
}

static enum rc remove_segment(struct journal *j, const struct journal_segment *s, bool *to_spare, struct why *why)
{
	char name[DIRECTORY_NAME_BYTES], spare[DIRECTORY_NAME_BYTES];

	if (s->damaged)
		return set_aside(j, DIRECTORY_SEGMENT, s->number, why);
	directory_name(name, DIRECTORY_SEGMENT, s->number, false);
	directory_name(spare, DIRECTORY_SPARE, s->number, false);
	if (*to_spare && fileio_rename_at(j->dir_fd, name, spare, why) == RC_OK)
		return RC_OK;
	*to_spare = false;
	return fileio_unlink_at(j->dir_fd, name, why);
}

/* Names of runs without a segment, taken out of the list; false: none. */
static bool pick_names(struct journal *j, struct journal_names *out)
{
	bool picked = false;

	lock_take(&j->lock);
	for (size_t i = 0; j->replayed && i < j->n_names && !picked; i++) {
		bool needed = j->names[i].run == j->run;

		for (size_t k = 0; k < j->n_segments && !needed; k++)
			needed = j->segment[k].run == j->names[i].run;
		if (needed)
			continue;
		picked = true;
		*out = j->names[i];
		j->n_names--;
		memmove(&j->names[i], &j->names[i + 1], (j->n_names - i) * sizeof(*j->names));
	}
	lock_give_back(&j->lock);
	return picked;
}

static enum rc remove_names(struct journal *j, struct why *why)
{
	char name[DIRECTORY_NAME_BYTES];
	struct journal_names names;
	enum rc rc = RC_OK;

	while (rc == RC_OK && pick_names(j, &names)) {
		/* their segments must be gone before them, whatever order the file system keeps */
		rc = fileio_sync_dir(j->dir_fd, why);
		directory_name(name, DIRECTORY_NAMES, names.number, false);
		if (rc == RC_OK)
			rc = names.damaged ? set_aside(j, DIRECTORY_NAMES, names.number, why)
					   : fileio_unlink_at(j->dir_fd, name, why);
		if (rc == RC_OK)
			continue;
		lock_take(&j->lock);
		journal_add_names(j, names.number, names.run)->damaged = names.damaged;
		lock_give_back(&j->lock);
	}
	return rc;
}

enum rc journal_retire(struct journal *j, uint32_t oldest_needed, struct why *why)
{
	struct journal_segment s = { 0 };
	enum rc rc = RC_OK, one;
	bool to_spare;

	while (pick(j, s.number + 1, oldest_needed, &s, &to_spare)) {
		bool reserved = to_spare;

		one = remove_segment(j, &s, &to_spare, why);
		lock_take(&j->lock);
		if (reserved)
			j->n_spares_coming--;
		if (to_spare)
			j->spare[j->n_spares++] = s.number;
		if (one == RC_OK)
			journal_drop_segment(j, s.number);
		else
			journal_find(j, s.number)->going = false;
		lock_give_back(&j->lock);
		if (one != RC_OK)
			rc = one;
	}
	return rc == RC_OK ? remove_names(j, why) : rc;
}

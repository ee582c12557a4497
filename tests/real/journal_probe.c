/*
 * Makes a journal in a folder as a daemon leaves it: journal_probe FOLDER N_SEGMENTS N_POINTS. Each segment gets two
 * groups, synced one after the other, of that many points of one series, accepted from 1700000000 on, one second a segment.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/lock.h"
#include "base/mem.h"
#include "journal/journal.h"

enum { ACCEPTED_S = 1700000000 };

static struct lock lock;
static struct signal moved;
static uint64_t synced;

static void note_commit(void *argument, uint64_t position, enum rc rc, const struct why *why)
{
	(void)argument;
	if (rc != RC_OK) {
		fprintf(stderr, "%s\n", why->text);
		exit(EXIT_FAILURE);
	}
	lock_take(&lock);
	synced = position;
	signal_all(&moved);
	lock_give_back(&lock);
}

static void wait_until_synced(uint64_t position)
{
	lock_take(&lock);
	while (synced < position)
		signal_wait(&moved, &lock);
	lock_give_back(&lock);
}

static int fail(const struct why *why)
{
	fprintf(stderr, "%s\n", why->text);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const struct series series = { TEXT("host"), TEXT("0c/host"), TEXT("plugin"), TEXT("ds") };
	struct journal_replayed replayed;
	struct numbered *point;
	struct journal *j;
	struct why why;
	long n_segments, n_points;

	if (argc != 4)
		return EXIT_FAILURE;
	lock_init(&lock);
	signal_init(&moved);
	n_segments = strtol(argv[2], NULL, 10);
	n_points = strtol(argv[3], NULL, 10);
	if (journal_open(&(struct journal_options){ .path = argv[1],
						    .commit_ms = 1,
						    .commit_bytes = 1 << 16,
						    .max_bytes = 1 << 30,
						    .committed = note_commit },
			 &j, &why) != RC_OK ||
	    journal_replay(j, &(struct journal_reader){ 0 }, &replayed, &why) != RC_OK)
		return fail(&why);
	journal_start(j);
	journal_name(j, 7, &series);
	point = must_alloc((size_t)n_points * sizeof(*point));
	for (long i = 0; i < n_points; i++)
		point[i] = (struct numbered){ 7, (uint32_t)(ACCEPTED_S + i), (double)i };
	for (long i = 0; i < 2 * n_segments; i++) {
		uint32_t segment, accepted_s = (uint32_t)(ACCEPTED_S + i / 2);
		uint64_t position;

		if (i > 0 && i % 2 == 0)
			(void)journal_roll(j);
		if (journal_append(j, point, (size_t)n_points, accepted_s, &position, &segment, &why) != RC_OK)
			return fail(&why);
		wait_until_synced(position);
	}
	free(point);
	journal_close(j);
	return EXIT_SUCCESS;
}

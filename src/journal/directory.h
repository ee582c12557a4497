/* The names of a journal's files: which are ours, which number they have. */
#ifndef JOURNAL_DIRECTORY_H
#define JOURNAL_DIRECTORY_H

#include <stdbool.h>

#include "base/rc.h"
#include "journal/format.h"

enum directory_kind { DIRECTORY_SEGMENT, DIRECTORY_NAMES, DIRECTORY_SPARE, DIRECTORY_N_KINDS };
enum { DIRECTORY_NAME_BYTES = 32 };

struct directory_file {
	enum directory_kind kind;
	uint32_t number;
	bool aside; /* "….damaged" */
	uint64_t n_bytes;
};

void directory_name(char out[DIRECTORY_NAME_BYTES], enum directory_kind kind, uint32_t number, bool aside);
/*
 * Files of ours, spares and those set aside included, by kind and number. Whatever else lies there is left out, but what
 * has the name of ours without being a plain file counts in highest[kind], so that its name is not wanted again.
 * Errors   RC_DISK · RC_ABSENT no such folder
 * Owner    *file: heap.
 */
CHECKED enum rc directory_list(int dir_fd, struct directory_file **file, size_t *n, uint32_t highest[DIRECTORY_N_KINDS],
			       struct why *why);

#endif

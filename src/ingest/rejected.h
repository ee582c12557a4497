/*
 * What could not be used, kept aside: one JSON line each in <path>/YYYY-MM-DD.jsonl (UTC), bounded in all by the oldest
 * day going. Driven by the store thread alone. Source: docs/spec/system.md "Kept aside".
 */
#ifndef INGEST_REJECTED_H
#define INGEST_REJECTED_H

#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"

struct rejected {
	char *path;
	int dir_fd, fd; /* fd: today's file, -1 when none is open */
	char day[16];   /* of fd, "2026-11-22" */
	uint64_t max_bytes, total_bytes;
};

/* Makes the folder. Errors: RC_DISK. */
CHECKED enum rc rejected_open(const char *path, uint64_t max_bytes, struct rejected *out, struct why *why);
void rejected_close(struct rejected *r);

/* Append whole lines and sync them. Errors: RC_DISK, then nothing of them counts as kept. */
CHECKED enum rc rejected_append(struct rejected *r, struct text lines, int64_t now_s, struct why *why);

#endif

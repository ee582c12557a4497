/*
 * A backup's folder: wsps/ with the files as they lie below wsp_path, metadata.jsonl with a line for each field,
 * manifest.json with what there should be. While .partial is there it is not whole.
 * Source   docs/recovery.md "What a backup is"
 */
#ifndef CTL_BACKUP_H
#define CTL_BACKUP_H

#include <stdint.h>

#include "ctl/metadata.h"

#define BACKUP_MARKER ".partial"
#define BACKUP_WSPS "wsps"
#define BACKUP_REMOVED "removed"
#define BACKUP_METADATA "metadata.jsonl"
#define BACKUP_MANIFEST "manifest.json"
enum { BACKUP_FORMAT = 1 };

struct backup_manifest {
	int64_t time_s; /* every point accepted before is in it */
	uint64_t n_files, n_bytes, n_metadata;
	char *wsp_path, *storage_name; /* heap */
};

CHECKED enum rc backup_write_manifest(int dir_fd, const struct backup_manifest *m, struct why *why);
/* Errors: RC_ABSENT no backup here · RC_REFUSED unfinished, or of another format · RC_DAMAGED. Owner: backup_manifest_fini(). */
CHECKED enum rc backup_read_manifest(int dir_fd, struct backup_manifest *out, struct why *why);
void backup_manifest_fini(struct backup_manifest *m);

/* metadata.jsonl anew: *n lines. Errors: RC_PEER it cannot be asked · RC_DISK */
CHECKED enum rc backup_save_metadata(struct asker *asker, int dir_fd, uint64_t *n, struct why *why);

/* A line of metadata.jsonl. field: TEXT_NONE for a string. */
void backup_add_line(struct buf *out, struct text key, struct text field, struct text value);
typedef enum rc backup_line_fn(void *argument, struct text key, struct text field, struct text value, struct why *why);
/* Errors: RC_DAMAGED a line that is none: why says which · RC_ABSENT, RC_DISK · those of fn */
CHECKED enum rc backup_each_line(int dir_fd, backup_line_fn *fn, void *argument, struct why *why);

/* How many files there are below wsps/, and how long they are together. */
CHECKED enum rc backup_count_files(int dir_fd, uint64_t *n, uint64_t *n_bytes, struct why *why);

#endif

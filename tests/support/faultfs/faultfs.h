/*
 * A disk that fails when it is told to, for a whole daemon: LD_PRELOAD=libfaultfs.so. tests/support/faultfs.py is the other side.
 *
 * FAULTFS_CONTROL=FILE is mapped shared: the test writes rules into it while the daemon runs, and reads counts from it.
 * A rule says: of the calls of these kinds on paths that begin with this prefix, the nth (or all from the nth on) has this
 * outcome. Calls are counted from the moment the rule is armed. At most one rule fires for a call, the first.
 *
 * FAULTFS_UNDO=FOLDER and FAULTFS_UNDO_PREFIX=PATH[:PATH…]: what the daemon does to files below these prefixes is logged in
 * FOLDER/log with the bytes that stood there before, and so is every sync that succeeded. After a kill the test can put
 * back what was not synced, as a power cut would (all of it, or some). FOLDER is on the same file system as the prefixes and
 * outside of them: files that are unlinked or renamed over are kept there as hard links. Writes through mmap are not seen.
 *
 * Layouts are those of this machine's C compiler without holes; both sides run on one machine.
 */
#ifndef FAULTFS_H
#define FAULTFS_H

#include <stdatomic.h>
#include <stdint.h>

enum faultfs_op {
	FAULTFS_WRITE = 1,  /* write, writev */
	FAULTFS_PWRITE = 2, /* pwrite, pwritev */
	FAULTFS_FSYNC = 4,
	FAULTFS_FDATASYNC = 8,
	FAULTFS_SYNCFS = 16, /* on the descriptor's path */
	FAULTFS_CREATE = 32, /* open with O_CREAT or O_TMPFILE */
	FAULTFS_FALLOCATE = 64,
	FAULTFS_LINK = 128,     /* on the new path */
	FAULTFS_RENAME = 256,   /* on the new path */
	FAULTFS_TRUNCATE = 512, /* ftruncate */
	FAULTFS_UNLINK = 1024,
	FAULTFS_OPEN = 2048, /* any other open */
	FAULTFS_MKDIR = 4096,
};

enum faultfs_outcome {
	FAULTFS_FAIL = 1,   /* nothing is done, errno is error_number */
	FAULTFS_SHORT,      /* a write writes the first half; other calls go on as usual */
	FAULTFS_DIE,        /* kill -9 instead of the call */
	FAULTFS_DIE_AFTER,  /* the call, then kill -9 */
	FAULTFS_DIE_MIDWAY, /* half of a write, then kill -9; as FAULTFS_DIE for others */
};

struct faultfs_rule {
	_Atomic uint32_t armed; /* set last */
	uint32_t ops, outcome;
	int32_t error_number;
	uint64_t nth; /* from 1 */
	uint32_t all_from_nth;
	uint32_t unused;
	_Atomic uint64_t n_calls; /* matching, since it was armed */
	_Atomic uint64_t n_fired;
	char prefix[464];
};

enum { FAULTFS_RULES = 8 };

struct faultfs_control {
	struct faultfs_rule rule[FAULTFS_RULES];
};

_Static_assert(sizeof(struct faultfs_rule) == 512, "as faultfs.py packs it");

enum faultfs_record_kind {
	FAULTFS_R_WRITE = 1, /* ino, offset, size_before; old bytes (shorter at the end of the file), new bytes */
	FAULTFS_R_SIZE,      /* ino, offset: size after, size_before; old: what was cut off */
	FAULTFS_R_NAME,      /* path now names ino (made or linked); parent */
	FAULTFS_R_RENAME,    /* path is now other_path; kept: what other_path was */
	FAULTFS_R_UNLINK,    /* path is gone; kept */
	FAULTFS_R_MKDIR,     /* path */
	FAULTFS_R_SYNC,      /* what was done to ino up to up_to is on disk */
	FAULTFS_R_SYNC_ALL,  /* everything up to up_to */
};

struct faultfs_record {
	uint32_t kind, kept; /* kept: number of the hard link in FOLDER, 0: none */
	uint64_t seq, ino, offset, size_before, up_to, parent_ino;
	uint32_t n_path, n_other_path, n_old, n_new; /* follow in this order */
};

_Static_assert(sizeof(struct faultfs_record) == 72, "as faultfs.py packs it");

#endif

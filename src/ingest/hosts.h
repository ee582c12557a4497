/*
 * Which folder a host has, and what the metadata store must be told of it. Driven by the store thread alone.
 * Source: docs/spec/system.md "Payload: Names, Folders", "Redis layout"; wire.md C4.
 */
#ifndef INGEST_HOSTS_H
#define INGEST_HOSTS_H

#include "base/arena.h"
#include "base/map.h"
#include "meta/meta.h"
#include "model/name.h"

struct host {
	char *name;
	char folder[FOLDER_MAX_BYTES];
	char hash[MD5_HEX_BYTES + 1]; /* HOST_ID: the first digits of the md5 */
	uint64_t generation;          /* of the metadata store when it was last known to hold us; 0: never */
	bool named;                   /* HOSTS holds this host in that generation */
	size_t n_folder;              /* bytes of folder; 0: not known yet */
	uint64_t round;               /* the caller's: the last round that wanted this host, */
	size_t want;                  /* and where */
};

struct hosts {
	struct meta *meta;
	const char *root; /* wsp_path */
	unsigned md5_digits;
	struct map by_name;   /* name → struct host, owned */
	struct map by_folder; /* folder → struct host, borrowed from by_name */
	bool loaded;
	unsigned n_moves; /* how often a known host got another folder */
	struct buf answers;
};

void hosts_init(struct hosts *h, struct meta *meta, const char *root, unsigned md5_digits);
void hosts_fini(struct hosts *h);

/* The entry of a valid name, made when there is none. Lives until hosts_fini(). */
struct host *hosts_entry(struct hosts *h, struct text name);

/* Whether this host has a folder already. Its infos then heal HOST_ID and WSP_PATH, too; alone they make no host. */
bool hosts_knows(const struct hosts *h, struct text name);

/* The metadata store may not hold this host any more; all: nor has it its folder. */
void hosts_forget(struct hosts *h, struct text name, bool all);
/* This host has this folder from now on. */
void hosts_give_folder(struct hosts *h, struct text name, struct text folder);

/* What a caller wants of one host in this round. */
struct host_want {
	struct text name;   /* a valid name */
	struct host *entry; /* of hosts_entry() */
	bool data;          /* it sent data: a MyInfo is made up when there is none */
	bool myinfo;        /* it sent its MyInfo: WSP_PATH is written again */
	bool used;          /* the caller's: something of it is kept, so that the metadata store must know it */
	struct host *host;  /* answer, NULL when the metadata store is away and the host is not known */
	bool settled;       /* answer: nothing more to write before its messages may be acknowledged */
	bool answered;      /* answer: the metadata store was asked and said what it has */
	/* what was read of it, for hosts_settle() */
	bool write_hash, write_path, write_name;
};

/*
 * Give every wanted host its folder, reading what is not known yet of this generation. Each name stands once in want.
 * Errors   RC_PEER, RC_DISK: hosts known from before still have their folder in the answer, but are not settled
 * Owner    host pointers live until hosts_fini().
 */
CHECKED enum rc hosts_resolve(struct hosts *h, struct host_want *want, size_t n, struct why *why);

/*
 * The writes that make the metadata store know a wanted host, at most 3, put at out; texts are in arena a.
 * After they were accepted, or when there are none, call hosts_settled() for every one that was answered, with the
 * generation read before.
 */
size_t hosts_writes(struct hosts *h, const struct host_want *want, struct arena *a, struct meta_write *out);
void hosts_settled(struct host_want *want, uint64_t generation);

#endif

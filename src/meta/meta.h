/*
 * What is known of hosts and plugins, behind one contract: Redis (meta_redis), SQLite (meta_sqlite), memory
 * (meta_memory). All hold the documented layout: hashes HOSTS, HOST_ID, WSP_PATH, INFOS@<hostID>, DELETED_HOSTS,
 * DELETED_PLUGINS and the strings OLD_WSP, LAST_WSP_CLEAN. No caching here: what another client writes is seen at once;
 * who keeps answers for a while asks meta_changes() whether this process has written meanwhile.
 * Source: docs/spec/system.md "Redis layout".
 *
 * Threads  every call from any thread; a backend keeps connections of its own for as many as call at once.
 * Counts   how long apply, read and each took (base/histogram.h), what each is called back for included.
 * Errors   RC_PEER  the server is away (connect, time-out, connection lost, LOADING, READONLY, out of memory);
 *          RC_DISK  the database file cannot be read or written. Both: try again later, nothing is half known.
 */
#ifndef META_META_H
#define META_META_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/text.h"

enum meta_hash { META_HOSTS, META_HOST_ID, META_WSP_PATH, META_INFOS, META_DELETED_HOSTS, META_DELETED_PLUGINS };
enum meta_string { META_OLD_WSP, META_LAST_WSP_CLEAN };

/* One field of one hash. `host` names the hash INFOS@<host> and is not looked at for the others. Fields and values may
 * hold any byte. */
struct meta_key {
	enum meta_hash hash;
	struct text host, field;
};

enum meta_verb { META_SET, META_SET_IF_ABSENT, META_DELETE };

struct meta_write {
	enum meta_verb verb;
	struct meta_key key;
	struct text value;
};

struct meta_read {
	struct meta_key key;
	/* answer, on RC_OK of the call */
	bool found;
	struct text value; /* points into the `answers` buffer of the call */
};

struct meta;

/*
 * For meta_each(): borrowed texts; return RC_OK to go on, RC_END to stop (the call then answers RC_OK), or an error, which
 * the call hands on without touching why. It runs without any lock and may call the store again.
 */
typedef enum rc meta_each_fn(void *argument, struct text field, struct text value);

struct meta_ops {
	enum rc (*apply)(struct meta *m, const struct meta_write *write, size_t n, struct why *why);
	enum rc (*read)(struct meta *m, struct meta_read *read, size_t n, struct buf *answers, struct why *why);
	enum rc (*each)(struct meta *m, enum meta_hash hash, struct text host, meta_each_fn *fn, void *argument,
			struct why *why);
	enum rc (*set_string)(struct meta *m, enum meta_string key, struct text value, struct why *why);
	enum rc (*get_string)(struct meta *m, enum meta_string key, struct buf *out, struct why *why);
	uint64_t (*generation)(struct meta *m);
	void (*close)(struct meta *m);
};

enum { META_CHANGES = 64 };

/* Every backend's struct begins with this. */
struct meta {
	const struct meta_ops *ops;
	atomic_uint changes[META_CHANGES]; /* meta_changes() */
};

/* The key's name in Redis, e.g. "INFOS@myhost". Appended to out. */
void meta_hash_name(enum meta_hash hash, struct text host, struct buf *out);
const char *meta_string_name(enum meta_string key);

/*
 * All writes, in order, in one go (pipelined, one transaction): RC_OK only when every one was accepted. Repeating a
 * call is harmless, and after RC_PEER needed: the writes may have been done and only the answer lost.
 */
CHECKED enum rc meta_apply(struct meta *m, const struct meta_write *write, size_t n, struct why *why);

/*
 * Grows when a meta_apply() that writes into this hash (other INFOS@ hashes may share a number) has ended. Taken before a
 * read, and still the same, it says that what was read holds every write of this process that has been answered since.
 * Cheap: one load.
 */
unsigned meta_changes(const struct meta *m, enum meta_hash hash, struct text host);

/* The same for any hash at all. */
unsigned meta_changes_any(const struct meta *m);

/*
 * Many fields in one go. answers (the caller's, with a ceiling: RC_FULL past it) holds the values and must outlive
 * their use; it is appended to. On failure it is as long as before.
 */
CHECKED enum rc meta_read(struct meta *m, struct meta_read *read, size_t n, struct buf *answers, struct why *why);

/* Every field of one hash, order arbitrary; none when the hash is not there. */
CHECKED enum rc meta_each(struct meta *m, enum meta_hash hash, struct text host, meta_each_fn *fn, void *argument,
			  struct why *why);

CHECKED static inline enum rc meta_set_string(struct meta *m, enum meta_string key, struct text value, struct why *why)
{
	return m->ops->set_string(m, key, value, why);
}

/* Appends to out. Errors also RC_ABSENT; RC_FULL past out's ceiling. */
CHECKED static inline enum rc meta_get_string(struct meta *m, enum meta_string key, struct buf *out, struct why *why)
{
	return m->ops->get_string(m, key, out, why);
}

/*
 * Grows each time a connection was lost: what a caller believes to be written may be gone then. So: take the generation,
 * then write, and remember the two together; what was remembered under another generation counts as never written.
 * Cheap (at most one system call), and it looks: a server that stopped while nothing was asked of it is noticed here.
 */
static inline uint64_t meta_generation(struct meta *m)
{
	return m->ops->generation(m);
}

static inline void meta_close(struct meta *m)
{
	if (m != NULL)
		m->ops->close(m);
}

/* ---- backends: opening never waits for a server; *out is ended by meta_close() ---- */

struct meta *meta_memory_open(void);

struct meta_redis_options {
	const char *host; /* name or address; a leading `/`: a Unix socket */
	int port;
	int timeout_s;        /* for connecting, and for each silence of the server while an answer is due */
	const char *password; /* NULL or empty: none */
	int db;
	/* from when it is true, half a second's silence is the longest; borrowed until meta_close(); NULL: never */
	const atomic_bool *leaving;
};
/* Options are copied. */
struct meta *meta_redis_open(const struct meta_redis_options *options);

/*
 * Open or make the database at path (WAL, synchronous=NORMAL survives kill -9) and lock it (PATH.lock).
 * Errors   RC_REFUSED another daemon holds it: why names its pid · RC_DISK · RC_DAMAGED not our database
 */
CHECKED enum rc meta_sqlite_open(const char *path, struct meta **out, struct why *why);

#endif

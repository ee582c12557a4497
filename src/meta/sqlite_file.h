/*
 * One connection to our SQLite database: opened and checked, with its statements prepared once, and SQLite's result codes
 * as ours. Which connection does what, and when, is meta_sqlite's.
 *
 * Threads  one at a time per connection.
 */
#ifndef META_SQLITE_FILE_H
#define META_SQLITE_FILE_H

#include <sqlite3.h>

#include "base/rc.h"
#include "base/text.h"

/* In the file's header: "nums". */
enum { FILE_APPLICATION_ID = 0x6e756d73, FILE_VERSION = 1 };

enum file_statement {
	FILE_BEGIN_READ,
	FILE_BEGIN_WRITE,
	FILE_COMMIT,
	FILE_SET,           /* key, field, value */
	FILE_SET_IF_ABSENT, /* key, field, value */
	FILE_DELETE,        /* key, field */
	FILE_GET,           /* key, field → value */
	FILE_ALL,           /* key → field, value */
	FILE_SET_STRING,    /* key, value */
	FILE_GET_STRING,    /* key → value */
	FILE_N_STATEMENTS
};

struct file;

/*
 * Open the database at path and make it if there is none: to write, or only to read.
 * Errors   RC_DISK · RC_DAMAGED not a database, another program's, or of a newer version; nothing was changed in it
 */
CHECKED enum rc file_open(const char *path, bool writing, struct file **out, struct why *why);
void file_close(struct file *f);

/* A statement, ready for its values: the caller binds, steps, and ends with file_done(). */
CHECKED enum rc file_prepare(struct file *f, enum file_statement which, sqlite3_stmt **out, struct why *why);
/* Text where the bytes are UTF-8 without NUL (so that people can read it), else a blob: any byte comes back as it was. */
void file_bind(sqlite3_stmt *statement, int at, struct text t);
/* Borrowed until the next step or file_done(). */
struct text file_column(sqlite3_stmt *statement, int at);
/* RC_OK a row · RC_END no more · RC_DISK · RC_DAMAGED */
CHECKED enum rc file_step(struct file *f, sqlite3_stmt *statement, struct why *why);
void file_done(sqlite3_stmt *statement);

/* A statement without values and rows. */
CHECKED enum rc file_run(struct file *f, enum file_statement which, struct why *why);
/* End a transaction without its effects, if there is still one. */
void file_roll_back(struct file *f);

#endif

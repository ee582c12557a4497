#include "meta/sqlite_file.h"

#include <stdlib.h>

#include "base/mem.h"

/* Another program, an administrator's shell, may hold the write lock for a moment. */
enum { BUSY_TIMEOUT_MS = 5000 };

static const char *const sql[FILE_N_STATEMENTS] = {
	[FILE_BEGIN_READ] = "BEGIN",
	[FILE_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[FILE_COMMIT] = "COMMIT",
	/* An info comes every five minutes and is nearly always the same: then no page is written. */
	[FILE_SET] = "INSERT INTO hash(key, field, value) VALUES(?1, ?2, ?3) ON CONFLICT(key, field)"
		     " DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value",
	[FILE_SET_IF_ABSENT] =
		"INSERT INTO hash(key, field, value) VALUES(?1, ?2, ?3) ON CONFLICT(key, field) DO NOTHING",
	[FILE_DELETE] = "DELETE FROM hash WHERE key = ?1 AND field = ?2",
	[FILE_GET] = "SELECT value FROM hash WHERE key = ?1 AND field = ?2",
	[FILE_ALL] = "SELECT field, value FROM hash WHERE key = ?1",
	[FILE_SET_STRING] = "INSERT INTO string(key, value) VALUES(?1, ?2) ON CONFLICT(key)"
			    " DO UPDATE SET value = excluded.value",
	[FILE_GET_STRING] = "SELECT value FROM string WHERE key = ?1",
};

/* A checkpoint writes the log back after 1000 pages (SQLite's default); a log grown larger is cut to 16 MiB after it. */
static const char set_up[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
			     "PRAGMA journal_size_limit = 16777216";

/* Columns without a type keep what is put in: no text becomes a number. */
static const char schema[] = "CREATE TABLE hash(key NOT NULL, field NOT NULL, value NOT NULL, PRIMARY KEY(key, field))"
			     " WITHOUT ROWID;"
			     "CREATE TABLE string(key NOT NULL PRIMARY KEY, value NOT NULL) WITHOUT ROWID;";

struct file {
	sqlite3 *database;
	char *path;
	sqlite3_stmt *statement[FILE_N_STATEMENTS]; /* NULL until first asked for */
};

static enum rc failed(struct file *f, const char *what, struct why *why)
{
	int code = sqlite3_extended_errcode(f->database), kernel = sqlite3_system_errno(f->database);
	enum rc rc = RC_DISK;

	must((code & 0xff) != SQLITE_NOMEM);
	if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB)
		rc = RC_DAMAGED;
	if ((code & 0xff) == SQLITE_IOERR && kernel != 0)
		return because(why, rc, "sqlite %s: %s: %s (%s, code %d)", f->path, what, sqlite3_errmsg(f->database),
			       strerror(kernel), code);
	return because(why, rc, "sqlite %s: %s: %s (code %d)", f->path, what, sqlite3_errmsg(f->database), code);
}

static enum rc execute(struct file *f, const char *text, const char *what, struct why *why)
{
	return sqlite3_exec(f->database, text, NULL, NULL, NULL) == SQLITE_OK ? RC_OK : failed(f, what, why);
}

static enum rc ask_number(struct file *f, const char *question, int64_t *out, struct why *why)
{
	sqlite3_stmt *statement = NULL;
	enum rc rc = RC_OK;

	if (sqlite3_prepare_v2(f->database, question, -1, &statement, NULL) == SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	else
		rc = failed(f, "open", why);
	sqlite3_finalize(statement);
	return rc;
}

/* Ours, or *empty, or not to be touched. */
static enum rc identify(struct file *f, bool *empty, struct why *why)
{
	int64_t id = 0, version = 0, n_tables = 0;
	enum rc rc = ask_number(f, "PRAGMA application_id", &id, why);

	if (rc == RC_OK)
		rc = ask_number(f, "PRAGMA user_version", &version, why);
	if (rc == RC_OK)
		rc = ask_number(f, "SELECT count(*) FROM sqlite_schema", &n_tables, why);
	if (rc != RC_OK)
		return rc;
	*empty = id == 0 && version == 0 && n_tables == 0;
	if (!*empty && id != FILE_APPLICATION_ID)
		return because(why, RC_DAMAGED, "sqlite %s: the database of another program", f->path);
	if (!*empty && version != FILE_VERSION)
		return because(why, RC_DAMAGED, "sqlite %s: version %lld, while this program knows version %d", f->path,
			       (long long)version, FILE_VERSION);
	return RC_OK;
}

/* One transaction, so that a file is either empty or ours. */
static enum rc make_tables(struct file *f, struct why *why)
{
	char *text = must_format("BEGIN IMMEDIATE; %s PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
				 schema, FILE_APPLICATION_ID, FILE_VERSION);
	enum rc rc = execute(f, text, "make tables", why);

	if (rc != RC_OK)
		file_roll_back(f);
	free(text);
	return rc;
}

enum rc file_open(const char *path, bool writing, struct file **out, struct why *why)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writing ? SQLITE_OPEN_CREATE : 0);
	struct file *f = must_alloc(sizeof(*f));
	bool empty = false;
	enum rc rc;

	/* A name such as ":memory:" would not be a file to SQLite. */
	f->path = must_format(path[0] == '/' ? "%s" : "./%s", path);
	if (sqlite3_open_v2(f->path, &f->database, flags, NULL) != SQLITE_OK) {
		must(f->database != NULL);
		rc = failed(f, "open", why);
		goto out;
	}
	sqlite3_extended_result_codes(f->database, 1);
	sqlite3_busy_timeout(f->database, BUSY_TIMEOUT_MS);
	rc = identify(f, &empty, why);
	if (rc == RC_OK)
		rc = execute(f, set_up, "set up", why);
	if (rc == RC_OK && writing && empty)
		rc = make_tables(f, why);
	if (rc == RC_OK && !writing)
		rc = execute(f, "PRAGMA query_only = 1", "set up", why);
	if (rc == RC_OK) {
		*out = f;
		f = NULL;
	}
out:
	file_close(f);
	return rc;
}

void file_close(struct file *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < FILE_N_STATEMENTS; i++)
		sqlite3_finalize(f->statement[i]);
	must(sqlite3_close(f->database) == SQLITE_OK);
	free(f->path);
	free(f);
}

enum rc file_prepare(struct file *f, enum file_statement which, sqlite3_stmt **out, struct why *why)
{
	if (f->statement[which] == NULL && sqlite3_prepare_v3(f->database, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
							      &f->statement[which], NULL) != SQLITE_OK)
		return failed(f, "prepare", why);
	*out = f->statement[which];
	return RC_OK;
}

void file_bind(sqlite3_stmt *statement, int at, struct text t)
{
	const char *bytes = t.s == NULL ? "" : t.s; /* a null pointer would be NULL, not empty */
	int code;

	if (memchr(bytes, '\0', t.n) == NULL && text_is_utf8(t))
		code = sqlite3_bind_text64(statement, at, bytes, t.n, SQLITE_STATIC, SQLITE_UTF8);
	else
		code = sqlite3_bind_blob64(statement, at, bytes, t.n, SQLITE_STATIC);
	/* Too large for SQLite (a billion bytes): left NULL, which the table refuses at the step. */
	must(code == SQLITE_OK || code == SQLITE_TOOBIG);
}

struct text file_column(sqlite3_stmt *statement, int at)
{
	const char *bytes = sqlite3_column_blob(statement, at);

	return (struct text){ bytes == NULL ? "" : bytes, (size_t)sqlite3_column_bytes(statement, at) };
}

enum rc file_step(struct file *f, sqlite3_stmt *statement, struct why *why)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return RC_OK;
	case SQLITE_DONE:
		return RC_END;
	default:
		return failed(f, sqlite3_stmt_readonly(statement) ? "read" : "write", why);
	}
}

void file_done(sqlite3_stmt *statement)
{
	/* The code repeats what the last step said. */
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
}

enum rc file_run(struct file *f, enum file_statement which, struct why *why)
{
	sqlite3_stmt *statement = NULL;
	enum rc rc = file_prepare(f, which, &statement, why);

	if (rc != RC_OK)
		return rc;
	rc = file_step(f, statement, why);
	file_done(statement);
	return rc == RC_END ? RC_OK : rc;
}

void file_roll_back(struct file *f)
{
	if (!sqlite3_get_autocommit(f->database))
		(void)sqlite3_exec(f->database, "ROLLBACK", NULL, NULL, NULL);
}

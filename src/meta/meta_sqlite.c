/*
 * The contract on a file of our own: one connection that writes, taken in turn, and as many that read as there are
 * callers at once. SQLite's log (WAL) lets them not wait for each other.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/lock.h"
#include "base/mem.h"
#include "meta/backend.h"
#include "meta/sqlite_file.h"

enum { IDLE_MAX = 16 }; /* reading connections kept for the next call */

struct meta_sqlite {
	struct meta meta;
	/* fixed after open */
	char *path;
	int lock_fd;
	struct lock lock;
	struct signal writer_free;
	/* under lock */
	struct file *writer; /* NULL while somebody has it */
	struct file *idle[IDLE_MAX];
	size_t n_idle;
};

static struct file *take_writer(struct meta_sqlite *m)
{
	struct file *f;

	lock_take(&m->lock);
	while (m->writer == NULL)
		signal_wait(&m->writer_free, &m->lock);
	f = m->writer;
	m->writer = NULL;
	lock_give_back(&m->lock);
	return f;
}

static void give_back_writer(struct meta_sqlite *m, struct file *f)
{
	lock_take(&m->lock);
	m->writer = f;
	signal_all(&m->writer_free);
	lock_give_back(&m->lock);
}

static enum rc take_reader(struct meta_sqlite *m, struct file **out, struct why *why)
{
	struct file *f = NULL;

	lock_take(&m->lock);
	if (m->n_idle > 0)
		f = m->idle[--m->n_idle];
	lock_give_back(&m->lock);
	if (f == NULL)
		return file_open(m->path, false, out, why);
	*out = f;
	return RC_OK;
}

static void give_back_reader(struct meta_sqlite *m, struct file *f)
{
	lock_take(&m->lock);
	if (m->n_idle < IDLE_MAX) {
		m->idle[m->n_idle++] = f;
		f = NULL;
	}
	lock_give_back(&m->lock);
	file_close(f);
}

static enum rc write_one(struct file *f, const struct meta_write *w, struct buf *name, struct why *why)
{
	static const enum file_statement statement_of[] = {
		[META_SET] = FILE_SET,
		[META_SET_IF_ABSENT] = FILE_SET_IF_ABSENT,
		[META_DELETE] = FILE_DELETE,
	};
	sqlite3_stmt *statement;
	enum rc rc = file_prepare(f, statement_of[w->verb], &statement, why);

	if (rc != RC_OK)
		return rc;
	buf_clear(name);
	meta_hash_name(w->key.hash, w->key.host, name);
	file_bind(statement, 1, buf_text(name));
	file_bind(statement, 2, w->key.field);
	if (w->verb != META_DELETE)
		file_bind(statement, 3, w->value);
	rc = file_step(f, statement, why);
	file_done(statement);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc apply(struct meta *meta, const struct meta_write *write, size_t n, struct why *why)
{
	struct meta_sqlite *m = (struct meta_sqlite *)meta;
	struct file *f = take_writer(m);
	struct buf name;
	enum rc rc;

	backend_name_init(&name);
	rc = file_run(f, FILE_BEGIN_WRITE, why);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = write_one(f, &write[i], &name, why);
	if (rc == RC_OK)
		rc = file_run(f, FILE_COMMIT, why);
	if (rc != RC_OK)
		file_roll_back(f);
	give_back_writer(m, f);
	buf_fini(&name);
	return rc;
}

static enum rc read_one(struct file *f, struct meta_read *read, struct buf *name, struct buf *answers, struct why *why)
{
	sqlite3_stmt *statement;
	enum rc rc = file_prepare(f, FILE_GET, &statement, why);

	if (rc != RC_OK)
		return rc;
	buf_clear(name);
	meta_hash_name(read->key.hash, read->key.host, name);
	file_bind(statement, 1, buf_text(name));
	file_bind(statement, 2, read->key.field);
	read->found = false;
	rc = file_step(f, statement, why);
	if (rc == RC_OK)
		rc = backend_answer(read, file_column(statement, 0), answers, why);
	file_done(statement);
	return rc == RC_END ? RC_OK : rc;
}

/* In one transaction: one view, and one round of file locks. */
static enum rc read_fields(struct meta *meta, struct meta_read *read, size_t n, struct buf *answers, struct why *why)
{
	struct meta_sqlite *m = (struct meta_sqlite *)meta;
	size_t before = answers->n;
	struct file *f;
	struct buf name;
	enum rc rc;

	rc = take_reader(m, &f, why);
	if (rc != RC_OK)
		return rc;
	backend_name_init(&name);
	rc = file_run(f, FILE_BEGIN_READ, why);
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		rc = read_one(f, &read[i], &name, answers, why);
	if (rc == RC_OK)
		rc = file_run(f, FILE_COMMIT, why);
	if (rc == RC_OK) {
		backend_settle(read, n, answers, before);
	} else {
		file_roll_back(f);
		answers->n = before;
	}
	give_back_reader(m, f);
	buf_fini(&name);
	return rc;
}

static enum rc each(struct meta *meta, enum meta_hash hash, struct text host, meta_each_fn *fn, void *argument,
		    struct why *why)
{
	struct meta_sqlite *m = (struct meta_sqlite *)meta;
	sqlite3_stmt *statement;
	struct file *f;
	struct buf name;
	enum rc rc;

	rc = take_reader(m, &f, why);
	if (rc != RC_OK)
		return rc;
	backend_name_init(&name);
	rc = file_prepare(f, FILE_ALL, &statement, why);
	if (rc != RC_OK)
		goto out;
	meta_hash_name(hash, host, &name);
	file_bind(statement, 1, buf_text(&name));
	do {
		rc = file_step(f, statement, why);
		if (rc == RC_OK)
			rc = fn(argument, file_column(statement, 0), file_column(statement, 1));
	} while (rc == RC_OK);
	file_done(statement);
out:
	give_back_reader(m, f);
	buf_fini(&name);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc set_string(struct meta *meta, enum meta_string key, struct text value, struct why *why)
{
	struct meta_sqlite *m = (struct meta_sqlite *)meta;
	struct file *f = take_writer(m);
	sqlite3_stmt *statement;
	enum rc rc = file_prepare(f, FILE_SET_STRING, &statement, why);

	if (rc == RC_OK) {
		file_bind(statement, 1, text_of(meta_string_name(key)));
		file_bind(statement, 2, value);
		rc = file_step(f, statement, why);
		file_done(statement);
	}
	give_back_writer(m, f);
	return rc == RC_END ? RC_OK : rc;
}

static enum rc get_string(struct meta *meta, enum meta_string key, struct buf *out, struct why *why)
{
	struct meta_sqlite *m = (struct meta_sqlite *)meta;
	sqlite3_stmt *statement;
	struct file *f;
	enum rc rc = take_reader(m, &f, why);

	if (rc != RC_OK)
		return rc;
	rc = file_prepare(f, FILE_GET_STRING, &statement, why);
	if (rc == RC_OK) {
		file_bind(statement, 1, text_of(meta_string_name(key)));
		rc = file_step(f, statement, why);
		if (rc == RC_OK)
			rc = backend_hand_out(file_column(statement, 0), out, why);
		else if (rc == RC_END)
			rc = because(why, RC_ABSENT, "%s is not set", meta_string_name(key));
		file_done(statement);
	}
	give_back_reader(m, f);
	return rc;
}

static uint64_t generation(struct meta *meta)
{
	(void)meta;
	return 1; /* what was accepted stays while we run: nobody else has the file */
}

static void close_sqlite(struct meta *meta)
{
	struct meta_sqlite *m = (struct meta_sqlite *)meta;

	for (size_t i = 0; i < m->n_idle; i++)
		file_close(m->idle[i]);
	file_close(m->writer); /* the last one: writes the log back and removes it */
	if (m->lock_fd >= 0)
		close(m->lock_fd);
	signal_fini(&m->writer_free);
	lock_fini(&m->lock);
	free(m->path);
	free(m);
}

enum rc meta_sqlite_open(const char *path, struct meta **out, struct why *why)
{
	static const struct meta_ops ops = {
		apply, read_fields, each, set_string, get_string, generation, close_sqlite
	};
	struct meta_sqlite *m = must_alloc(sizeof(*m));
	char *lock_path = must_format("%s.lock", path);
	enum rc rc;

	m->meta.ops = &ops;
	m->path = must_strdup(path);
	m->lock_fd = -1;
	lock_init(&m->lock);
	signal_init(&m->writer_free);
	rc = fileio_lock(lock_path, &m->lock_fd, why);
	if (rc == RC_OK)
		rc = file_open(path, true, &m->writer, why);
	if (rc == RC_OK) {
		*out = &m->meta;
		m = NULL;
	}
	if (m != NULL)
		close_sqlite(&m->meta);
	free(lock_path);
	return rc;
}

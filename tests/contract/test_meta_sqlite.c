/*
 * What only the SQLite store does: one daemon a file, kill -9, a full disk, files that are not ours.
 */
#include "unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "meta/meta.h"

static char folder[64], path[80];

static int make_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/numeter-meta-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/meta.db", folder);
	return 0;
}

static int remove_folder(void **state)
{
	char command[100];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static struct meta *open_ok(void)
{
	struct meta *m = NULL;
	struct why why = { "" };

	if (meta_sqlite_open(path, &m, &why) != RC_OK)
		fail_msg("%s", why.text);
	return m;
}

static enum rc set(struct meta *m, struct text field, struct text value, struct why *why)
{
	struct meta_write w = { META_SET, { META_HOSTS, TEXT_NONE, field }, value };

	return meta_apply(m, &w, 1, why);
}

static bool has(struct meta *m, struct text field, struct text value)
{
	struct meta_read r = { .key = { META_HOSTS, TEXT_NONE, field } };
	struct buf answers;
	bool yes;

	buf_init(&answers, 1 << 24);
	assert_int_equal(meta_read(m, &r, 1, &answers, NULL), RC_OK);
	yes = r.found && text_equal(r.value, value);
	buf_fini(&answers);
	return yes;
}

/* What `sqlite3 FILE "question"` would print, as one text of our choice; the store may be open. */
static void run_sql(const char *question, char *out, size_t size)
{
	sqlite3_stmt *statement;
	sqlite3 *database;

	out[0] = '\0';
	assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(database, question, -1, &statement, NULL), SQLITE_OK);
	if (sqlite3_step(statement) == SQLITE_ROW)
		snprintf(out, size, "%s", (const char *)sqlite3_column_text(statement, 0));
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
	assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void has_the_documented_layout(void **state)
{
	static const struct {
		const char *asked, *shown;
	} row[] = {
		{ "PRAGMA application_id", "1853189491" },
		{ "PRAGMA user_version", "1" },
		{ "PRAGMA journal_mode", "wal" },
		{ "SELECT value FROM hash WHERE key = 'HOSTS' AND field = 'myhost'", "{\"ID\": \"myhost\"}" },
		{ "SELECT value FROM hash WHERE key = 'INFOS@my host' AND field = 'df'", "007" },
		{ "SELECT value FROM string WHERE key = 'LAST_WSP_CLEAN'", "1395342600" },
		{ "SELECT typeof(value) FROM hash WHERE key = 'INFOS@my host'", "text" },
		{ "SELECT typeof(value) FROM hash WHERE key = 'HOST_ID'", "blob" },
		{ "SELECT typeof(value) FROM hash WHERE key = 'WSP_PATH'", "blob" },
		{ "SELECT count(*) FROM hash", "4" },
		{ "PRAGMA integrity_check", "ok" },
	};
	const struct meta_write write[] = {
		{ META_SET, { META_HOSTS, TEXT_NONE, TEXT("myhost") }, TEXT("{\"ID\": \"myhost\"}") },
		{ META_SET, { META_INFOS, TEXT("my host"), TEXT("df") }, TEXT("007") },
		{ META_SET, { META_HOST_ID, TEXT_NONE, TEXT("x") }, TEXT("\xff") },
		{ META_SET, { META_WSP_PATH, TEXT_NONE, TEXT("x") }, TEXT("a\0b") },
	};
	struct meta *m = open_ok();
	char shown[200];

	assert_int_equal(meta_apply(m, write, ARRAY_LEN(write), NULL), RC_OK);
	assert_int_equal(meta_set_string(m, META_LAST_WSP_CLEAN, TEXT("1395342600"), NULL), RC_OK);
	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		run_sql(row[i].asked, shown, sizeof(shown));
		assert_string_equal(shown, row[i].shown);
	}
	meta_close(m);
	(void)state;
}

static void keeps_everything_over_close_and_open(void **state)
{
	struct meta *m = open_ok();
	char log[100];

	assert_int_equal(set(m, TEXT("a\0b"), TEXT("1"), NULL), RC_OK);
	meta_close(m);
	snprintf(log, sizeof(log), "%s-wal", path);
	assert_int_equal(access(log, F_OK), -1);
	m = open_ok();
	assert_true(has(m, TEXT("a\0b"), TEXT("1")));
	meta_close(m);
	(void)state;
}

static void is_held_by_one_daemon(void **state)
{
	struct meta *m = open_ok(), *second = NULL;
	struct why why = { "" };
	char pid[32];

	assert_int_equal(meta_sqlite_open(path, &second, &why), RC_REFUSED);
	assert_null(second);
	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	assert_non_null(strstr(why.text, pid));
	meta_close(m);
	meta_close(open_ok());
	(void)state;
}

static void sees_what_another_program_writes_at_once(void **state)
{
	struct meta *m = open_ok();
	char shown[10];

	assert_false(has(m, TEXT("other"), TEXT("x")));
	run_sql("INSERT INTO hash VALUES('HOSTS', 'other', 'x')", shown, sizeof(shown));
	assert_true(has(m, TEXT("other"), TEXT("x")));
	meta_close(m);
	(void)state;
}

static void write_file(const void *bytes, size_t n, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), n);
	close(fd);
}

static void refuses_files_that_are_not_ours(void **state)
{
	static const struct {
		const char *sql, *says;
	} row[] = {
		{ "CREATE TABLE theirs(x)", "another program" },
		{ "PRAGMA application_id = 7", "another program" },
		{ "PRAGMA user_version = 7", "another program" },
		{ "PRAGMA application_id = 1853189491", "version 0" },
	};
	struct meta *m = NULL;
	struct why why;
	char shown[10];

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct stat before, after;

		unlink(path);
		run_sql(row[i].sql, shown, sizeof(shown));
		assert_int_equal(stat(path, &before), 0);
		assert_int_equal(meta_sqlite_open(path, &m, &why), RC_DAMAGED);
		if (strstr(why.text, row[i].says) == NULL)
			fail_msg("%s: %s", row[i].sql, why.text);
		assert_int_equal(stat(path, &after), 0);
		assert_int_equal(after.st_size, before.st_size);
		assert_int_equal(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	}
	unlink(path);
	meta_close(open_ok());
	run_sql("PRAGMA user_version = 2", shown, sizeof(shown));
	assert_int_equal(meta_sqlite_open(path, &m, &why), RC_DAMAGED);
	assert_non_null(strstr(why.text, "version 2"));
	unlink(path);
	write_file("hello, this is a text of some length and no database at all, not even a small one", 80, 0);
	assert_int_equal(meta_sqlite_open(path, &m, &why), RC_DAMAGED);
	assert_null(m);
	(void)state;
}

static enum rc ignore(void *argument, struct text field, struct text value)
{
	(void)argument;
	(void)field;
	(void)value;
	return RC_OK;
}

static void says_damaged_when_pages_are(void **state)
{
	char garbage[4096], field[16];
	struct meta *m = open_ok();
	struct stat st;

	memset(garbage, 0xa5, sizeof(garbage));
	for (int i = 0; i < 2000; i++) {
		snprintf(field, sizeof(field), "host%d", i);
		assert_int_equal(set(m, text_of(field), TEXT("some value or other"), NULL), RC_OK);
	}
	meta_close(m);
	assert_int_equal(stat(path, &st), 0);
	for (off_t at = 4096; at < st.st_size; at += 4096)
		write_file(garbage, sizeof(garbage), at);
	m = NULL;
	assert_int_equal(meta_sqlite_open(path, &m, NULL), RC_OK); /* only looks at the first page */
	assert_int_equal(meta_each(m, META_HOSTS, TEXT_NONE, ignore, NULL, NULL), RC_DAMAGED);
	assert_int_equal(set(m, TEXT("host1"), TEXT("new"), NULL), RC_DAMAGED);
	meta_close(m);
	(void)state;
}

static void says_disk_where_no_file_can_be(void **state)
{
	struct meta *m = NULL;
	struct why why;

	snprintf(path, sizeof(path), "%s/nowhere/meta.db", folder);
	assert_int_equal(meta_sqlite_open(path, &m, &why), RC_DISK);
	assert_non_null(strstr(why.text, path));
	snprintf(path, sizeof(path), "%s/folder.db", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(meta_sqlite_open(path, &m, &why), RC_DISK);
	assert_null(m);
	(void)state;
}

/* The kernel takes no byte past a limit: as a full disk. */
static void does_nothing_when_the_disk_is_full_and_goes_on_after(void **state)
{
	enum { N = 300, VALUE_BYTES = 10000 };
	struct text value = { must_alloc(VALUE_BYTES), VALUE_BYTES };
	struct meta_write write[N];
	char name[N][16];
	struct rlimit before, small;
	struct why why = { "" };
	struct meta *m = open_ok();

	memset((char *)(uintptr_t)value.s, 'x', VALUE_BYTES);
	for (size_t i = 0; i < N; i++) {
		snprintf(name[i], sizeof(name[i]), "host%zu", i);
		write[i] = (struct meta_write){ META_SET, { META_HOSTS, TEXT_NONE, text_of(name[i]) }, value };
	}
	assert_int_equal(set(m, TEXT("before"), TEXT("1"), NULL), RC_OK);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){ .rlim_cur = 500000, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(meta_apply(m, write, N, &why), RC_DISK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_non_null(strstr(why.text, path));
	assert_false(has(m, TEXT("host0"), value));
	assert_true(has(m, TEXT("before"), TEXT("1")));
	assert_int_equal(meta_apply(m, write, N, NULL), RC_OK);
	assert_true(has(m, TEXT("host299"), value));
	meta_close(m);
	free((char *)(uintptr_t)value.s);
	(void)state;
}

/* In a child: two fields a call, and its number into the pipe when it was accepted. */
static void write_until_killed(int report, uint32_t from)
{
	struct meta *m = NULL;
	char name[32], again[32];

	if (meta_sqlite_open(path, &m, NULL) != RC_OK)
		_exit(1);
	for (uint32_t i = from;; i++) {
		snprintf(name, sizeof(name), "host%u", i);
		snprintf(again, sizeof(again), "again%u", i);
		if (meta_apply(m,
			       (struct meta_write[]){
				       { META_SET, { META_HOSTS, TEXT_NONE, text_of(name) }, text_of(name) },
				       { META_SET, { META_HOSTS, TEXT_NONE, text_of(again) }, text_of(name) } },
			       2, NULL) != RC_OK)
			_exit(2);
		if (write(report, &i, sizeof(i)) != sizeof(i))
			_exit(3);
	}
}

static void keeps_what_it_accepted_through_kill_9(void **state)
{
	uint32_t next = 0, accepted;

	for (int round = 0; round < 8; round++) {
		char name[32], again[32];
		struct meta *m;
		int report[2];
		pid_t pid;

		assert_int_equal(pipe2(report, O_CLOEXEC), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			write_until_killed(report[1], next);
		close(report[1]);
		for (int i = 0; i < 300 + 173 * round; i++)
			assert_int_equal(read(report[0], &accepted, sizeof(accepted)), sizeof(accepted));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(report[0], &accepted, sizeof(accepted)) == sizeof(accepted))
			;
		close(report[0]);
		m = open_ok();
		for (uint32_t i = 0; i <= accepted + 1; i++) {
			bool both;

			snprintf(name, sizeof(name), "host%u", i);
			snprintf(again, sizeof(again), "again%u", i);
			both = has(m, text_of(name), text_of(name));
			assert_int_equal(has(m, text_of(again), text_of(name)), both);
			if (i <= accepted)
				assert_true(both);
		}
		meta_close(m);
		next = accepted + 1;
	}
	(void)state;
}

int main(void)
{
#define FOLDER_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(has_the_documented_layout),
		FOLDER_TEST(keeps_everything_over_close_and_open),
		FOLDER_TEST(is_held_by_one_daemon),
		FOLDER_TEST(sees_what_another_program_writes_at_once),
		FOLDER_TEST(refuses_files_that_are_not_ours),
		FOLDER_TEST(says_damaged_when_pages_are),
		FOLDER_TEST(says_disk_where_no_file_can_be),
		FOLDER_TEST(does_nothing_when_the_disk_is_full_and_goes_on_after),
		FOLDER_TEST(keeps_what_it_accepted_through_kill_9),
	};

	return cmocka_run_group_tests_name("meta-sqlite", tests, NULL, NULL);
}

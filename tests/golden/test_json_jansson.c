/*
 * Our verdict on a document beside that of jansson, the strictest of the usual C libraries: recorded messages, the fuzz
 * corpus, and both damaged in many ways. The library is loaded, not linked (it has names of ours), and when it is not
 * there the test is skipped. Arguments: the folder tests.
 */
#include "unit/test.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fileio.h"
#include "wire/json.h"

/* jansson.h 2.14 */
struct jansson_error {
	int line, column, position;
	char source[80], text[160];
};
enum { DECODE_ANY = 0x4, ALLOW_NUL = 0x10 };
static void *(*jansson_loadb)(const char *, size_t, size_t, struct jansson_error *);
static void (*jansson_delete)(void *);

static const char *tests_dir;
static uint64_t random_state = 7;
static size_t n_compared, n_taken;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* What only one of the two has a limit for. */
static bool differs_by_design(const char *ours, const char *theirs)
{
	static const char *const limits[] = { "too big", "overflow", "NUL byte in object key",
					      "maximum parsing depth" };

	for (size_t i = 0; i < ARRAY_LEN(limits); i++)
		if (strstr(theirs, limits[i]) != NULL)
			return true;
	return strstr(ours, "nested too deeply") != NULL;
}

static void compare(struct text t)
{
	struct jansson_error error = { .text = "" };
	struct why why = { "" };
	struct json_value v;
	bool ours = json_check(t, false, &v, &why) == RC_OK, theirs;
	void *document;

	/* jansson forgets a NUL byte that stands right behind a number, and goes on */
	if (memchr(t.s, '\0', t.n) != NULL) {
		assert_false(ours);
		return;
	}
	document = jansson_loadb(t.s, t.n, DECODE_ANY | ALLOW_NUL, &error);
	theirs = document != NULL;
	if (theirs)
		jansson_delete(document); /* the only reference */
	n_compared++;
	n_taken += ours;
	if (ours != theirs && !differs_by_design(why.text, error.text))
		fail_msg("%.*s\nours: \"%s\", theirs: \"%s\"", TEXT_ARG(t), why.text, error.text);
}

static void compare_damaged(struct text t, int times)
{
	static const char bytes[] = "{}[]:,\"\\/0123456789.eE+-tfnu \n\t\x01\x7F\x80\xC3\xA9\xED\xA0\xFF";
	char *copy = malloc(t.n + 8);

	for (int i = 0; i < times && t.n > 0; i++) {
		size_t at = next_random() % t.n, n = t.n;

		memcpy(copy, t.s, t.n);
		switch (next_random() % 5) {
		case 0:
			copy[at] = bytes[next_random() % (sizeof(bytes) - 1)];
			break;
		case 1:
			copy[at] = (char)next_random();
			break;
		case 2:
			memmove(copy + at, copy + at + 1, t.n - at - 1);
			n--;
			break;
		case 3:
			memmove(copy + at + 1, copy + at, t.n - at);
			copy[at] = bytes[next_random() % (sizeof(bytes) - 1)];
			n++;
			break;
		case 4:
			n = at;
			break;
		}
		compare((struct text){ copy, n });
	}
	free(copy);
}

static void read_into(struct buf *b, const char *path)
{
	struct why why;

	buf_clear(b);
	if (fileio_read_all(path, b, &why) != RC_OK)
		fail_msg("%s", why.text);
}

static void accepts_what_jansson_accepts(void **state)
{
	static const char *const folders[] = { "fuzz/corpus/json", "fuzz/corpus/envelope", "fuzz/corpus/payload" };
	const char *at, *stop;
	char path[4096];
	struct buf b;

	if (jansson_loadb == NULL)
		skip();
	buf_init(&b, 64 << 20);
	snprintf(path, sizeof(path), "%s/data/messages.jsonl", tests_dir);
	read_into(&b, path);
	for (at = b.at; (stop = memchr(at, '\n', (size_t)(b.at + b.n - at))) != NULL; at = stop + 1) {
		compare((struct text){ at, (size_t)(stop - at) });
		compare_damaged((struct text){ at, (size_t)(stop - at) }, 20);
	}
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct dirent *entry;
		DIR *dir;

		snprintf(path, sizeof(path), "%s/%s", tests_dir, folders[i]);
		dir = opendir(path);
		assert_non_null(dir);
		while ((entry = readdir(dir)) != NULL) {
			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "%s/%s/%s", tests_dir, folders[i], entry->d_name);
			read_into(&b, path);
			compare(buf_text(&b));
			compare_damaged(buf_text(&b), 500);
		}
		closedir(dir);
	}
	buf_fini(&b);
	assert_true(n_compared > 30000);
	assert_true(n_taken > n_compared / 10 && n_taken < n_compared / 10 * 9); /* both verdicts were compared */
	(void)state;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(accepts_what_jansson_accepts) };
	void *library = dlopen("libjansson.so.4", RTLD_NOW | RTLD_LOCAL);

	tests_dir = argc > 1 ? argv[1] : "tests";
	if (library != NULL) {
		*(void **)&jansson_loadb = dlsym(library, "json_loadb");
		*(void **)&jansson_delete = dlsym(library, "json_delete");
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The library of src/wsp on stdin and stdout, for side-by-side tests in another language. A line in, a line out:
 *
 *   create PATH AGGREGATION XFF STEP:POINTS…   open PATH         close
 *   update NOW T VALUE                         many NOW T VALUE …            store NOW T VALUE …
 *   fetch FROM UNTIL NOW                       info          convert PATH NOW AGGREGATION XFF STEP:POINTS…
 *   fill PATH
 *
 * VALUE and XFF's answer are the 16 hex digits of the double's bits. Answers begin with the rc's name.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "wsp/convert.h"

static struct wsp file = { .fd = -1 };

static double read_value(const char *hex)
{
	uint64_t bits = strtoull(hex, NULL, 16);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static uint64_t bits_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* AGGREGATION XFF STEP:POINTS… */
static enum rc read_retention(char **word, size_t n, struct retention *out, struct why *why)
{
	struct retention r = { .aggregation = (enum aggregation)atoi(word[0]), .xff = strtof(word[1], NULL) };
	char joined[1024] = "";
	enum rc rc;

	for (size_t i = 2; i < n; i++) {
		strncat(joined, " ", sizeof(joined) - strlen(joined) - 1);
		strncat(joined, word[i], sizeof(joined) - strlen(joined) - 1);
	}
	rc = retention_parse(text_of(joined), &r, why);
	if (rc == RC_OK)
		*out = r;
	return rc;
}

static enum rc make(char *path, const struct retention *r, struct wsp *out, struct why *why)
{
	char *slash = strrchr(path, '/');
	int dir_fd;
	enum rc rc;

	must(slash != NULL);
	*slash = '\0';
	dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	must(dir_fd >= 0);
	rc = wsp_create(dir_fd, slash + 1, r, WSP_RESERVE, out, why);
	close(dir_fd);
	return rc;
}

static enum rc create(char **word, size_t n, struct why *why)
{
	struct retention r;
	enum rc rc = read_retention(word + 1, n - 1, &r, why);

	return rc == RC_OK ? make(word[0], &r, &file, why) : rc;
}

/* The points of the open file in other archives, in a file of their own. */
static enum rc convert(char **word, size_t n, struct why *why)
{
	struct wsp_table from = { .newest_s = 0 }, into = { .newest_s = 0 };
	struct wsp w = { .fd = -1 };
	struct wsp_converted told;
	struct wsp_checked c;
	struct retention r;
	enum rc rc = read_retention(word + 2, n - 2, &r, why);

	if (rc == RC_OK)
		rc = wsp_check(file.fd, UINT32_MAX, &c, why);
	if (rc == RC_OK && !wsp_checked_fine(&c))
		rc = because(why, RC_DAMAGED, "it is damaged");
	if (rc == RC_OK)
		rc = wsp_table_read(&file, &c, &from, why);
	if (rc == RC_OK)
		rc = wsp_convert(&from, &r, atoll(word[1]), &into, &told, why);
	if (rc == RC_OK)
		rc = make(word[0], &r, &w, why);
	if (rc == RC_OK)
		rc = wsp_table_write(&into, &w, why);
	if (rc == RC_OK)
		rc = wsp_table_compare(&into, &w, why);
	wsp_table_fini(&from);
	wsp_table_fini(&into);
	wsp_close(&w);
	if (rc == RC_OK)
		printf("ok %" PRIu64 " %" PRIu64 "\n", told.n_points, told.n_lost);
	return rc;
}

static enum rc fetch(char **word, struct why *why)
{
	struct span s;
	enum rc rc = wsp_fetch(&file, atoll(word[0]), atoll(word[1]), atoll(word[2]), &s, why);

	if (rc != RC_OK)
		return rc;
	printf("ok %" PRId64 " %" PRIu32 " %zu", s.start_s, s.step_s, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (!isnan(s.value[i]))
			printf(" %zu %016" PRIx64, i, bits_of(s.value[i]));
	printf("\n");
	span_fini(&s);
	return RC_OK;
}

static enum rc many(bool store, char **word, size_t n_words, struct wsp_stored *stored, struct why *why)
{
	size_t n = (n_words - 1) / 2;
	struct point *points = must_alloc((n + 1) * sizeof(*points));
	struct taken *taken = must_alloc((n + 1) * sizeof(*taken));
	enum rc rc;

	for (size_t i = 0; i < n; i++)
		points[i] = (struct point){ atoll(word[1 + 2 * i]), read_value(word[2 + 2 * i]) };
	for (size_t i = 0; i < n; i++)
		taken[i] = (struct taken){ (uint32_t)points[i].t_s, (uint32_t)atoll(word[0]), points[i].value };
	rc = store ? wsp_store(&file, taken, n, (struct wsp_how){ false, false }, stored, why)
		   : wsp_update_many(&file, points, n, atoll(word[0]), why);
	free(points);
	free(taken);
	return rc;
}

static enum rc fill(const char *path, struct why *why)
{
	struct wsp from;
	enum rc rc = wsp_open(path, false, &from, why);

	if (rc != RC_OK)
		return rc;
	rc = wsp_fill(&file, &from, INT64_MAX, why);
	wsp_close(&from);
	return rc;
}

static void run(char **word, size_t n)
{
	struct wsp_stored stored = { 0, 0, 0, 0 };
	struct why why = { "" };
	enum rc rc = RC_REFUSED;

	if (strcmp(word[0], "create") == 0 && n >= 5) {
		rc = create(word + 1, n - 1, &why);
	} else if (strcmp(word[0], "open") == 0 && n == 2) {
		rc = wsp_open(word[1], true, &file, &why);
	} else if (strcmp(word[0], "close") == 0) {
		wsp_close(&file);
		rc = RC_OK;
	} else if (strcmp(word[0], "update") == 0 && n == 4) {
		rc = wsp_update(&file, (struct point){ atoll(word[2]), read_value(word[3]) }, atoll(word[1]), &why);
	} else if (strcmp(word[0], "many") == 0 && n >= 2) {
		rc = many(false, word + 1, n - 1, NULL, &why);
	} else if (strcmp(word[0], "store") == 0 && n >= 2) {
		rc = many(true, word + 1, n - 1, &stored, &why);
		if (rc == RC_OK) {
			printf("ok %zu %zu %zu\n", stored.n_written, stored.n_kept, stored.n_too_old);
			return;
		}
	} else if (strcmp(word[0], "fetch") == 0 && n == 4) {
		rc = fetch(word + 1, &why);
		if (rc == RC_OK)
			return;
	} else if (strcmp(word[0], "convert") == 0 && n >= 6) {
		rc = convert(word + 1, n - 1, &why);
		if (rc == RC_OK)
			return;
	} else if (strcmp(word[0], "fill") == 0 && n == 2) {
		rc = fill(word[1], &why);
	} else if (strcmp(word[0], "info") == 0) {
		printf("ok %d %" PRIu32 " %016" PRIx64, (int)file.aggregation, file.max_retention_s,
		       bits_of((double)file.xff));
		for (size_t i = 0; i < file.n_archives; i++)
			printf(" %" PRIu64 " %" PRIu32 " %" PRIu32, file.archive[i].offset, file.archive[i].step_s,
			       file.archive[i].n_points);
		printf("\n");
		return;
	} else {
		because(&why, RC_REFUSED, "not a command");
	}
	printf("%s %s\n", rc_name(rc), why.text);
}

int main(void)
{
	char *line = NULL, **word = NULL;
	size_t capacity = 0, word_capacity = 0;

	while (getline(&line, &capacity, stdin) > 0) {
		size_t n = 0;

		for (char *save, *w = strtok_r(line, " \n", &save); w != NULL; w = strtok_r(NULL, " \n", &save)) {
			array_grow(&word, &word_capacity, n, sizeof(*word));
			word[n++] = w;
		}
		if (n > 0)
			run(word, n);
		fflush(stdout);
	}
	wsp_close(&file);
	free(line);
	free(word);
	return 0;
}

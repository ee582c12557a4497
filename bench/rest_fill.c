/*
 * rest_fill ROOT VALUES NOW < PATHS: for the benchmark of the read path, a .wsp file for each path (below ROOT, without
 * ".wsp"), each holding the last day of VALUES (one number a line, "U" unknown), every file from another place on.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "wsp/wsp.h"

enum { SLOTS = 1440, STEP_S = 60, PATH_MAX_BYTES = 4096 };

static double *value;
static size_t n_values, value_capacity;

static void read_values(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[64];

	must(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		array_grow(&value, &value_capacity, n_values, sizeof(*value));
		value[n_values++] = line[0] == 'U' ? (double)NAN : strtod(line, NULL);
	}
	fclose(f);
	must(n_values > 0);
}

static void make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		must(mkdir(path, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

static void make(int dir_fd, const char *name, size_t from, int64_t now_s)
{
	static struct point point[SLOTS];
	struct why why = { "" };
	struct wsp w = { .fd = -1 };
	size_t n = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		double v = value[(from + i) % n_values];

		if (!isnan(v))
			point[n++] = (struct point){ now_s - now_s % STEP_S - (int64_t)(SLOTS - 1 - i) * STEP_S, v };
	}
	if (wsp_create(dir_fd, name, &retention_default, WSP_SPARSE, &w, &why) != RC_OK ||
	    wsp_update_many(&w, point, n, now_s, &why) != RC_OK) {
		fprintf(stderr, "%s: %s\n", name, why.text);
		exit(EXIT_FAILURE);
	}
	wsp_close(&w);
}

int main(int argc, char **argv)
{
	char line[PATH_MAX_BYTES], path[2 * PATH_MAX_BYTES];

	int dir_fd;

	if (argc != 4)
		return EXIT_FAILURE;
	read_values(argv[2]);
	for (size_t i = 0; fgets(line, sizeof(line), stdin) != NULL; i++) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof(path), "%s/%s.wsp", argv[1], line);
		make_folders(path);
		*strrchr(path, '/') = '\0';
		dir_fd = open(path, O_PATH | O_DIRECTORY);
		must(dir_fd >= 0);
		make(dir_fd, path + strlen(path) + 1, i * 37, strtoll(argv[3], NULL, 10));
		close(dir_fd);
	}
	free(value);
	return EXIT_SUCCESS;
}

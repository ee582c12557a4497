#include "base/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STAT_BYTES = 2048, BOOT_BYTES = 16384 };

/* The beginning of a file of /proc as text. */
static int read_file(const char *path, char *out, size_t max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, all = 0;

	if (fd < 0)
		return 0;
	while ((size_t)all < max - 1 && (n = read(fd, out + all, max - 1 - (size_t)all)) > 0)
		all += n;
	close(fd);
	out[all] = '\0';
	return all > 0;
}

static double boot_s(void)
{
	char *text = malloc(BOOT_BYTES);
	const char *line = NULL;
	double s = NAN;

	/* its first lines, one a processor, may be long: the time of the start is then behind what is read */
	if (text != NULL && read_file("/proc/stat", text, BOOT_BYTES))
		line = strstr(text, "\nbtime ");
	if (line != NULL)
		s = strtod(line + strlen("\nbtime "), NULL);
	free(text);
	return s;
}

static double count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	double n = 0;

	if (dir == NULL)
		return NAN;
	for (const struct dirent *e; (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n - 1; /* the folder's own */
}

/* Fields of /proc/self/stat behind the name, which may hold anything: the first is number 3. */
enum { FIELD_FIRST = 3, FIELD_UTIME = 14, FIELD_STIME, FIELD_THREADS = 20, FIELD_START = 22, FIELD_VSIZE, FIELD_RSS };

void process_look(struct process_state *out)
{
	double field[FIELD_RSS + 1], tick = (double)sysconf(_SC_CLK_TCK);
	struct rlimit limit;
	char text[STAT_BYTES];
	char *at;

	for (int i = 0; i <= FIELD_RSS; i++)
		field[i] = NAN;
	if (read_file("/proc/self/stat", text, sizeof(text)) && (at = strrchr(text, ')')) != NULL) {
		char *save = NULL, *word = strtok_r(at + 1, " ", &save);

		for (int i = FIELD_FIRST; i <= FIELD_RSS && word != NULL; i++, word = strtok_r(NULL, " ", &save))
			field[i] = strtod(word, NULL);
	}
	*out = (struct process_state){
		.resident_bytes = field[FIELD_RSS] * (double)sysconf(_SC_PAGESIZE),
		.virtual_bytes = field[FIELD_VSIZE],
		.cpu_s = (field[FIELD_UTIME] + field[FIELD_STIME]) / tick,
		.n_threads = field[FIELD_THREADS],
		.started_s = boot_s() + field[FIELD_START] / tick,
		.n_open_fds = count_fds(),
		.max_fds = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : NAN,
	};
}

/* Feeds each argument, a file or a folder of files, to a fuzz target once: the corpus as a plain test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t n_fed;

static void feed_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *bytes;

	if (f == NULL || fstat(fileno(f), &st) != 0) {
		perror(path);
		exit(1);
	}
	bytes = malloc(st.st_size == 0 ? 1 : (size_t)st.st_size);
	if (bytes == NULL || fread(bytes, 1, (size_t)st.st_size, f) != (size_t)st.st_size) {
		perror(path);
		exit(1);
	}
	fclose(f);
	LLVMFuzzerTestOneInput(bytes, (size_t)st.st_size);
	free(bytes);
	n_fed++;
}

static void feed(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char inner[4096];

	if (dir == NULL) {
		feed_file(path);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		feed_file(inner);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		feed(argv[i]);
	printf("%zu inputs\n", n_fed);
	return n_fed > 0 ? 0 : 1;
}

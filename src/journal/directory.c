#include "journal/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static const char *const prefixes[DIRECTORY_N_KINDS] = { "segment-", "names-", "spare-" };
static const char aside_ending[] = ".damaged";

void directory_name(char out[DIRECTORY_NAME_BYTES], enum directory_kind kind, uint32_t number, bool aside)
{
	snprintf(out, DIRECTORY_NAME_BYTES, "%s%010u%s", prefixes[kind], number, aside ? aside_ending : "");
}

static bool parse(const char *name, struct directory_file *out)
{
	for (size_t k = 0; k < DIRECTORY_N_KINDS; k++) {
		size_t n_prefix = strlen(prefixes[k]);
		const char *digits = name + n_prefix;
		uint64_t number = 0;

		if (strncmp(name, prefixes[k], n_prefix) != 0 || strspn(digits, "0123456789") != 10)
			continue;
		for (int i = 0; i < 10; i++)
			number = number * 10 + (uint64_t)(digits[i] - '0');
		if (number > UINT32_MAX || (digits[10] != '\0' && strcmp(digits + 10, aside_ending) != 0))
			return false;
		out->kind = (enum directory_kind)k;
		out->number = (uint32_t)number;
		out->aside = digits[10] != '\0';
		return true;
	}
	return false;
}

static int in_order(const void *a, const void *b)
{
	const struct directory_file *l = a, *r = b;

	if (l->kind != r->kind)
		return l->kind < r->kind ? -1 : 1;
	return l->number < r->number ? -1 : l->number > r->number;
}

enum rc directory_list(int dir_fd, struct directory_file **file, size_t *n, uint32_t highest[DIRECTORY_N_KINDS],
		       struct why *why)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t capacity = 0;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return because(why, RC_DISK, "list: %s", strerror(errno));
	}
	*file = NULL;
	*n = 0;
	memset(highest, 0, DIRECTORY_N_KINDS * sizeof(*highest));
	for (errno = 0; (entry = readdir(dir)) != NULL; errno = 0) {
		struct directory_file f = { 0 };
		struct stat st;

		if (!parse(entry->d_name, &f))
			continue;
		if (f.number > highest[f.kind])
			highest[f.kind] = f.number;
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		f.n_bytes = (uint64_t)st.st_size;
		array_grow((void *)file, &capacity, *n, sizeof(**file));
		(*file)[(*n)++] = f;
	}
	if (errno != 0) {
		enum rc rc = because(why, RC_DISK, "list: %s", strerror(errno));

		closedir(dir);
		free(*file);
		*file = NULL;
		return rc;
	}
	closedir(dir);
	if (*n > 1)
		qsort(*file, *n, sizeof(**file), in_order);
	return RC_OK;
}

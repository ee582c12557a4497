/* Rules: which call is to fail, and how. The control file is mapped when the library is loaded. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "intern.h"

static struct faultfs_control *control;

long real(long number, ...)
{
	static long (*syscall_of_libc)(long, ...);
	long argument[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		argument[i] = va_arg(list, long);
	va_end(list);
	if (!syscall_of_libc)
		*(void **)(void *)&syscall_of_libc = dlsym(RTLD_NEXT, "syscall");
	return syscall_of_libc(number, argument[0], argument[1], argument[2], argument[3], argument[4], argument[5]);
}

__attribute__((constructor)) static void map_control(void)
{
	const char *path = getenv("FAULTFS_CONTROL");
	void *mapped;
	int fd;

	if (!path)
		return;
	fd = (int)real(SYS_openat, (long)AT_FDCWD, path, (long)(O_RDWR | O_CLOEXEC), 0L, 0L, 0L);
	mapped = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || mapped == MAP_FAILED) {
		dprintf(2, "faultfs: %s: %s\n", path, strerror(errno));
		_exit(125);
	}
	close(fd);
	control = mapped;
}

void path_of_fd(int fd, char *out)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_BYTES - 1);
	out[n < 0 ? 0 : n] = '\0';
}

void path_at(int dir_fd, const char *path, char *out)
{
	size_t n = 0;

	if (path[0] != '/') {
		if (dir_fd == AT_FDCWD) {
			if (!getcwd(out, PATH_BYTES))
				out[0] = '\0';
		} else {
			path_of_fd(dir_fd, out);
		}
		n = strlen(out);
	}
	if (path[0] != '\0')
		snprintf(out + n, PATH_BYTES - n, n ? "/%s" : "%s", path);
}

_Noreturn void die(void)
{
	for (;;)
		kill(getpid(), SIGKILL);
}

enum verdict rules_judge(enum faultfs_op op, const char *path, int *error_number)
{
	for (int i = 0; control && i < FAULTFS_RULES; i++) {
		struct faultfs_rule *r = &control->rule[i];
		uint64_t n;

		if (!atomic_load(&r->armed) || !(r->ops & op) || strncmp(path, r->prefix, strlen(r->prefix)) != 0)
			continue;
		n = atomic_fetch_add(&r->n_calls, 1) + 1;
		if (n < r->nth || (n > r->nth && !r->all_from_nth))
			continue;
		atomic_fetch_add(&r->n_fired, 1);
		switch ((enum faultfs_outcome)r->outcome) {
		case FAULTFS_FAIL:
			*error_number = r->error_number;
			return FAIL;
		case FAULTFS_SHORT:
			return HALF;
		case FAULTFS_DIE_AFTER:
			return DIE_AFTER;
		case FAULTFS_DIE_MIDWAY:
			if (op & (FAULTFS_WRITE | FAULTFS_PWRITE))
				return DIE_MIDWAY;
			die();
		case FAULTFS_DIE:
			die();
		}
	}
	return GO_ON;
}

#include "base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* What is missing of an absolute path, from above to below. */
static enum rc make_folder(const char *folder, uid_t uid, gid_t gid, struct why *why)
{
	char *path = must_strdup(folder);
	enum rc rc = RC_OK;

	for (char *slash = strchr(path + 1, '/'); rc == RC_OK; slash = strchr(slash + 1, '/')) {
		if (slash != NULL)
			*slash = '\0';
		if (mkdir(path, 0755) == 0) {
			if (lchown(path, uid, gid) < 0)
				rc = because(why, RC_DISK, "give folder %s: %s", path, strerror(errno));
		} else if (errno != EEXIST) {
			rc = because(why, RC_DISK, "make folder %s: %s", path, strerror(errno));
		}
		if (slash == NULL)
			break;
		*slash = '/';
	}
	free(path);
	return rc;
}

enum rc privileges_take(const char *user, const char *group, const char *const *folder, size_t n, struct why *why)
{
	enum rc rc = RC_OK;
	const struct passwd *p;
	const struct group *g;
	gid_t gid;
	uid_t uid;

	if (geteuid() != 0)
		return RC_OK;
	p = getpwnam(user);
	if (p == NULL)
		return because(why, RC_REFUSED, "user: no user \"%s\" on this machine (user = root stays root)", user);
	if (p->pw_uid == 0)
		return RC_OK;
	uid = p->pw_uid;
	g = getgrnam(group);
	if (g == NULL)
		return because(why, RC_REFUSED, "group: no group \"%s\" on this machine", group);
	gid = g->gr_gid;
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		if (folder[i] != NULL && folder[i][0] == '/')
			rc = make_folder(folder[i], uid, gid, why);
	if (rc != RC_OK)
		return rc;
	if (initgroups(user, gid) < 0 || setgid(gid) < 0)
		return because(why, RC_REFUSED, "group: take %s: %s", group, strerror(errno));
	if (setuid(uid) < 0)
		return because(why, RC_REFUSED, "user: take %s: %s", user, strerror(errno));
	return RC_OK;
}

unsigned long privileges_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 && getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return (unsigned long)limit.rlim_cur;
}

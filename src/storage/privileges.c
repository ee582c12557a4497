#include "storage/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum rc privileges_take(const char *user, const char *group, struct why *why)
{
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

/* Built without librrd. */
#include "import/rrdfile.h"

bool rrdfile_is_built(void)
{
	return false;
}

enum rc rrdfile_read(int fd, struct rrdfile *out, struct why *why)
{
	(void)fd;
	(void)out;
	return because(why, RC_REFUSED, "built without librrd");
}

void rrdfile_fini(struct rrdfile *r)
{
	(void)r;
}

enum rc rrdfile_read_names(int fd, struct rrdfile *out, struct why *why)
{
	return rrdfile_read(fd, out, why);
}

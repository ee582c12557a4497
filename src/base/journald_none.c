#include "base/journald.h"

bool journald_has_stderr(void)
{
	return false;
}

bool journald_send(enum log_level level, const char *event, struct text said)
{
	(void)level;
	(void)event;
	(void)said;
	return false;
}

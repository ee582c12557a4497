/*
 * Built without libsystemd: there is no supervisor to tell.
 */
#include "base/notify.h"

void notify_ready(void)
{
}

void notify_reloading(void)
{
}

void notify_stopping(void)
{
}

void notify_watchdog(void)
{
}

int notify_watchdog_ms(void)
{
	return -1;
}

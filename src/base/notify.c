#include "base/notify.h"

#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <systemd/sd-daemon.h>

#include "base/instant.h"

/* A supervisor that cannot be reached is no reason to end. */
void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, mono_now().ns / 1000);
}

void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

int notify_watchdog_ms(void)
{
	uint64_t us = 0;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return -1;
	us /= 2000;
	return us < INT_MAX ? (int)us : INT_MAX;
}

/*
 * What a daemon tells its supervisor (systemd's Type=notify); nothing happens without one.
 * Source: sd_notify(3), sd_watchdog_enabled(3).
 */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

void notify_ready(void);
/* Until the next notify_ready(). */
void notify_reloading(void);
void notify_stopping(void);
void notify_watchdog(void);
/* How often notify_watchdog() is to be called: half of what the supervisor allows; -1: it does not watch. */
int notify_watchdog_ms(void);

#endif

/*
 * One at a time for each question: who comes while another is asking waits for it, or goes on with what it has.
 */
#ifndef HTTP_FLIGHT_H
#define HTTP_FLIGHT_H

#include <stdbool.h>

#include "base/rc.h"
#include "base/text.h"

struct flights;

struct flights *flights_new(void);
void flights_free(struct flights *f);

enum flight {
	FLIGHT_MINE,   /* go and ask, then flight_end() */
	FLIGHT_OTHERS, /* another is asking; only when not waiting */
	FLIGHT_LANDED, /* another was asking and has ended: *rc and *why are its */
};

/* Threads: any. */
enum flight flight_begin(struct flights *f, struct text question, bool wait, enum rc *rc, struct why *why);
void flight_end(struct flights *f, struct text question, enum rc rc, const struct why *why);

#endif

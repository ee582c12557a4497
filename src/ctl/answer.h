/*
 * Ask the running daemon, and read what it answers.
 */
#ifndef CTL_ANSWER_H
#define CTL_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "ctl/command.h"
#include "wire/json.h"

struct answer {
	struct buf bytes;
	struct arena arena;
	struct json_value value; /* slices of bytes */
};

/*
 * Ask over the socket of --socket or of the configuration; when nobody listens there and the command works alone, in the
 * store itself. timeout_ms 0: as long as it takes.
 * Returns  EXIT_FINE; else what numeterctl ends with: why is on stderr. Either way the caller ends out with answer_close().
 */
CHECKED int answer_ask(struct ctl *ctl, struct text request, unsigned timeout_ms, struct answer *out);
void answer_close(struct answer *a);

/* Members of an object. What is not there, as an older daemon may leave it out: an object without members, 0, "", false. */
struct json_value answer_object(struct answer *a, struct json_value object, const char *name);
double answer_number(struct answer *a, struct json_value object, const char *name);
struct text answer_text(struct answer *a, struct json_value object, const char *name);
bool answer_true(struct answer *a, struct json_value object, const char *name);

#endif

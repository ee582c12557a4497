/*
 * Ask the running daemon, and read what it answers.
 */
#ifndef CTL_ANSWER_H
#define CTL_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
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
/*
 * The same, but what the daemon (or the store) says no to is not printed: EXIT_NOT_FINE then, with its rc and sentence.
 */
CHECKED int answer_try(struct ctl *ctl, struct text request, unsigned timeout_ms, struct answer *out, enum rc *rc,
		       struct why *why);
void answer_close(struct answer *a);

/*
 * Name → struct json_value of every member, to look many up. Both live as long as the answer; the map is ended by
 * map_fini(m, NULL).
 */
void answer_members(struct answer *a, struct json_value object, struct map *out);
/* A value of such a map; null when it is not there. */
struct json_value answer_value_of(const struct map *members, struct text name);
/* A number of such a map; 0 when it is not there, or none. */
double answer_number_of(const struct map *members, struct text name);

/* A request: begin with its verb, add arguments (value NULL: left out), and end. */
void request_begin(struct buf *out, const char *verb);
void request_add(struct buf *out, const char *name, const char *value);
void request_end(struct buf *out);
/* The socket of --socket or of the configuration; NULL: said already. */
const char *answer_socket(struct ctl *ctl);

/* Members of an object. What is not there, as an older daemon may leave it out: an object without members, 0, "", false. */
struct json_value answer_object(struct answer *a, struct json_value object, const char *name);
struct json_value answer_list(struct answer *a, struct json_value object, const char *name);
double answer_number(struct answer *a, struct json_value object, const char *name);
struct text answer_text(struct answer *a, struct json_value object, const char *name);
bool answer_true(struct answer *a, struct json_value object, const char *name);

#endif

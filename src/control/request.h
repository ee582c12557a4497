/*
 * What comes over the control socket: one line, a JSON object with the member "verb" and that verb's arguments.
 */
#ifndef CONTROL_REQUEST_H
#define CONTROL_REQUEST_H

#include "base/arena.h"
#include "control/control.h"
#include "wire/json.h"

/*
 * Find the verb of a request and check that it has no other members than the verb's arguments.
 * Errors   RC_REFUSED  not JSON, not an object, no verb, an argument that the verb does not have
 *          RC_ABSENT   no verb of that name
 */
CHECKED enum rc control_request_read(struct arena *a, struct text request, const struct control_verb *const *verb,
				     size_t n_verbs, const struct control_verb **out, struct why *why);

/*
 * A text argument of a checked request: TEXT_NONE when it is not there or null. Slices of request, or in a.
 * Errors   RC_REFUSED  it is neither
 */
CHECKED enum rc control_argument_text(struct arena *a, struct text request, const char *name, struct text *out,
				      struct why *why);

/* The same of true or false; false when it is not there or null. */
CHECKED enum rc control_argument_bool(struct arena *a, struct text request, const char *name, bool *out,
				      struct why *why);

/*
 * A list of a checked request, for json_walk() and json_next_element(); and a text of one of its elements.
 * Errors   RC_REFUSED  there is none · the element is no object, or has none
 */
CHECKED enum rc control_argument_list(struct arena *a, struct text request, const char *name, struct json_value *out,
				      struct why *why);
CHECKED enum rc control_member_text(struct arena *a, struct json_value element, const char *name, struct text *out,
				    struct why *why);

/* Append {"error": …, "rc": …}. */
void control_add_error(struct buf *answer, enum rc rc, const struct why *why);

#endif

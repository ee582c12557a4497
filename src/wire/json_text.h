/*
 * Strings of the JSON reader: from behind the opening quote on. Private to wire/.
 */
#ifndef WIRE_JSON_TEXT_H
#define WIRE_JSON_TEXT_H

#include <stdbool.h>

/*
 * Check a string from p to its closing quote, or to the first backslash when `stop_at_escape`.
 * Returns  where the quote (or that backslash) stands; on a fault where it lies, with *problem set (safe: it is not
 *          read). *escaped is set when a backslash was passed.
 */
const char *json_text_check(const char *p, const char *end, bool stop_at_escape, bool *escaped, const char **problem);

/*
 * Check and decode from p to the closing quote or to end; *out has room for end - p bytes and is moved on.
 * Returns  as above; `end` without a problem when there is no quote.
 */
const char *json_text_decode(const char *p, const char *end, char **out, const char **problem);

#endif

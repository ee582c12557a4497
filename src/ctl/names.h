/*
 * The hosts and plugins that the store knows: to list them, and to say which one was meant by a name that it does not.
 */
#ifndef CTL_NAMES_H
#define CTL_NAMES_H

#include "ctl/answer.h"

enum { NAMES_TIMEOUT_MS = 60000 };

/* By bytes: below 0, 0, above. */
int name_compare(struct text a, struct text b);

struct name_list {
	struct text *name; /* sorted by bytes */
	size_t n, capacity;
};

/* The keys of an object; they live as long as the answer. */
void name_list_read(struct answer *a, struct json_value object, struct name_list *out);
void name_list_fini(struct name_list *l);
bool name_list_has(const struct name_list *l, struct text name);
/* The known one that is the fewest edits away; TEXT_NONE when none is near. */
struct text name_list_nearest(const struct name_list *l, struct text name);

/* One a line, or an array. */
void names_print(const struct name_list *l, bool json);

/* Say that there is no such host or plugin, and which one may be meant. Returns EXIT_NOT_FINE, or what asking ended with. */
int names_no_host(struct ctl *ctl, const char *host);
int names_no_plugin(struct ctl *ctl, const char *host, const char *plugin);

/* Ask a verb of one host, or of all where host is NULL. As answer_ask(). */
CHECKED int names_ask(struct ctl *ctl, const char *verb, const char *host, struct answer *out);

#endif

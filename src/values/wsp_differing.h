/*
 * Files whose archives are not those that the configuration gives their series: each is noticed once a schema, when it is
 * written, and all together are said in one log line. Private to values/.
 */
#ifndef VALUES_WSP_DIFFERING_H
#define VALUES_WSP_DIFFERING_H

#include "model/point.h"
#include "model/schema.h"
#include "wsp/wsp.h"

struct differing;

struct differing *differing_new(void);
void differing_free(struct differing *d);

/* Which schema it is, never 0. To be asked before the schema itself. Threads: any. */
uint8_t differing_schema(const struct differing *d);
/*
 * Compare the archives of a file that is there (w) with what the schema of that number gives its series, unless `compared`
 * says that it was done. compared may be NULL: then nothing is done, for it would be done with every write. Threads: any.
 */
void differing_compare(struct differing *d, uint8_t *compared, uint8_t number, const struct schema *schema,
		       const struct series *s, const struct wsp *w);
/* Say how many there are, when no more came since the last call; once until differing_restart(). One thread. */
void differing_say(struct differing *d);
/* The schema is another one: compare all anew. Threads: any. */
void differing_restart(struct differing *d);

#endif

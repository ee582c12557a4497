/*
 * The newest time that the files of a plugin or host hold, as once looked up. Nobody but this process writes them, and what
 * it accepts it knows anyway: what was found stays a lower bound, until files are adopted (values/wsp_adopt.h).
 */
#ifndef QUERY_SEEN_FILES_H
#define QUERY_SEEN_FILES_H

#include "query/query.h"

/* What was found; bounded. Threads: any, no lock over I/O. */
struct seen_files;

struct seen_files *seen_files_new(void);
void seen_files_free(struct seen_files *f);

/*
 * Of one plugin, from the two of its files that were written last; 0: there is none, or none can be read. folder: the
 * host's, empty when it has none.
 */
uint32_t seen_files_plugin(const struct query *q, struct text host, struct text folder, struct text plugin);

/* What was put for a host less than ten minutes ago; false: nothing. */
bool seen_files_host(const struct query *q, struct text host, uint32_t *t_s);
/* changes: wsp_adopt_changes() before the files were looked at. */
void seen_files_put_host(const struct query *q, struct text host, uint32_t t_s, uint32_t changes);

#endif

/*
 * The staging folder of an import, and the requests that have its files adopted. Private to the import's files.
 * Source: docs/formats/control.md "adopt", "adopt_metadata".
 */
#ifndef CTL_IMPORT_STAGING_H
#define CTL_IMPORT_STAGING_H

#include "ctl/import.h"
#include "wire/reply.h"

enum { STAGING_NAME_BYTES = 32 };

/* Each returns EXIT_FINE, or what numeterctl ends with: said already. */

CHECKED int staging_open(struct import *im);
void staging_close(struct import *im);
/* A name that no staged file has. */
void staging_name(const struct import *im, char out[STAGING_NAME_BYTES]);
/* A new file in the staging folder, which is the daemon's to change; -1 with errno. */
int staging_create(int staging_fd, const char *name);
/* The same of a file that was made otherwise; 0, or -1 with errno. */
int staging_give(int staging_fd, int fd);

/* Tell what is known of one host, whose series these are. */
CHECKED int staging_tell(struct import *im, const struct import_source *source, struct text host,
			 const struct import_series *s, size_t n);
/* The staged file of series number i is ready: have it adopted, with others of its host. */
CHECKED int staging_adopt(struct import *im, size_t i, const char *name);
/* Those that wait, now: the host's series end here. */
CHECKED int staging_adopt_rest(struct import *im);

#endif

/*
 * Whether what is stored of a host or plugin was made up by us, for want of a message that says it: then a real one may
 * take its place. By its bytes, which are always the same for the same names.
 */
#ifndef INGEST_MADE_UP_H
#define INGEST_MADE_UP_H

#include <stdbool.h>

#include "base/text.h"

/* stored: the INFOS value of this plugin; bytes from anywhere. */
bool made_up_info(struct text plugin, struct text stored);
/* stored: the HOSTS value of this host. */
bool made_up_myinfo(struct text host, struct text stored);

#endif

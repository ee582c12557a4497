/*
 * What the access log says of one request: gathered while it is served, written when it is over. Nothing is kept when
 * there is no access log.
 */
#ifndef HTTP_ACCESS_H
#define HTTP_ACCESS_H

#include "http/request.h"

/* The request line has come: its target is kept before it is taken apart. */
void access_open(struct request *r, const char *target);
/* The headers have come. */
void access_begin(struct request *r, const char *method, const char *version);
/* It is over, its reply gone or the connection lost: write the line and let go. */
void access_end(struct request *r);

#endif

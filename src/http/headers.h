/*
 * What request headers mean. Pure functions of text; no socket here.
 * Source: RFC 9110 sections 8.3, 8.8.3, 11.4, 12.5.3, 13.1.2.
 */
#ifndef HTTP_HEADERS_H
#define HTTP_HEADERS_H

#include <stdbool.h>

#include "base/text.h"

/* Whether this Accept-Encoding (TEXT_NONE: none) wants gzip rather than plain bytes. */
bool headers_want_gzip(struct text accept_encoding);

/* Whether this Accept names text/html; ranges such as `*` are no name. */
bool headers_want_html(struct text accept);

/* Whether this If-None-Match names etag (`W/"…"` or `"…"`), compared weakly; `*` names everything. */
bool headers_names_etag(struct text if_none_match, struct text etag);

enum media { MEDIA_NONE, MEDIA_JSON, MEDIA_NDJSON, MEDIA_OTHER };

/* A Content-Type; parameters are allowed, a charset other than UTF-8 makes it MEDIA_OTHER. */
enum media headers_media(struct text content_type);

enum coding { CODING_NONE, CODING_GZIP, CODING_OTHER };

/* A Content-Encoding of a request. */
enum coding headers_coding(struct text content_encoding);

/* Whether this Authorization is `Bearer <token>`; takes the same time for every wrong token of the same length. */
bool headers_bear(struct text authorization, struct text token);

#endif

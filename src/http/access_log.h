/*
 * One line for each HTTP request, as nginx's combined format has it, and how many seconds it took:
 *
 *   127.0.0.1 - - [13/May/2014:17:53:37 +0000] "GET /numeter-storage/hosts?x=%22 HTTP/1.1" 200 2 "-" "curl/7.88.1" 0.001
 *
 * What a client sent is escaped as nginx does it: quote, backslash, control characters and bytes above 126 become \xHH.
 * No header but Referer and User-Agent is ever in it. Lines are written by the thread that served the request, after its
 * reply has gone.
 * Source: nginx, ngx_http_log_module "combined", "escape=default".
 */
#ifndef HTTP_ACCESS_LOG_H
#define HTTP_ACCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"

enum { ACCESS_LINE_MAX_BYTES = 256 * 1024, ACCESS_CLOSED_STATUS = 499 /* nginx: the client left before the answer */ };

/*
 * path NULL: no log. Threads: open and close while no server runs, reopen from the main loop.
 * Errors: RC_DISK; after a reopen that failed the old file is written on.
 */
CHECKED enum rc access_log_open(const char *path, struct why *why);
CHECKED enum rc access_log_reopen(struct why *why);
void access_log_close(void);
bool access_log_is_open(void);

/* A text of the client's, "-" when absent. */
void access_log_escape(struct buf *out, struct text t);

struct access {
	struct text client, method, target, version, referer, agent; /* TEXT_NONE: absent */
	unsigned status;
	uint64_t body_bytes;
	int64_t time_s; /* Unix seconds */
	int64_t took_ns;
};

/* With its line break. */
void access_log_print(const struct access *a, struct buf *out);
/* A whole line goes to the file. A disk that does not take it is said in the log, once a minute. Threads: any. */
void access_log_write(struct text line);

#endif

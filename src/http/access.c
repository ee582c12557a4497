#include "http/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/mem.h"
#include "http/access_log.h"

/* Texts are in the arena: MHD's own are not sure to be there at the end. */
struct access_note {
	struct arena arena;
	struct mono opened; /* the request line has come */
	struct access access;
};

void access_open(struct request *r, const char *target)
{
	if (!access_log_is_open())
		return;
	r->access = must_alloc(sizeof(*r->access));
	arena_init(&r->access->arena);
	r->access->opened = mono_now();
	r->access->access.target = arena_text(&r->access->arena, text_of(target));
}

static struct text client_of(struct request *r, struct arena *a)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info == NULL ? NULL : info->client_addr;
	char text[INET6_ADDRSTRLEN] = "";

	if (address == NULL)
		return TEXT_NONE;
	if (address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, text, sizeof(text));
	else if (address->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
			  sizeof(text));
	else
		return TEXT("unix:");
	return arena_text(a, text_of(text));
}

static struct text keep(struct arena *a, struct text t)
{
	return t.s == NULL ? t : arena_text(a, t);
}

void access_begin(struct request *r, const char *method, const char *version)
{
	struct access_note *n = r->access;

	if (n == NULL)
		return;
	n->access.method = arena_text(&n->arena, text_of(method));
	n->access.version = arena_text(&n->arena, text_of(version));
	n->access.client = client_of(r, &n->arena);
	n->access.referer = keep(&n->arena, request_header(r, MHD_HTTP_HEADER_REFERER));
	n->access.agent = keep(&n->arena, request_header(r, MHD_HTTP_HEADER_USER_AGENT));
}

void access_end(struct request *r)
{
	struct access_note *n = r->access;
	struct buf line;

	if (n == NULL)
		return;
	r->access = NULL;
	if (r->begun) {
		buf_init(&line, ACCESS_LINE_MAX_BYTES);
		n->access.status = r->answered ? r->answer.status : ACCESS_CLOSED_STATUS;
		n->access.body_bytes = r->answered && r->method != METHOD_HEAD ? r->answer.sent_bytes : 0;
		n->access.time_s = wall_now().s;
		n->access.took_ns = mono_now().ns - n->opened.ns;
		access_log_print(&n->access, &line);
		if (!line.full)
			access_log_write(buf_text(&line));
		buf_fini(&line);
	}
	arena_fini(&n->arena);
	free(n);
}

#include "config/kind.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/un.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/option.h"

enum { HOST_MAX = 253, UNIX_PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

/* One piece of a comma list; several are told apart by their part of the value. */
struct address {
	struct text host; /* without brackets */
	int port;         /* 0: none given */
	bool has_port;
};

/* The value is not shown when it may have a password in it: user:password@host. */
static enum rc refuse(const struct option *o, struct text culprit, struct text whole, struct why *why)
{
	return kind_refuse(o, memchr(whole.s, '@', whole.n) == NULL ? culprit : TEXT_NONE, why);
}

static bool is_v6(struct text t)
{
	char copy[HOST_MAX + 1];
	struct in6_addr ignored;
	char *zone;

	if (t.n > HOST_MAX)
		return false;
	memcpy(copy, t.s, t.n);
	copy[t.n] = '\0';
	zone = strchr(copy, '%'); /* fe80::1%eth0 */
	if (zone != NULL) {
		if (zone[1] == '\0' ||
		    strspn(zone + 1, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-") !=
			    strlen(zone + 1))
			return false;
		*zone = '\0';
	}
	return inet_pton(AF_INET6, copy, &ignored) == 1;
}

static bool is_name(struct text t)
{
	for (size_t i = 0; i < t.n; i++) {
		char c = t.s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		      c == '-' || c == '_'))
			return false;
	}
	return t.n > 0 && t.n <= HOST_MAX;
}

static bool read_port(struct text t, struct address *out)
{
	int port = 0;

	if (t.n == 0 || t.n > 5)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		if (t.s[i] < '0' || t.s[i] > '9')
			return false;
		port = port * 10 + (t.s[i] - '0');
	}
	out->port = port;
	out->has_port = true;
	return port <= 65535;
}

/* HOST, HOST:PORT, V6, [V6] or [V6]:PORT */
static bool read_address(struct text t, struct address *out)
{
	const char *end;

	*out = (struct address){ .host = t };
	if (t.n > 0 && t.s[0] == '[') {
		end = memchr(t.s, ']', t.n);
		if (end == NULL)
			return false;
		out->host = (struct text){ t.s + 1, (size_t)(end - t.s) - 1 };
		t = (struct text){ end + 1, t.n - out->host.n - 2 };
		if (t.n > 0 && (t.s[0] != ':' || !read_port((struct text){ t.s + 1, t.n - 1 }, out)))
			return false;
		return is_v6(out->host);
	}
	if (is_v6(t))
		return true;
	end = t.n == 0 ? NULL : memchr(t.s, ':', t.n);
	if (end != NULL) {
		out->host.n = (size_t)(end - t.s);
		if (!read_port((struct text){ end + 1, t.n - out->host.n - 1 }, out))
			return false;
	}
	return is_name(out->host);
}

static void print_address(const char *host, int port, bool with_port, struct buf *out)
{
	buf_addf(out, strchr(host, ':') == NULL ? "%s" : "[%s]", host);
	if (with_port)
		buf_addf(out, ":%d", port);
}

/* The next piece of a comma list, trimmed; false at the end. A list of n commas has n + 1 pieces. */
static bool next_piece(struct text *rest, struct text *piece)
{
	const char *comma;

	if (rest->s == NULL)
		return false;
	comma = memchr(rest->s, ',', rest->n);
	if (comma == NULL) {
		*piece = text_trim(*rest);
		*rest = TEXT_NONE;
	} else {
		*piece = text_trim((struct text){ rest->s, (size_t)(comma - rest->s) });
		rest->n -= (size_t)(comma - rest->s) + 1;
		rest->s = comma + 1;
	}
	return true;
}

static bool is_unix_path(struct text t)
{
	return t.n > 0 && t.n <= UNIX_PATH_MAX_BYTES && t.s[0] == '/' && !kind_has_control(t);
}

/* one server, by name, address or Unix socket; its port is an option of its own */

static enum rc parse_server(const struct option *o, struct text t, void *base, struct why *why)
{
	if (!is_unix_path(t) && !is_v6(t) && !is_name(t))
		return refuse(o, t, t, why);
	kind_set_text(option_field(o, base), t);
	return RC_OK;
}

static void print_server(const struct option *o, const void *base, struct buf *out)
{
	char *const *field = option_field_const(o, base);

	buf_add_text(out, text_of(*field));
}

static void fini_server(const struct option *o, void *base)
{
	kind_set_text(option_field(o, base), TEXT_NONE);
}

static void expect_server(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "a host name, an address or the absolute path of a Unix socket");
}

const struct kind kind_server = { "server", false, parse_server, print_server, fini_server, expect_server, NULL };

/* rpc_hosts: HOST[:PORT], … */

static void free_servers(struct config_server *server, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(server[i].host);
	free(server);
}

static enum rc parse_servers(const struct option *o, struct text t, void *base, struct why *why)
{
	struct config *c = base;
	struct config_server *server = NULL;
	struct text rest = t.n == 0 ? TEXT_NONE : t, piece;
	size_t n = 0, capacity = 0;
	enum rc rc = RC_OK;

	while (next_piece(&rest, &piece)) {
		struct address a;

		if (!read_address(piece, &a) || (a.has_port && a.port == 0)) {
			rc = refuse(o, piece, t, why);
			goto out;
		}
		array_grow(&server, &capacity, n, sizeof(*server));
		server[n++] = (struct config_server){ must_strndup(a.host.s, a.host.n), a.port };
	}
	free_servers(c->rpc_hosts, c->n_rpc_hosts);
	c->rpc_hosts = server;
	c->n_rpc_hosts = n;
	server = NULL;
	n = 0;
out:
	free_servers(server, n);
	return rc;
}

static void print_servers(const struct option *o, const void *base, struct buf *out)
{
	const struct config *c = base;

	(void)o;
	for (size_t i = 0; i < c->n_rpc_hosts; i++) {
		buf_add_str(out, i == 0 ? "" : ", ");
		print_address(c->rpc_hosts[i].host, c->rpc_hosts[i].port, c->rpc_hosts[i].port != 0, out);
	}
}

static void fini_servers(const struct option *o, void *base)
{
	struct config *c = base;

	(void)o;
	free_servers(c->rpc_hosts, c->n_rpc_hosts);
	c->rpc_hosts = NULL;
	c->n_rpc_hosts = 0;
}

static void expect_servers(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "HOST, HOST:PORT or [V6]:PORT, several with commas between");
}

const struct kind kind_servers = { "servers", true, parse_servers, print_servers, fini_servers, expect_servers, NULL };

/* http_listen: ADDRESS:PORT, [V6]:PORT, unix:PATH */

static void free_listens(struct config_listen *listen, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(listen[i].address);
		free(listen[i].unix_path);
	}
	free(listen);
}

static bool read_listen(struct text t, bool unix_too, struct config_listen *out)
{
	struct address a;

	if (t.n > 5 && strncasecmp(t.s, "unix:", 5) == 0) {
		t = (struct text){ t.s + 5, t.n - 5 };
		if (!unix_too || !is_unix_path(t))
			return false;
		*out = (struct config_listen){ .unix_path = must_strndup(t.s, t.n) };
		return true;
	}
	if (!read_address(t, &a) || !a.has_port)
		return false;
	*out = (struct config_listen){ .address = must_strndup(a.host.s, a.host.n), .port = a.port };
	return true;
}

static void print_listen(const struct config_listen *listen, struct buf *out)
{
	if (listen->unix_path != NULL)
		buf_addf(out, "unix:%s", listen->unix_path);
	else
		print_address(listen->address, listen->port, true, out);
}

static enum rc read_listens(const struct option *o, struct text t, bool unix_too, struct config_listen **out,
			    size_t *n_out, struct why *why)
{
	struct config_listen *listen = NULL;
	struct text rest = t.n == 0 ? TEXT_NONE : t, piece;
	size_t n = 0, capacity = 0;

	while (next_piece(&rest, &piece)) {
		array_grow(&listen, &capacity, n, sizeof(*listen));
		if (!read_listen(piece, unix_too, &listen[n])) {
			free_listens(listen, n);
			return refuse(o, piece, t, why);
		}
		n++;
	}
	*out = listen;
	*n_out = n;
	return RC_OK;
}

static enum rc parse_listens(const struct option *o, struct text t, void *base, struct why *why)
{
	struct config *c = base;
	struct config_listen *listen;
	size_t n;
	enum rc rc = read_listens(o, t, true, &listen, &n, why);

	if (rc != RC_OK)
		return rc;
	free_listens(c->http_listen, c->n_http_listen);
	c->http_listen = listen;
	c->n_http_listen = n;
	return RC_OK;
}

static void print_listens(const struct option *o, const void *base, struct buf *out)
{
	const struct config *c = base;

	(void)o;
	for (size_t i = 0; i < c->n_http_listen; i++) {
		buf_add_str(out, i == 0 ? "" : ", ");
		print_listen(&c->http_listen[i], out);
	}
}

static void fini_listens(const struct option *o, void *base)
{
	struct config *c = base;

	(void)o;
	free_listens(c->http_listen, c->n_http_listen);
	c->http_listen = NULL;
	c->n_http_listen = 0;
}

static void expect_listens(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "ADDRESS:PORT, [V6]:PORT or unix:/PATH, several with commas between");
}

const struct kind kind_listens = {
	"addresses", true, parse_listens, print_listens, fini_listens, expect_listens, NULL
};

/* carbon_listen: as http_listen without Unix sockets, kept as text in the one form that print_listen() writes */

static enum rc parse_tcp_listens(const struct option *o, struct text t, void *base, struct why *why)
{
	struct config_listen *listen;
	struct buf text;
	size_t n;
	enum rc rc = read_listens(o, t, false, &listen, &n, why);

	if (rc != RC_OK)
		return rc;
	buf_init(&text, SIZE_MAX);
	for (size_t i = 0; i < n; i++) {
		buf_add_str(&text, i == 0 ? "" : ", ");
		print_listen(&listen[i], &text);
	}
	kind_set_text(option_field(o, base), buf_text(&text));
	buf_fini(&text);
	free_listens(listen, n);
	return RC_OK;
}

static void expect_tcp_listens(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "ADDRESS:PORT or [V6]:PORT, several with commas between");
}

const struct kind kind_tcp_listens = { "addresses",        true, parse_tcp_listens, print_server, fini_server,
				       expect_tcp_listens, NULL };

/* http_cors_origin: `*` or an origin as browsers send it (RFC 6454): no path, no slash at the end */

static enum rc parse_origin(const struct option *o, struct text t, void *base, struct why *why)
{
	const char *separator = t.n == 0 ? NULL : memmem(t.s, t.n, "://", 3);

	if (t.n > 0 && !text_is(t, "*")) {
		struct text rest;
		struct address a;

		if (separator == NULL)
			return refuse(o, t, t, why);
		rest = (struct text){ separator + 3, t.n - (size_t)(separator - t.s) - 3 };
		if (!is_name((struct text){ t.s, (size_t)(separator - t.s) }) || !read_address(rest, &a))
			return refuse(o, t, t, why);
	}
	kind_set_text(option_field(o, base), t);
	return RC_OK;
}

static void expect_origin(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "* or one origin such as https://graphs.example.org, without a path");
}

const struct kind kind_origin = { "origin", false, parse_origin, print_server, fini_server, expect_origin, NULL };

/* metadata: redis or sqlite:PATH */

static enum rc parse_metadata(const struct option *o, struct text t, void *base, struct why *why)
{
	struct config *c = base;
	struct text path = t;

	if (t.n == 5 && strncasecmp(t.s, "redis", 5) == 0) {
		c->metadata = CONFIG_METADATA_REDIS;
		kind_set_text(&c->sqlite_path, TEXT_NONE);
		return RC_OK;
	}
	if (t.n < 8 || strncasecmp(t.s, "sqlite:", 7) != 0)
		return kind_refuse(o, t, why);
	path = (struct text){ t.s + 7, t.n - 7 };
	if (path.s[0] != '/' || path.n > (size_t)o->most || kind_has_control(path))
		return kind_refuse(o, t, why);
	c->metadata = CONFIG_METADATA_SQLITE;
	kind_set_text(&c->sqlite_path, path);
	return RC_OK;
}

static void print_metadata(const struct option *o, const void *base, struct buf *out)
{
	const struct config *c = base;

	(void)o;
	if (c->metadata == CONFIG_METADATA_SQLITE)
		buf_addf(out, "sqlite:%s", c->sqlite_path);
	else
		buf_add_str(out, "redis");
}

static void fini_metadata(const struct option *o, void *base)
{
	struct config *c = base;

	(void)o;
	kind_set_text(&c->sqlite_path, TEXT_NONE);
}

static void expect_metadata(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "redis or sqlite:/PATH");
}

const struct kind kind_metadata = {
	"store", false, parse_metadata, print_metadata, fini_metadata, expect_metadata, NULL
};

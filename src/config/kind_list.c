#include "config/kind.h"

#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "config/address.h"
#include "config/config.h"
#include "config/option.h"

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

/* rpc_hosts: HOST[:PORT], … */

static void free_servers(struct config_servers *servers)
{
	for (size_t i = 0; i < servers->n; i++)
		free(servers->at[i].host);
	free(servers->at);
	*servers = (struct config_servers){ 0 };
}

static enum rc parse_servers(const struct option *o, struct text t, void *base, struct why *why)
{
	struct config_servers *field = option_field(o, base), read = { 0 };
	struct text rest = t.n == 0 ? TEXT_NONE : t, piece;
	size_t capacity = 0;
	enum rc rc = RC_OK;

	while (next_piece(&rest, &piece)) {
		struct address a;

		if (!address_read(piece, &a) || (a.has_port && a.port == 0)) {
			rc = kind_refuse_address(o, piece, t, why);
			goto out;
		}
		array_grow(&read.at, &capacity, read.n, sizeof(*read.at));
		read.at[read.n++] = (struct config_server){ must_strndup(a.host.s, a.host.n), a.port };
	}
	free_servers(field);
	*field = read;
	read = (struct config_servers){ 0 };
out:
	free_servers(&read);
	return rc;
}

static void print_servers(const struct option *o, const void *base, struct buf *out)
{
	const struct config_servers *field = option_field_const(o, base);

	for (size_t i = 0; i < field->n; i++) {
		buf_add_str(out, i == 0 ? "" : ", ");
		address_print(field->at[i].host, field->at[i].port, field->at[i].port != 0, out);
	}
}

static void fini_servers(const struct option *o, void *base)
{
	free_servers(option_field(o, base));
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
		if (!unix_too || !address_is_unix_path(t))
			return false;
		*out = (struct config_listen){ .unix_path = must_strndup(t.s, t.n) };
		return true;
	}
	if (!address_read(t, &a) || !a.has_port)
		return false;
	*out = (struct config_listen){ .address = must_strndup(a.host.s, a.host.n), .port = a.port };
	return true;
}

static void print_listen(const struct config_listen *listen, struct buf *out)
{
	if (listen->unix_path != NULL)
		buf_addf(out, "unix:%s", listen->unix_path);
	else
		address_print(listen->address, listen->port, true, out);
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
			return kind_refuse_address(o, piece, t, why);
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
	struct config_listen *listen = NULL;
	struct buf text;
	size_t n = 0;
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

const struct kind kind_tcp_listens = { "addresses",        true, parse_tcp_listens, kind_print_text, kind_fini_text,
				       expect_tcp_listens, NULL };

#include "config/kind.h"

#include <strings.h>

#include "config/address.h"
#include "config/config.h"
#include "config/option.h"

enum rc kind_refuse_address(const struct option *o, struct text culprit, struct text whole, struct why *why)
{
	return kind_refuse(o, memchr(whole.s, '@', whole.n) == NULL ? culprit : TEXT_NONE, why);
}

/* one server, by name, address or Unix socket; its port is an option of its own */

static enum rc parse_server(const struct option *o, struct text t, void *base, struct why *why)
{
	if (!address_is_unix_path(t) && !address_is_v6(t) && !address_is_name(t))
		return kind_refuse_address(o, t, t, why);
	kind_set_text(option_field(o, base), t);
	return RC_OK;
}

static void expect_server(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "a host name, an address or the absolute path of a Unix socket");
}

const struct kind kind_server = { "server", false, parse_server, kind_print_text, kind_fini_text, expect_server, NULL };

/* http_cors_origin: `*` or an origin as browsers send it (RFC 6454): no path, no slash at the end */

static bool is_origin(struct text t)
{
	const char *colon = memchr(t.s, ':', t.n);
	struct text scheme, rest;
	struct address ignored;

	if (colon == NULL)
		return false;
	scheme = (struct text){ t.s, (size_t)(colon - t.s) };
	rest = (struct text){ colon, t.n - scheme.n };
	return address_is_name(scheme) && rest.n > 3 && memcmp(rest.s, "://", 3) == 0 &&
	       address_read((struct text){ rest.s + 3, rest.n - 3 }, &ignored);
}

static enum rc parse_origin(const struct option *o, struct text t, void *base, struct why *why)
{
	if (t.n > 0 && !text_is(t, "*") && !is_origin(t))
		return kind_refuse_address(o, t, t, why);
	kind_set_text(option_field(o, base), t);
	return RC_OK;
}

static void expect_origin(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "* or one origin such as https://graphs.example.org, without a path");
}

const struct kind kind_origin = { "origin", false, parse_origin, kind_print_text, kind_fini_text, expect_origin, NULL };

/* metadata: redis or sqlite:PATH */

static enum rc parse_metadata(const struct option *o, struct text t, void *base, struct why *why)
{
	struct config *c = base;
	struct text path;

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

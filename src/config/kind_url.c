#include "config/kind.h"

#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "config/address.h"
#include "config/option.h"
#include "config/poller_config.h"
#include "model/name.h"

/* storage_url: http://HOST[:PORT][/PATH] or unix:/SOCKET */

enum { HTTP_PORT = 80 };
static const char default_path[] = "/numeter-storage/ingest";

static void free_url(struct config_url *url)
{
	free(url->host);
	free(url->path);
	free(url->unix_path);
	*url = (struct config_url){ 0 };
}

/* Nothing that would end a line of the request, or is not for a server to see. */
static bool is_path(struct text t)
{
	for (size_t i = 0; i < t.n; i++)
		if (t.s[i] <= ' ' || t.s[i] > '~' || t.s[i] == '#')
			return false;
	return true;
}

static bool read_url(struct text t, struct config_url *out)
{
	struct text path = text_of(default_path);
	struct address a;
	const char *slash;

	if (t.n > 5 && strncasecmp(t.s, "unix:", 5) == 0) {
		t = (struct text){ t.s + 5, t.n - 5 };
		if (!address_is_unix_path(t))
			return false;
		*out = (struct config_url){ .unix_path = must_strndup(t.s, t.n), .path = must_strdup(default_path) };
		return true;
	}
	if (t.n <= 7 || strncasecmp(t.s, "http://", 7) != 0)
		return false;
	t = (struct text){ t.s + 7, t.n - 7 };
	slash = memchr(t.s, '/', t.n);
	if (slash != NULL) {
		size_t n = (size_t)(slash - t.s);

		if (t.n > n + 1)
			path = (struct text){ slash, t.n - n };
		t.n = n;
	}
	if (!address_read(t, &a) || (a.has_port && a.port == 0) || !is_path(path))
		return false;
	*out = (struct config_url){ .host = must_strndup(a.host.s, a.host.n),
				    .port = a.has_port ? a.port : HTTP_PORT,
				    .path = must_strndup(path.s, path.n) };
	return true;
}

static enum rc parse_url(const struct option *o, struct text t, void *base, struct why *why)
{
	struct config_url *field = option_field(o, base), read = { 0 };

	if (t.n > (size_t)o->most || (t.n > 0 && !read_url(t, &read)))
		return kind_refuse_address(o, t, t, why);
	free_url(field);
	*field = read;
	return RC_OK;
}

static void print_url(const struct option *o, const void *base, struct buf *out)
{
	const struct config_url *field = option_field_const(o, base);

	if (field->unix_path != NULL)
		buf_addf(out, "unix:%s", field->unix_path);
	if (field->host == NULL)
		return;
	buf_add_str(out, "http://");
	address_print(field->host, field->port, true, out);
	buf_add_str(out, field->path);
}

static void fini_url(const struct option *o, void *base)
{
	free_url(option_field(o, base));
}

static void expect_url(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "http://HOST, http://HOST:PORT/PATH or unix:/PATH");
}

const struct kind kind_url = { "url", false, parse_url, print_url, fini_url, expect_url, NULL };

/* the name of a host, as the storage takes it */

static enum rc parse_name(const struct option *o, struct text t, void *base, struct why *why)
{
	if (t.n > 0 && name_check_host(t, NULL) != RC_OK)
		return kind_refuse(o, t, why);
	kind_set_text(option_field(o, base), t);
	return RC_OK;
}

static void expect_name(const struct option *o, struct buf *out)
{
	(void)o;
	buf_addf(out, "1 to %d bytes of UTF-8 without control characters", NAME_MAX_BYTES);
}

const struct kind kind_name = { "text", false, parse_name, kind_print_text, kind_fini_text, expect_name, "text" };

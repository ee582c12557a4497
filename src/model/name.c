#include "model/name.h"

#include <md5.h>
#include <stdio.h>

static enum rc check_common(struct text t, struct why *why)
{
	if (t.n == 0)
		return because(why, RC_REFUSED, "empty name: expected 1 to %d bytes", NAME_MAX_BYTES);
	if (t.n > NAME_MAX_BYTES)
		return because(why, RC_REFUSED, "name of %zu bytes: expected 1 to %d", t.n, NAME_MAX_BYTES);
	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.s[i];

		if (c < 0x20 || c == 0x7F || (c == 0xC2 && i + 1 < t.n && (unsigned char)t.s[i + 1] < 0xA0))
			return because(why, RC_REFUSED, "control character at byte %zu of the name", i);
	}
	if (!text_is_utf8(t))
		return because(why, RC_REFUSED, "name is not UTF-8");
	if (text_is(t, ".") || text_is(t, ".."))
		return because(why, RC_REFUSED, "name \"%.*s\" is a folder's own", TEXT_ARG(t));
	return RC_OK;
}

enum rc name_check_host(struct text t, struct why *why)
{
	return check_common(t, why);
}

enum rc name_check_plugin_or_ds(struct text t, struct why *why)
{
	enum rc rc = check_common(t, why);

	if (rc != RC_OK)
		return rc;
	if (memchr(t.s, '/', t.n) != NULL)
		return because(why, RC_REFUSED, "name \"%.*s\" holds a /", TEXT_ARG(t));
	return RC_OK;
}

void name_md5(struct text t, char out[MD5_HEX_BYTES + 1])
{
	uint8_t digest[MD5_DIGEST_LENGTH];
	MD5_CTX context;

	MD5Init(&context);
	MD5Update(&context, (const uint8_t *)(t.s == NULL ? "" : t.s), t.n);
	MD5Final(digest, &context);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

size_t name_filtered(struct text host, char out[NAME_MAX_BYTES + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < host.n && n < NAME_MAX_BYTES; i++)
		if (strchr(" \"/.'", host.s[i]) == NULL || host.s[i] == '\0')
			out[n++] = host.s[i];
	out[n] = '\0';
	return n;
}

void name_folder(struct text host, unsigned n_digits, bool suffixed, char out[FOLDER_MAX_BYTES])
{
	char md5[MD5_HEX_BYTES + 1], filtered[NAME_MAX_BYTES + 1];
	size_t n;

	must(n_digits >= 1 && n_digits <= MD5_HEX_BYTES);
	name_md5(host, md5);
	n = name_filtered(host, filtered);
	if (!suffixed && n > 0) {
		snprintf(out, FOLDER_MAX_BYTES, "%.*s/%s", (int)n_digits, md5, filtered);
		return;
	}
	if (n > 255 - 9) {
		n = 255 - 9;
		while (n > 0 && ((unsigned char)filtered[n] & 0xC0) == 0x80)
			n--;
	}
	snprintf(out, FOLDER_MAX_BYTES, "%.*s/%.*s-%.8s", (int)n_digits, md5, (int)n, filtered, md5);
}

/* Bytes of path that spell root, any run of slashes being one; 0 when it does not begin with it. */
static size_t root_bytes(struct text path, struct text root)
{
	size_t p = 0, r = 0;

	while (r < root.n) {
		if (p == path.n || path.s[p] != root.s[r])
			return 0;
		if (path.s[p] == '/') {
			while (p < path.n && path.s[p] == '/')
				p++;
			while (r < root.n && root.s[r] == '/')
				r++;
		} else {
			p++;
			r++;
		}
	}
	return p;
}

struct text name_folder_below(struct text path, struct text root)
{
	size_t start, at;

	while (root.n > 0 && root.s[root.n - 1] == '/')
		root.n--;
	while (path.n > 1 && path.s[path.n - 1] == '/')
		path.n--;
	at = root_bytes(path, root);
	if ((at == 0 && root.n > 0) || at >= path.n || path.s[at] != '/')
		return TEXT_NONE;
	while (at < path.n && path.s[at] == '/')
		at++;
	struct text below = { path.s + at, path.n - at };

	if (below.n == 0 || below.n >= FOLDER_MAX_BYTES || memchr(below.s, '\0', below.n) != NULL)
		return TEXT_NONE;
	start = 0;
	for (size_t i = 0; i <= below.n; i++) {
		if (i < below.n && below.s[i] != '/')
			continue;
		if (i == start || below.s[start] == '.')
			return TEXT_NONE;
		start = i + 1;
	}
	return below;
}

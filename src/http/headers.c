#include "http/headers.h"

#include <strings.h>

static bool same_word(struct text t, const char *word)
{
	return t.n == strlen(word) && strncasecmp(t.s, word, t.n) == 0;
}

/* The part up to the next `separator`, trimmed; *rest is what follows. Quotes are not looked at. */
static struct text next_part(struct text *rest, char separator)
{
	const char *end = rest->n == 0 ? NULL : memchr(rest->s, separator, rest->n);
	struct text part = { rest->s, end == NULL ? rest->n : (size_t)(end - rest->s) };

	*rest = end == NULL ? TEXT_NONE : (struct text){ end + 1, rest->n - part.n - 1 };
	return text_trim(part);
}

/* A weight as thousandths: "0.5" → 500; 1000 when it cannot be read. */
static int weight(struct text t)
{
	int scale = 1000, v = 0;

	if (t.n == 0 || t.n > 5 || (t.s[0] != '0' && t.s[0] != '1') || (t.n > 1 && t.s[1] != '.'))
		return 1000;
	v = (t.s[0] - '0') * scale;
	for (size_t i = 2; i < t.n; i++) {
		if (t.s[i] < '0' || t.s[i] > '9')
			return 1000;
		scale /= 10;
		v += (t.s[i] - '0') * scale;
	}
	return v > 1000 ? 1000 : v;
}

/* The q parameter among `;`-separated ones. */
static int weight_among(struct text parameters)
{
	while (parameters.n > 0) {
		struct text p = next_part(&parameters, ';');

		if (p.n >= 2 && (p.s[0] == 'q' || p.s[0] == 'Q') && p.s[1] == '=')
			return weight((struct text){ p.s + 2, p.n - 2 });
	}
	return 1000;
}

bool headers_want_gzip(struct text accept)
{
	int gzip = -1, any = -1, identity = -1;

	while (accept.n > 0) {
		struct text item = next_part(&accept, ',');
		struct text coding = next_part(&item, ';');
		int q = weight_among(item);

		if (same_word(coding, "gzip") || same_word(coding, "x-gzip"))
			gzip = q;
		else if (same_word(coding, "*"))
			any = q;
		else if (same_word(coding, "identity"))
			identity = q;
	}
	if (gzip < 0)
		gzip = any;
	return gzip > 0 && gzip >= identity;
}

bool headers_want_html(struct text accept)
{
	while (accept.n > 0) {
		struct text item = next_part(&accept, ',');
		struct text media = next_part(&item, ';');

		if (same_word(media, "text/html") && weight_among(item) > 0)
			return true;
	}
	return false;
}

static struct text opaque(struct text etag)
{
	if (etag.n >= 2 && etag.s[0] == 'W' && etag.s[1] == '/')
		return (struct text){ etag.s + 2, etag.n - 2 };
	return etag;
}

bool headers_names_etag(struct text list, struct text etag)
{
	while (list.n > 0) {
		struct text item = next_part(&list, ',');

		if (text_is(item, "*") || text_equal(opaque(item), opaque(etag)))
			return true;
	}
	return false;
}

enum media headers_media(struct text type)
{
	struct text name;
	enum media media;

	if (type.s == NULL)
		return MEDIA_NONE;
	name = next_part(&type, ';');
	if (same_word(name, "application/json"))
		media = MEDIA_JSON;
	else if (same_word(name, "application/x-ndjson") || same_word(name, "application/ndjson"))
		media = MEDIA_NDJSON;
	else
		return MEDIA_OTHER;
	while (type.n > 0) {
		struct text value = next_part(&type, ';'), key = next_part(&value, '=');

		if (same_word(key, "charset") && !same_word(value, "utf-8") && !same_word(value, "utf8") &&
		    !same_word(value, "\"utf-8\""))
			return MEDIA_OTHER;
	}
	return media;
}

enum coding headers_coding(struct text t)
{
	t = text_trim(t);
	if (t.n == 0 || same_word(t, "identity"))
		return CODING_NONE;
	return same_word(t, "gzip") || same_word(t, "x-gzip") ? CODING_GZIP : CODING_OTHER;
}

bool headers_bear(struct text authorization, struct text token)
{
	struct text rest = text_trim(authorization), scheme = next_part(&rest, ' ');
	unsigned char differs = 0;

	rest = text_trim(rest);
	if (!same_word(scheme, "bearer") || rest.n != token.n)
		return false;
	for (size_t i = 0; i < token.n; i++)
		differs |= (unsigned char)(rest.s[i] ^ token.s[i]);
	return differs == 0;
}

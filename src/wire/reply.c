#include "wire/reply.h"

#include <math.h>

#include "base/base64.h"
#include "wire/json.h"
#include "wire/json_scan.h"
#include "wire/print_number.h"

/* The length of the well-formed sequence above ASCII at p; 0 when there is none. */
static size_t good_utf8(const char *p, const char *end)
{
	size_t n;

	for (n = 1; n < 4 && p + n < end && ((unsigned char)p[n] & 0xC0) == 0x80; n++)
		;
	for (; n > 1; n--)
		if (text_is_utf8((struct text){ p, n }))
			return n;
	return 0;
}

static const char *add_special(struct buf *out, const char *p, const char *end)
{
	static const char letters[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };
	unsigned char c = (unsigned char)*p;
	size_t n;

	if (c >= 0x80) {
		n = good_utf8(p, end);
		if (n == 0) {
			buf_add_str(out, "\xEF\xBF\xBD");
			return p + 1;
		}
		buf_add(out, p, n);
		return p + n;
	}
	if (c == '"' || c == '\\')
		buf_add(out, (const char[]){ '\\', (char)c }, 2);
	else if (c < sizeof(letters) && letters[c] != '\0')
		buf_add(out, (const char[]){ '\\', letters[c] }, 2);
	else
		buf_addf(out, "\\u%04x", c);
	return p + 1;
}

static void add_escaped(struct buf *out, struct text t)
{
	const char *p = t.s, *end = t.s + t.n;

	while (p < end) {
		const char *stop = json_plain_end(p, end);

		buf_add(out, p, (size_t)(stop - p));
		p = stop < end ? add_special(out, stop, end) : stop;
	}
}

void reply_string(struct buf *out, struct text t)
{
	buf_add_str(out, "\"");
	if (t.n > 0)
		add_escaped(out, t);
	buf_add_str(out, "\"");
}

void reply_number(struct buf *out, double v)
{
	char digits[PRINT_NUMBER_MAX_BYTES];

	if (isfinite(v))
		buf_add(out, digits, print_number(v, digits));
	else
		buf_add_str(out, "null");
}

static void add_hash_members(struct buf *out, struct text hash, struct text filtered_name)
{
	buf_add_str(out, "\"hostIDHash\": ");
	reply_string(out, hash);
	buf_add_str(out, ", \"HostIDFiltredName\": ");
	reply_string(out, filtered_name);
	buf_add_str(out, "}");
}

/* A value as it came; strings get their quotes back. */
static void add_value(struct buf *out, struct json_value v)
{
	const char *quote = v.type == JSON_STRING ? "\"" : "";

	buf_add_str(out, quote);
	buf_add_text(out, v.raw);
	buf_add_str(out, quote);
}

void reply_myinfo(struct arena *a, struct buf *out, struct text payload, struct text hash, struct text filtered_name)
{
	struct json_value object, value;
	struct json_walk walk;
	struct text key, name;
	bool escaped;

	must(json_check(payload, false, &object, NULL) == RC_OK && object.type == JSON_OBJECT);
	walk = json_walk(object);
	buf_add_str(out, "{");
	while (json_next_member(&walk, &key, &escaped, &value)) {
		name = json_string(a, key, escaped);
		if (text_is(name, "hostIDHash") || text_is(name, "HostIDFiltredName"))
			continue;
		buf_add_str(out, "\"");
		buf_add_text(out, key);
		buf_add_str(out, "\": ");
		add_value(out, value);
		buf_add_str(out, ", ");
	}
	add_hash_members(out, hash, filtered_name);
}

void reply_default_myinfo(struct buf *out, struct text host, struct text hash, struct text filtered_name)
{
	buf_add_str(out, "{\"Plugin\": \"MyInfo\", \"ID\": ");
	reply_string(out, host);
	buf_add_str(out, ", \"Name\": ");
	reply_string(out, host);
	buf_add_str(out, ", \"Description\": \"\", ");
	add_hash_members(out, hash, filtered_name);
}

void reply_default_info(struct buf *out, struct text plugin, const struct text *ds, size_t n_ds)
{
	buf_add_str(out, "{\"Plugin\": ");
	reply_string(out, plugin);
	buf_add_str(out, ", \"Base\": \"1000\", \"Title\": ");
	reply_string(out, plugin);
	buf_add_str(out, ", \"Category\": \"other\", \"Infos\": {");
	for (size_t i = 0; i < n_ds; i++) {
		buf_add_str(out, i == 0 ? "" : ", ");
		reply_string(out, ds[i]);
		buf_add_str(out, ": {\"id\": ");
		reply_string(out, ds[i]);
		buf_add_str(out, "}");
	}
	buf_add_str(out, "}}");
}

/* The answer as JSON text inside the envelope. */
static void add_reply(struct buf *out, struct text result_json, const char *middle, struct text msg_id,
		      const char *unique_id)
{
	struct buf inner;

	buf_init(&inner, out->max);
	buf_add_str(&inner, "{\"result\": ");
	buf_add_text(&inner, result_json);
	buf_add_str(&inner, middle);
	reply_string(&inner, msg_id);
	buf_add_str(&inner, ", \"_unique_id\": ");
	reply_string(&inner, text_of(unique_id));
	buf_add_str(&inner, "}");
	buf_add_str(out, "{\"oslo.version\": \"2.0\", \"oslo.message\": ");
	reply_string(out, buf_text(&inner));
	buf_add_str(out, "}");
	out->full |= inner.full;
	buf_fini(&inner);
}

void reply_call_result(struct buf *out, struct text result_json, struct text msg_id, const char *unique_id)
{
	add_reply(out, result_json, ", \"failure\": null, \"_msg_id\": ", msg_id, unique_id);
}

void reply_call_ending(struct buf *out, struct text msg_id, const char *unique_id)
{
	add_reply(out, TEXT("null"), ", \"failure\": null, \"ending\": true, \"_msg_id\": ", msg_id, unique_id);
}

/* RFC 4648 section 4. */
static void add_text_or_null(struct buf *out, struct text t)
{
	if (t.s == NULL)
		buf_add_str(out, "null");
	else
		reply_string(out, t);
}

void reply_rejected(struct buf *out, int64_t time_s, const char *input, const struct refusal *refusal,
		    const struct text *ds, size_t n_ds, struct text body)
{
	buf_addf(out, "{\"time\": %lld, \"input\": \"%s\", \"host\": ", (long long)time_s, input);
	add_text_or_null(out, refusal->host);
	buf_add_str(out, ", \"plugin\": ");
	add_text_or_null(out, refusal->plugin);
	buf_addf(out, ", \"reason\": \"%s\", \"detail\": ", reason_code(refusal->reason));
	reply_string(out, text_of(refusal->detail));
	for (size_t i = 0; i < n_ds; i++) {
		buf_add_str(out, i == 0 ? ", \"ds\": [" : ", ");
		reply_string(out, ds[i]);
	}
	buf_add_str(out, n_ds > 0 ? "], " : ", ");
	if (text_is_utf8(body)) {
		buf_add_str(out, "\"body\": ");
		reply_string(out, body);
	} else {
		buf_add_str(out, "\"body_base64\": \"");
		base64_add(out, body);
		buf_add_str(out, "\"");
	}
	buf_add_str(out, "}\n");
}

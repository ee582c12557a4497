#include "upkeep/entry.h"

#include <stdlib.h>

#include "base/mem.h"
#include "model/name.h"
#include "wire/json.h"
#include "wire/number.h"
#include "wire/reply.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const char *const kinds[] = { [ENTRY_HOST] = "host", [ENTRY_PLUGIN] = "plugin", [ENTRY_FILES] = "files" };

static const struct {
	enum meta_hash hash;
	const char *name;
} hashes[] = {
	{ META_HOSTS, "HOSTS" },
	{ META_HOST_ID, "HOST_ID" },
	{ META_WSP_PATH, "WSP_PATH" },
	{ META_INFOS, "INFOS" },
};

const char *entry_kind_name(enum entry_kind kind)
{
	return kinds[kind];
}

void entry_init(struct entry *e)
{
	*e = (struct entry){ 0 };
	arena_init(&e->arena);
}

void entry_fini(struct entry *e)
{
	free(e->value);
	arena_fini(&e->arena);
}

static void add_value(struct entry *e, struct entry_value v)
{
	array_grow(&e->value, &e->capacity, e->n_values, sizeof(*e->value));
	e->value[e->n_values++] = v;
}

void entry_add_value(struct entry *e, enum meta_hash hash, struct text field, struct text value)
{
	add_value(e, (struct entry_value){ hash, arena_text(&e->arena, field), arena_text(&e->arena, value) });
}

static void print_base64(struct buf *out, struct text t)
{
	for (size_t i = 0; i < t.n; i += 3) {
		unsigned char b[3] = { 0 };
		size_t n = t.n - i < 3 ? t.n - i : 3;
		char four[4];

		memcpy(b, t.s + i, n);
		four[0] = digits[b[0] >> 2];
		four[1] = digits[(b[0] & 3) << 4 | b[1] >> 4];
		four[2] = n > 1 ? digits[(b[1] & 15) << 2 | b[2] >> 6] : '=';
		four[3] = n > 2 ? digits[b[2] & 63] : '=';
		buf_add(out, four, sizeof(four));
	}
}

/* "NAME": "text", or "NAME_base64" where it is not UTF-8; "NAME": null for TEXT_NONE. */
static void print_member(struct buf *out, const char *name, struct text t)
{
	if (t.s == NULL) {
		buf_addf(out, "\"%s\": null", name);
	} else if (text_is_utf8(t)) {
		buf_addf(out, "\"%s\": ", name);
		reply_string(out, t);
	} else {
		buf_addf(out, "\"%s_base64\": \"", name);
		print_base64(out, t);
		buf_add_str(out, "\"");
	}
}

static const char *hash_name(enum meta_hash hash)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (hashes[i].hash == hash)
			return hashes[i].name;
	must(!"a hash that entries hold");
	return NULL;
}

void entry_print(const struct entry *e, struct buf *out)
{
	buf_addf(out, "{\"version\": 1, \"kind\": \"%s\", ", kinds[e->kind]);
	print_member(out, "host", e->host);
	buf_add_str(out, ", ");
	print_member(out, "plugin", e->plugin);
	buf_add_str(out, ", ");
	print_member(out, "ds", e->ds);
	buf_add_str(out, ", ");
	print_member(out, "folder", e->folder);
	buf_add_str(out, ", ");
	print_member(out, "why", e->why);
	buf_addf(out, ", \"time\": %lld, \"metadata\": [", (long long)e->time_s);
	for (size_t i = 0; i < e->n_values; i++) {
		buf_addf(out, "%s\n {\"key\": \"%s\", ", i == 0 ? "" : ",", hash_name(e->value[i].hash));
		print_member(out, "field", e->value[i].field);
		buf_add_str(out, ", ");
		print_member(out, "value", e->value[i].value);
		buf_add_str(out, "}");
	}
	buf_add_str(out, "]}\n");
}

static int digit_of(char c)
{
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* False: no base64. */
static bool read_base64(struct arena *a, struct text t, struct text *out)
{
	char *bytes = arena_alloc(a, t.n / 4 * 3 + 1);
	size_t n = 0;

	for (size_t i = 0; i < t.n; i += 4) {
		unsigned bits = 0, n_bytes = 3;

		if (t.n - i < 4)
			return false;
		for (size_t k = 0; k < 4; k++) {
			int digit = digit_of(t.s[i + k]);

			if (digit < 0 && t.s[i + k] == '=' && i + 4 == t.n && k >= 2 && (k == 3 || t.s[i + 3] == '=')) {
				n_bytes = n_bytes > k - 1 ? (unsigned)k - 1 : n_bytes;
				digit = 0;
			}
			if (digit < 0)
				return false;
			bits = bits << 6 | (unsigned)digit;
		}
		for (unsigned k = 0; k < n_bytes; k++)
			bytes[n++] = (char)(bits >> (16 - 8 * k) & 0xFF);
	}
	*out = (struct text){ bytes, n };
	return true;
}

/* False when it is neither there in one of the two forms, nor null. */
static bool read_member(struct arena *a, struct json_value object, const char *name, struct text *out)
{
	struct json_value v;
	char longer[32];
	struct text text;

	*out = TEXT_NONE;
	if (json_member(a, object, name, &v)) {
		if (v.type == JSON_STRING)
			*out = json_string(a, v.raw, v.escaped);
		return v.type == JSON_STRING || v.type == JSON_NULL;
	}
	must(strlen(name) + sizeof("_base64") <= sizeof(longer));
	memcpy(longer, name, strlen(name));
	memcpy(longer + strlen(name), "_base64", sizeof("_base64"));
	if (!json_member(a, object, longer, &v) || v.type != JSON_STRING)
		return false;
	text = json_string(a, v.raw, v.escaped);
	return read_base64(a, text, out);
}

static bool read_number(struct arena *a, struct json_value object, const char *name, int64_t *out)
{
	struct json_value v;

	return json_member(a, object, name, &v) && v.type == JSON_NUMBER && number_parse_seconds(v.raw, out);
}

static enum rc read_value(struct entry *e, struct json_value item, struct why *why)
{
	struct entry_value v = { 0 };
	struct text key;
	size_t i = 0;

	if (item.type != JSON_OBJECT || !read_member(&e->arena, item, "key", &key) ||
	    !read_member(&e->arena, item, "field", &v.field) || !read_member(&e->arena, item, "value", &v.value) ||
	    v.field.s == NULL || v.value.s == NULL)
		return because(why, RC_DAMAGED, "metadata: expected {\"key\", \"field\", \"value\"}");
	while (i < ARRAY_LEN(hashes) && !text_is(key, hashes[i].name))
		i++;
	if (i == ARRAY_LEN(hashes))
		return because(why, RC_DAMAGED, "metadata: key \"%.*s\": expected HOSTS, HOST_ID, WSP_PATH or INFOS",
			       key.n > 64 ? 64 : (int)key.n, key.s == NULL ? "" : key.s);
	v.hash = hashes[i].hash;
	if (v.hash == META_INFOS ? name_check_plugin_or_ds(v.field, NULL) != RC_OK : !text_equal(v.field, e->host))
		return because(why, RC_DAMAGED, "metadata: a field of %s that is not this host's", hashes[i].name);
	add_value(e, v);
	return RC_OK;
}

static enum rc check_names(const struct entry *e, struct why *why)
{
	char *path;
	enum rc rc = name_check_host(e->host, why);

	if (rc == RC_OK && e->kind == ENTRY_PLUGIN)
		rc = name_check_plugin_or_ds(e->plugin, why);
	if (rc != RC_OK)
		return RC_DAMAGED;
	if (memchr(e->folder.s, '\0', e->folder.n) != NULL)
		return because(why, RC_DAMAGED, "folder: a NUL byte");
	path = must_format("/r/%.*s", TEXT_ARG(e->folder));
	if (name_folder_below(text_of(path), TEXT("/r")).n != e->folder.n || e->folder.n == 0)
		rc = because(why, RC_DAMAGED, "folder: expected a plain relative one");
	free(path);
	return rc;
}

enum rc entry_read(struct text document, struct entry *e, struct why *why)
{
	struct json_value top, list, item;
	struct json_walk walk;
	struct text kind;
	int64_t version;
	size_t i = 0;
	enum rc rc = json_check(document, false, &top, why);

	if (rc != RC_OK)
		return RC_DAMAGED;
	if (top.type != JSON_OBJECT || !read_number(&e->arena, top, "version", &version) || version != 1)
		return because(why, RC_DAMAGED, "expected an object with \"version\": 1");
	if (!read_member(&e->arena, top, "kind", &kind) || !read_member(&e->arena, top, "host", &e->host) ||
	    !read_member(&e->arena, top, "plugin", &e->plugin) || !read_member(&e->arena, top, "ds", &e->ds) ||
	    !read_member(&e->arena, top, "folder", &e->folder) || !read_member(&e->arena, top, "why", &e->why) ||
	    !read_number(&e->arena, top, "time", &e->time_s) || e->host.s == NULL || e->folder.s == NULL)
		return because(why, RC_DAMAGED, "expected kind, host, plugin, ds, folder, why and time");
	while (i < ARRAY_LEN(kinds) && !text_is(kind, kinds[i]))
		i++;
	if (i == ARRAY_LEN(kinds))
		return because(why, RC_DAMAGED, "kind: expected host, plugin or files");
	e->kind = (enum entry_kind)i;
	rc = check_names(e, why);
	if (rc == RC_OK && (!json_member(&e->arena, top, "metadata", &list) || list.type != JSON_ARRAY))
		rc = because(why, RC_DAMAGED, "metadata: expected a list");
	if (rc != RC_OK)
		return rc;
	walk = json_walk(list);
	while (rc == RC_OK && json_next_element(&walk, &item))
		rc = read_value(e, item, why);
	return rc;
}

/*
 * Verbs about the metadata as it lies in Redis or SQLite: read all of it, and put it back where none is. For backups.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/map.h"
#include "base/mem.h"
#include "control/request.h"
#include "model/name.h"
#include "storage/control_verbs.h"
#include "wire/json.h"
#include "wire/reply.h"

enum {
	PAGE_BYTES = 8 << 20,   /* of fields and values in one answer */
	STRING_BYTES = 32 << 20 /* of one string */
};

static const enum meta_hash hashes[] = { META_HOSTS, META_HOST_ID, META_WSP_PATH, META_DELETED_HOSTS,
					 META_DELETED_PLUGINS };
static const enum meta_string strings[] = { META_OLD_WSP, META_LAST_WSP_CLEAN };

/* What a key is the name of. */
struct key {
	bool is_string;
	enum meta_string string;
	enum meta_hash hash;
	struct text host; /* of INFOS@<host> */
};

static enum rc read_key(struct text name, struct key *out, struct why *why)
{
	static const char infos[] = "INFOS@";
	struct buf b;
	bool found = false;

	*out = (struct key){ .is_string = false };
	if (name.n > sizeof(infos) - 1 && memcmp(name.s, infos, sizeof(infos) - 1) == 0) {
		out->hash = META_INFOS;
		out->host = (struct text){ name.s + sizeof(infos) - 1, name.n - (sizeof(infos) - 1) };
		return RC_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(strings) && !found; i++) {
		found = out->is_string = text_is(name, meta_string_name(strings[i]));
		out->string = strings[i];
	}
	buf_init(&b, SIZE_MAX);
	for (size_t i = 0; i < ARRAY_LEN(hashes) && !found; i++) {
		buf_clear(&b);
		meta_hash_name(hashes[i], TEXT_NONE, &b);
		found = text_equal(name, buf_text(&b));
		out->hash = hashes[i];
	}
	buf_fini(&b);
	return found ? RC_OK
		     : because(why, RC_REFUSED, "key \"%.*s\": expected HOSTS, HOST_ID, WSP_PATH, INFOS@<host>, …",
			       TEXT_ARG(name));
}

/* Fields of a hash, gathered to be sorted: what a page ends with is where the next begins. */
struct pair {
	struct text field, value;
};

struct pairs {
	struct arena *arena;
	struct pair *at;
	size_t n, capacity;
};

static enum rc gather(void *argument, struct text field, struct text value)
{
	struct pairs *p = argument;

	array_grow(&p->at, &p->capacity, p->n, sizeof(*p->at));
	p->at[p->n++] = (struct pair){ arena_text(p->arena, field), arena_text(p->arena, value) };
	return RC_OK;
}

static int compare(struct text a, struct text b)
{
	int c = memcmp(a.s, b.s, a.n < b.n ? a.n : b.n);

	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_field(const void *a, const void *b)
{
	return compare(((const struct pair *)a)->field, ((const struct pair *)b)->field);
}

/* "name": "text", or "name_base64": "…" when it is not UTF-8. */
static void add_member(struct buf *out, const char *name, struct text t)
{
	if (text_is_utf8(t)) {
		buf_addf(out, "\"%s\": ", name);
		reply_string(out, t);
		return;
	}
	buf_addf(out, "\"%s_base64\": \"", name);
	base64_add(out, t);
	buf_add_str(out, "\"");
}

static void add_page(struct buf *out, const struct pairs *p, struct text after)
{
	size_t bytes = 0, i = 0, first;

	while (i < p->n && after.s != NULL && compare(p->at[i].field, after) <= 0)
		i++;
	for (first = i; i < p->n && bytes < PAGE_BYTES; i++) {
		buf_add_str(out, i == first ? "{" : ", {");
		add_member(out, "field", p->at[i].field);
		buf_add_str(out, ", ");
		add_member(out, "value", p->at[i].value);
		buf_add_str(out, "}");
		bytes += p->at[i].field.n + p->at[i].value.n;
	}
	buf_add_str(out, "], \"next\": ");
	if (i == p->n) {
		buf_add_str(out, "null");
		return;
	}
	buf_add_str(out, "\"");
	base64_add(out, p->at[i - 1].field);
	buf_add_str(out, "\"");
}

static enum rc answer_hash(struct meta *meta, const struct key *key, struct text after, struct arena *a,
			   struct buf *answer, struct why *why)
{
	struct pairs p = { .arena = a };
	enum rc rc = meta_each(meta, key->hash, key->host, gather, &p, why);

	if (rc == RC_OK && p.n > 0)
		qsort(p.at, p.n, sizeof(*p.at), by_field);
	if (rc == RC_OK) {
		buf_add_str(answer, "{\"entries\": [");
		add_page(answer, &p, after);
		buf_add_str(answer, "}");
	}
	free(p.at);
	return rc;
}

static enum rc answer_string(struct meta *meta, enum meta_string string, struct buf *answer, struct why *why)
{
	struct buf value;
	enum rc rc;

	buf_init(&value, STRING_BYTES);
	rc = meta_get_string(meta, string, &value, why);
	if (rc == RC_ABSENT) {
		buf_add_str(answer, "{\"value\": null}");
		rc = RC_OK;
	} else if (rc == RC_OK) {
		buf_add_str(answer, "{");
		add_member(answer, "value", buf_text(&value));
		buf_add_str(answer, "}");
	}
	buf_fini(&value);
	return rc;
}

/* All hosts that anything is known of, each once: they have INFOS@<host>. */
static enum rc answer_keys(struct meta *meta, struct arena *a, struct buf *answer, struct why *why)
{
	struct pairs p = { .arena = a };
	struct buf name;
	enum rc rc = meta_each(meta, META_HOSTS, TEXT_NONE, gather, &p, why);

	if (rc == RC_OK)
		rc = meta_each(meta, META_HOST_ID, TEXT_NONE, gather, &p, why);
	if (rc == RC_OK)
		rc = meta_each(meta, META_WSP_PATH, TEXT_NONE, gather, &p, why);
	if (rc == RC_OK && p.n > 0)
		qsort(p.at, p.n, sizeof(*p.at), by_field);
	buf_init(&name, SIZE_MAX);
	buf_add_str(answer, "{\"keys\": [");
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
		buf_clear(&name);
		meta_hash_name(hashes[i], TEXT_NONE, &name);
		buf_addf(answer, "\"%.*s\", ", TEXT_ARG(buf_text(&name)));
	}
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		buf_addf(answer, "%s\"%s\"", i == 0 ? "" : ", ", meta_string_name(strings[i]));
	for (size_t i = 0; i < p.n; i++) {
		if ((i > 0 && text_equal(p.at[i].field, p.at[i - 1].field)) || !text_is_utf8(p.at[i].field))
			continue;
		buf_clear(&name);
		meta_hash_name(META_INFOS, p.at[i].field, &name);
		buf_add_str(answer, ", ");
		reply_string(answer, buf_text(&name));
	}
	buf_add_str(answer, "]}");
	buf_fini(&name);
	free(p.at);
	return rc;
}

static enum rc run_metadata(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct text name = TEXT_NONE, after = TEXT_NONE;
	struct buf decoded;
	struct arena a;
	struct key key = { .is_string = false };
	enum rc rc;

	arena_init(&a);
	buf_init(&decoded, CONTROL_REQUEST_MAX_BYTES);
	rc = control_argument_text(&a, request, "key", &name, why);
	if (rc == RC_OK)
		rc = control_argument_text(&a, request, "after", &after, why);
	if (rc == RC_OK && after.s != NULL) {
		if (!base64_add_decoded(&decoded, after))
			rc = because(why, RC_REFUSED, "after: expected what \"next\" of the last answer said");
		after = buf_text(&decoded);
	}
	if (rc == RC_OK && name.s == NULL) {
		rc = answer_keys(v->meta, &a, answer, why);
	} else if (rc == RC_OK) {
		rc = read_key(name, &key, why);
		if (rc == RC_OK)
			rc = key.is_string ? answer_string(v->meta, key.string, answer, why)
					   : answer_hash(v->meta, &key, after, &a, answer, why);
	}
	buf_fini(&decoded);
	arena_fini(&a);
	return rc;
}

/* A member `name` or `name`_base64 of an object. */
static enum rc read_member(struct arena *a, struct json_value object, const char *name, struct text *out,
			   struct why *why)
{
	char other[32];
	struct json_value member;
	struct buf decoded;
	bool good;

	if (json_member(a, object, name, &member) && member.type == JSON_STRING) {
		*out = json_string(a, member.raw, member.escaped);
		return RC_OK;
	}
	snprintf(other, sizeof(other), "%s_base64", name);
	if (!json_member(a, object, other, &member) || member.type != JSON_STRING)
		return because(why, RC_REFUSED, "expected a text \"%s\" or \"%s\"", name, other);
	buf_init(&decoded, CONTROL_REQUEST_MAX_BYTES);
	good = base64_add_decoded(&decoded, json_string(a, member.raw, member.escaped));
	*out = arena_text(a, buf_text(&decoded));
	buf_fini(&decoded);
	return good ? RC_OK : because(why, RC_REFUSED, "%s: expected base64", other);
}

/* Who has which folder, so that no two hosts come to share one. Keys of maps, and texts in the arena as their values. */
struct owners {
	struct arena *arena;
	const char *root;
	struct map folder_of, host_of;
};

static struct text folder_in(const struct owners *o, struct text wsp_path)
{
	struct text below = name_folder_below(wsp_path, text_of(o->root));

	return below.n > 0 ? below : wsp_path;
}

static enum rc keep_owner(void *argument, struct text host, struct text wsp_path)
{
	struct owners *o = argument;
	struct text *own = arena_alloc(o->arena, 2 * sizeof(*own));

	own[0] = arena_text(o->arena, host);
	own[1] = arena_text(o->arena, folder_in(o, wsp_path));
	map_put(&o->host_of, own[1], &own[0]);
	map_put(&o->folder_of, own[0], &own[1]);
	return RC_OK;
}

static enum rc read_owners(struct owners *o, struct meta *meta, const struct key *key, struct why *why)
{
	map_init(&o->folder_of);
	map_init(&o->host_of);
	return key->hash == META_WSP_PATH ? meta_each(meta, META_WSP_PATH, TEXT_NONE, keep_owner, o, why) : RC_OK;
}

static void owners_fini(struct owners *o)
{
	map_fini(&o->folder_of, NULL);
	map_fini(&o->host_of, NULL);
}

/* The folder is another host's already: told. A host that has one keeps it in any case. */
static bool is_taken(struct owners *o, struct text host, struct text wsp_path, struct buf *refused)
{
	const struct text *owner = map_get(&o->host_of, folder_in(o, wsp_path));

	if (map_get(&o->folder_of, host) != NULL)
		return false;
	if (owner == NULL) {
		(void)!keep_owner(o, host, wsp_path);
		return false;
	}
	buf_add_str(refused, refused->n == 0 ? "{" : ", {");
	add_member(refused, "field", host);
	buf_add_str(refused, ", ");
	add_member(refused, "value", wsp_path);
	buf_add_str(refused, ", ");
	add_member(refused, "host", *owner);
	buf_add_str(refused, "}");
	return true;
}

static enum rc set_hash(const struct control_view *v, const struct key *key, struct json_value request, struct arena *a,
			struct buf *refused, size_t *n_given, struct why *why)
{
	struct owners owners = { .arena = a, .root = view_config(v)->wsp_path };
	struct meta_write *write = NULL;
	struct json_value entries, entry;
	struct json_walk w;
	size_t n = 0, capacity = 0;
	enum rc rc;

	if (!json_member(a, request, "entries", &entries) || entries.type != JSON_ARRAY)
		return because(why, RC_REFUSED, "entries: expected a list of objects with field and value");
	rc = read_owners(&owners, v->meta, key, why);
	for (w = json_walk(entries); rc == RC_OK && json_next_element(&w, &entry); ++*n_given) {
		array_grow(&write, &capacity, n, sizeof(*write));
		write[n] = (struct meta_write){ META_SET_IF_ABSENT, { key->hash, key->host, TEXT_NONE }, TEXT_NONE };
		rc = entry.type == JSON_OBJECT ? read_member(a, entry, "field", &write[n].key.field, why)
					       : because(why, RC_REFUSED, "entries: expected objects");
		if (rc == RC_OK)
			rc = read_member(a, entry, "value", &write[n].value, why);
		if (rc == RC_OK &&
		    (key->hash != META_WSP_PATH || !is_taken(&owners, write[n].key.field, write[n].value, refused)))
			n++;
	}
	if (rc == RC_OK && n > 0)
		rc = meta_apply(v->meta, write, n, why);
	free(write);
	owners_fini(&owners);
	return rc;
}

/* Only where there is none. */
static enum rc set_string(struct meta *meta, enum meta_string string, struct json_value request, struct arena *a,
			  struct why *why)
{
	struct text value = TEXT_NONE;
	struct buf before;
	enum rc rc = read_member(a, request, "value", &value, why);

	if (rc != RC_OK)
		return rc;
	buf_init(&before, STRING_BYTES);
	rc = meta_get_string(meta, string, &before, why);
	buf_fini(&before);
	return rc == RC_ABSENT ? meta_set_string(meta, string, value, why) : rc;
}

static enum rc run_metadata_set(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct json_value object;
	struct text name = TEXT_NONE;
	struct arena a;
	struct key key = { .is_string = false };
	struct buf refused;
	size_t n = 0;
	enum rc rc;

	arena_init(&a);
	buf_init(&refused, SIZE_MAX);
	rc = json_check(request, false, &object, why);
	if (rc == RC_OK)
		rc = control_argument_text(&a, request, "key", &name, why);
	if (rc == RC_OK)
		rc = read_key(name, &key, why);
	if (rc == RC_OK && key.is_string) {
		n = 1;
		rc = set_string(v->meta, key.string, object, &a, why);
	} else if (rc == RC_OK) {
		rc = set_hash(v, &key, object, &a, &refused, &n, why);
	}
	if (rc == RC_OK)
		buf_addf(answer, "{\"entries\": %zu, \"refused\": [%.*s]}", n, TEXT_ARG(buf_text(&refused)));
	buf_fini(&refused);
	arena_fini(&a);
	return rc;
}

static const char *const metadata_arguments[] = { "key", "after", NULL };
static const char *const metadata_set_arguments[] = { "key", "entries", "value", "value_base64", NULL };

const struct control_verb verb_metadata = {
	.name = "metadata",
	.argument = metadata_arguments,
	.run = run_metadata,
};
const struct control_verb verb_metadata_set = {
	.name = "metadata_set",
	.argument = metadata_set_arguments,
	.changes = true,
	.run = run_metadata_set,
};

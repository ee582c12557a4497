#include "ctl/metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "wire/reply.h"

struct text metadata_member(struct arena *a, struct json_value object, const char *name)
{
	char other[32];
	struct json_value v;
	struct buf decoded;
	struct text t = TEXT_NONE;

	if (json_member(a, object, name, &v) && v.type == JSON_STRING)
		return json_string(a, v.raw, v.escaped);
	snprintf(other, sizeof(other), "%s_base64", name);
	if (!json_member(a, object, other, &v) || v.type != JSON_STRING)
		return TEXT_NONE;
	buf_init(&decoded, SIZE_MAX);
	if (base64_add_decoded(&decoded, json_string(a, v.raw, v.escaped)))
		t = arena_text(a, buf_text(&decoded));
	buf_fini(&decoded);
	return t;
}

static void hand_out(struct answer *a, metadata_field_fn *fn, void *argument)
{
	struct json_value entries, entry;
	struct json_walk w;

	if (!json_member(&a->arena, a->value, "entries", &entries) || entries.type != JSON_ARRAY) {
		struct text value = metadata_member(&a->arena, a->value, "value");

		if (value.s != NULL)
			fn(argument, TEXT_NONE, value);
		return;
	}
	for (w = json_walk(entries); json_next_element(&w, &entry);) {
		struct text field = metadata_member(&a->arena, entry, "field"),
			    value = metadata_member(&a->arena, entry, "value");

		if (field.s != NULL && value.s != NULL)
			fn(argument, field, value);
	}
}

int metadata_each_field(struct asker *asker, struct text key, metadata_field_fn *fn, void *argument, struct why *why)
{
	char *after = NULL;
	int status;

	do {
		struct buf request;
		struct answer a;
		struct text next;

		buf_init(&request, SIZE_MAX);
		buf_add_str(&request, "{\"verb\": \"metadata\", \"key\": ");
		reply_string(&request, key);
		if (after != NULL)
			buf_addf(&request, ", \"after\": \"%s\"", after);
		buf_add_str(&request, "}");
		free(after);
		after = NULL;
		status = asker_ask_quietly(asker, buf_text(&request), &a, why);
		buf_fini(&request);
		if (status == EXIT_FINE) {
			hand_out(&a, fn, argument);
			next = answer_text(&a, a.value, "next");
			if (next.s != NULL)
				after = must_strndup(next.s, next.n);
		}
		answer_close(&a);
	} while (after != NULL);
	return status;
}

void metadata_add_member(struct buf *out, const char *name, struct text t)
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

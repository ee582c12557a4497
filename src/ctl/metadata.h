/*
 * The metadata as the verbs of the daemon have it: keys, fields and values of any bytes, in JSON.
 */
#ifndef CTL_METADATA_H
#define CTL_METADATA_H

#include "ctl/asker.h"

/* One page after the other of a key; fn gets each field and value (of a string: TEXT_NONE as field). Returns as asker_ask(). */
typedef void metadata_field_fn(void *argument, struct text field, struct text value);
CHECKED int metadata_each_field(struct asker *asker, struct text key, metadata_field_fn *fn, void *argument,
				struct why *why);

/* The member `name`, or what `name`_base64 stands for; TEXT_NONE: neither is there. Slices, or in a. */
struct text metadata_member(struct arena *a, struct json_value object, const char *name);
/* "name": "text", or "name_base64": "…" when it is not UTF-8. */
void metadata_add_member(struct buf *out, const char *name, struct text t);

#endif

#include "ingest/made_up.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/mem.h"
#include "model/name.h"
#include "wire/json.h"
#include "wire/reply.h"

bool made_up_info(struct text plugin, struct text stored)
{
	struct json_value document, infos, value;
	size_t n = 0, capacity = 0;
	struct text *ds = NULL, key;
	bool escaped, same = false;
	struct json_walk walk;
	struct arena a;
	struct buf again;

	arena_init(&a);
	if (json_check(stored, false, &document, NULL) != RC_OK || document.type != JSON_OBJECT ||
	    !json_member(&a, document, "Infos", &infos) || infos.type != JSON_OBJECT)
		goto out;
	walk = json_walk(infos);
	while (json_next_member(&walk, &key, &escaped, &value)) {
		array_grow(&ds, &capacity, n, sizeof(*ds));
		ds[n++] = json_string(&a, key, escaped);
	}
	buf_init(&again, stored.n + 1);
	reply_default_info(&again, plugin, ds, n);
	same = !again.full && text_equal(buf_text(&again), stored);
	buf_fini(&again);
out:
	free(ds);
	arena_fini(&a);
	return same;
}

bool made_up_myinfo(struct text host, struct text stored)
{
	char filtered[NAME_MAX_BYTES + 1], md5[MD5_HEX_BYTES + 1];
	bool same = false;
	struct buf again;

	name_filtered(host, filtered);
	name_md5(host, md5);
	buf_init(&again, stored.n + 1);
	for (size_t digits = 1; digits <= MD5_HEX_BYTES && !same; digits++) {
		buf_clear(&again);
		again.full = false;
		reply_default_myinfo(&again, host, (struct text){ md5, digits }, text_of(filtered));
		same = !again.full && text_equal(buf_text(&again), stored);
	}
	buf_fini(&again);
	return same;
}

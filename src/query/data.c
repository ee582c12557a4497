/*
 * The question of values of one plugin.
 */
#include "query/ds_list.h"
#include "query/folder.h"
#include "query/table.h"

/* The ds asked, each once, in order; what cannot be a name is left out. */
static enum rc split_ds(struct text list, struct table *t, struct why *why)
{
	enum rc rc = RC_OK;
	struct text ds;

	while (rc == RC_OK && query_next_ds(&list, &ds))
		rc = table_add(t, ds, why);
	return rc;
}

static uint64_t versions_of(const struct query *q, const struct query_data *asked, const char *folder)
{
	struct series s = { .host = asked->host, .folder = text_of(folder), .plugin = asked->plugin };
	struct text rest = asked->ds;
	uint64_t all = 0;

	while (query_next_ds(&rest, &s.ds)) {
		uint64_t both[2] = { all, q->version(q->version_argument, &s) };

		all = all == 0 ? both[1] + 1 : text_hash((struct text){ (const char *)both, sizeof(both) }, 0);
	}
	return all;
}

static enum rc answer(const struct query *q, const struct query_data *asked, int64_t now_s, struct table *t,
		      struct query_basis *basis, struct why *why)
{
	struct series s = { .host = asked->host, .plugin = asked->plugin };
	struct table_shape shape;
	struct window w;
	enum rc rc;

	rc = window_read(asked, q->original_windows, now_s, &w, why);
	if (rc == RC_OK)
		rc = table_shape_read(asked, &shape, why);
	if (rc != RC_OK)
		return rc;
	if (name_check_host(asked->host, NULL) != RC_OK)
		return because(why, RC_ABSENT, "no such host");
	rc = split_ds(asked->ds, t, why);
	if (rc != RC_OK)
		return rc;
	if (name_check_plugin_or_ds(asked->plugin, NULL) != RC_OK || t->n == 0)
		return because(why, RC_ABSENT, "no such plugin, or none of the ds");
	rc = folder_find(q, asked->host, basis->folder, why);
	if (rc != RC_OK)
		return rc;
	s.folder = text_of(basis->folder);
	if (q->version != NULL)
		basis->versions = versions_of(q, asked, basis->folder); /* before the values: these may be newer */
	rc = table_read(q, &s, &w, &shape, now_s, t, why);
	if (rc == RC_OK && q->version != NULL)
		basis->until_s = table_holds_until(t, asked, q->original_windows, &w, now_s);
	return rc;
}

enum rc query_data_based(const struct query *q, const struct query_data *asked, int64_t now_s, struct buf *out,
			 struct query_basis *basis, struct why *why)
{
	struct table t;
	enum rc rc;

	table_init(&t);
	basis->from_s = basis->until_s = now_s;
	basis->versions = 0;
	rc = answer(q, asked, now_s, &t, basis, why);
	if (rc == RC_OK) {
		buf_add_str(out, "{");
		table_print(&t, out);
		buf_add_str(out, "}");
		if (out->full)
			rc = because(why, RC_FULL, "the reply would be over %zu bytes: ask fewer ds or a shorter time",
				     out->max);
	}
	table_fini(&t);
	return rc;
}

enum rc query_data(const struct query *q, const struct query_data *asked, int64_t now_s, struct buf *out,
		   struct why *why)
{
	struct query_basis basis;

	return query_data_based(q, asked, now_s, out, &basis, why);
}

bool query_data_holds(const struct query *q, const struct query_data *asked, int64_t now_s,
		      const struct query_basis *basis)
{
	char folder[FOLDER_MAX_BYTES];

	return q->version != NULL && now_s >= basis->from_s && now_s < basis->until_s &&
	       folder_find(q, asked->host, folder, NULL) == RC_OK && strcmp(folder, basis->folder) == 0 &&
	       versions_of(q, asked, folder) == basis->versions;
}

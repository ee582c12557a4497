#include "query/query.h"

#include "model/name.h"
#include "wire/json.h"
#include "wire/reply.h"

enum { STORED_MAX_BYTES = 16 * 1024 * 1024 };

static void add_object(struct buf *out, struct text stored)
{
	struct json_value v;

	if (json_check(stored, false, &v, NULL) == RC_OK && v.type == JSON_OBJECT)
		buf_add_text(out, stored);
	else
		buf_add_str(out, "{}");
}

static enum rc finished(const struct buf *out, struct why *why)
{
	if (out->full)
		return because(why, RC_FULL, "the reply would be over %zu bytes", out->max);
	return RC_OK;
}

/* One stored object, `{}` when it is not there. */
static enum rc one_object(const struct query *q, struct meta_key key, struct buf *out, struct why *why)
{
	struct meta_read read = { .key = key };
	struct buf answers;
	enum rc rc;

	buf_init(&answers, STORED_MAX_BYTES);
	rc = meta_read(q->meta, &read, 1, &answers, why);
	if (rc == RC_OK) {
		add_object(out, read.found ? read.value : TEXT("{}"));
		rc = finished(out, why);
	}
	buf_fini(&answers);
	return rc;
}

struct members {
	struct buf *out;
	const struct gone_view *gone;
	struct text host; /* whose plugins they are; s NULL: they are hosts */
	bool any;
};

static enum rc add_member(void *argument, struct text field, struct text value)
{
	struct members *m = argument;

	if (m->host.s == NULL ? gone_host(m->gone, field) : gone_plugin(m->gone, m->host, field))
		return RC_OK;
	if (m->any)
		buf_add_str(m->out, ", ");
	m->any = true;
	reply_string(m->out, field);
	buf_add_str(m->out, ": ");
	add_object(m->out, value);
	return m->out->full ? RC_END : RC_OK;
}

/* Without what is gone. */
static enum rc whole_hash(const struct query *q, enum meta_hash hash, struct text host, struct buf *out,
			  struct why *why)
{
	struct members m = { .out = out, .host = host };
	struct gone_view *view;
	enum rc rc = gone_take(q->gone, mono_now(), &view, why);

	if (rc != RC_OK)
		return rc;
	m.gone = view;
	buf_add_str(out, "{");
	if (host.s == NULL || !gone_host(view, host))
		rc = meta_each(q->meta, hash, host, add_member, &m, why);
	gone_give_back(view);
	if (rc != RC_OK)
		return rc;
	buf_add_str(out, "}");
	return finished(out, why);
}

static enum rc nothing(struct buf *out, struct why *why)
{
	buf_add_str(out, "{}");
	return finished(out, why);
}

enum rc query_hosts(const struct query *q, struct buf *out, struct why *why)
{
	return whole_hash(q, META_HOSTS, TEXT_NONE, out, why);
}

enum rc query_host(const struct query *q, struct text host, struct buf *out, struct why *why)
{
	if (name_check_host(host, NULL) != RC_OK)
		return nothing(out, why);
	return one_object(q, (struct meta_key){ META_HOSTS, TEXT_NONE, host }, out, why);
}

enum rc query_list(const struct query *q, struct text host, struct buf *out, struct why *why)
{
	if (name_check_host(host, NULL) != RC_OK)
		return nothing(out, why);
	return whole_hash(q, META_INFOS, host, out, why);
}

enum rc query_info(const struct query *q, struct text host, struct text plugin, struct buf *out, struct why *why)
{
	if (name_check_host(host, NULL) != RC_OK || name_check_plugin_or_ds(plugin, NULL) != RC_OK)
		return nothing(out, why);
	return one_object(q, (struct meta_key){ META_INFOS, host, plugin }, out, why);
}

#include "poller/compose.h"

#include <inttypes.h>

#include "wire/print_number.h"

void compose_myinfo(struct buf *out, struct text name, struct text host_id, struct text description)
{
	buf_add_str(out, "{");
	compose_member(out, "Plugin", TEXT("MyInfo"));
	buf_add_str(out, ", ");
	compose_member(out, "Name", name);
	buf_add_str(out, ", ");
	compose_member(out, "ID", host_id);
	buf_add_str(out, ", ");
	compose_member(out, "Description", description);
	buf_add_str(out, "}");
}

void compose_data_begin(struct buf *out, int64_t t_s, struct text plugin)
{
	buf_addf(out, "{\"TimeStamp\": \"%" PRId64 "\", ", t_s);
	compose_member(out, "Plugin", plugin);
	buf_add_str(out, ", \"Values\": {");
}

static void begin_value(struct buf *out, struct text ds)
{
	if (out->n > 0 && out->at[out->n - 1] != '{')
		buf_add_str(out, ", ");
	compose_string(out, ds);
	buf_add_str(out, ": ");
}

void compose_data_text(struct buf *out, struct text ds, struct text value)
{
	begin_value(out, ds);
	compose_string(out, value);
}

void compose_data_rate(struct buf *out, struct text ds, double value)
{
	char text[PRINT_NUMBER_MAX_BYTES];

	begin_value(out, ds);
	buf_add(out, text, print_number(value, text));
}

void compose_data_end(struct buf *out)
{
	buf_add_str(out, "}}");
}

static struct text type_of(const struct parcel *p)
{
	return p->kind == PARCEL_DATA ? TEXT("data") : TEXT("info");
}

void compose_envelope(struct buf *out, const struct parcel *p)
{
	struct buf inner;

	buf_init(&inner, out->max);
	buf_add_str(&inner, "{\"method\": \"poller_msg\", \"args\": {\"args\": {");
	compose_member(&inner, "message", p->text);
	buf_add_str(&inner, "}}, \"_unique_id\": \"");
	for (size_t i = 0; i < PARCEL_ID_BYTES; i++)
		buf_addf(&inner, "%02x", p->id[i]);
	buf_add_str(&inner, "\", ");
	compose_member(&inner, "_context_topic", p->host);
	buf_add_str(&inner, ", ");
	compose_member(&inner, "_context_plugin", p->plugin);
	buf_add_str(&inner, ", ");
	compose_member(&inner, "_context_type", type_of(p));
	buf_add_str(&inner, ", ");
	compose_member(&inner, "_context_hostid", p->host);
	buf_add_str(&inner, "}");
	buf_add_str(out, "{\"oslo.version\": \"2.0\", \"oslo.message\": ");
	compose_string(out, buf_text(&inner));
	buf_add_str(out, "}");
	out->full = out->full || inner.full;
	buf_fini(&inner);
}

void compose_line(struct buf *out, const struct parcel *p)
{
	buf_add_str(out, "{");
	compose_member(out, "topic", p->host);
	buf_add_str(out, ", \"context\": {");
	compose_member(out, "topic", p->host);
	buf_add_str(out, ", ");
	compose_member(out, "plugin", p->plugin);
	buf_add_str(out, ", ");
	compose_member(out, "type", type_of(p));
	buf_add_str(out, ", ");
	compose_member(out, "hostid", p->host);
	buf_add_str(out, "}, \"args\": {");
	compose_member(out, "message", p->text);
	buf_add_str(out, "}}\n");
}

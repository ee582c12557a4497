#include "broker/content.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/broker.h"

enum { MAX_SPARE = 64, MAX_SPARE_BODY_BYTES = 1 << 16, MAX_TEXT_BYTES = 255 };

void content_store_fini(struct content_store *s)
{
	while (s->spare != NULL) {
		struct content *m = s->spare;

		s->spare = m->next;
		buf_fini(&m->body);
		free(m);
	}
	s->n_spare = 0;
}

struct content *content_take(struct content_store *s)
{
	struct content *m = s->spare;

	if (m == NULL) {
		m = must_alloc(sizeof(*m));
		buf_init(&m->body, BROKER_MAX_BODY_BYTES);
		return m;
	}
	s->spare = m->next;
	s->n_spare--;
	m->next = NULL;
	return m;
}

void content_give_back(struct content_store *s, struct content *m)
{
	if (m == NULL)
		return;
	if (s->n_spare >= MAX_SPARE) {
		buf_fini(&m->body);
		free(m);
		return;
	}
	if (m->body.capacity > MAX_SPARE_BODY_BYTES)
		buf_fini(&m->body);
	m->next = s->spare;
	s->spare = m;
	s->n_spare++;
}

static struct text keep(struct content *m, amqp_bytes_t bytes)
{
	char *at = m->kept + m->n_kept;
	size_t n = bytes.len < MAX_TEXT_BYTES ? bytes.len : MAX_TEXT_BYTES;

	must(m->n_kept + n + 1 <= sizeof(m->kept));
	if (n > 0)
		memcpy(at, bytes.bytes, n);
	at[n] = '\0';
	m->n_kept += n + 1;
	return (struct text){ at, n };
}

static bool key_is(const amqp_table_entry_t *entry, const char *name)
{
	return text_is((struct text){ entry->key.bytes, entry->key.len }, name);
}

static bool is_text(const amqp_table_entry_t *entry)
{
	return entry->value.kind == AMQP_FIELD_KIND_UTF8 || entry->value.kind == AMQP_FIELD_KIND_BYTES;
}

/* Of a repeated header the first counts, so that no sender fills kept[]. */
static void keep_headers(struct content *m, const amqp_table_t *headers)
{
	for (int i = 0; i < headers->num_entries; i++) {
		const amqp_table_entry_t *entry = &headers->entries[i];

		if (key_is(entry, "compression") && is_text(entry) && m->compression.s == NULL)
			m->compression = keep(m, entry->value.value.bytes);
		else if (key_is(entry, CONTENT_PROBE_HEADER) && m->probe.s == NULL)
			m->probe = keep(m, is_text(entry) ? entry->value.value.bytes : amqp_empty_bytes);
	}
}

void content_begin(struct content *m, const amqp_basic_properties_t *properties, uint64_t body_bytes)
{
	amqp_flags_t flags = properties->_flags;

	m->n_kept = 0;
	m->compression = m->probe = TEXT_NONE;
	m->content_type = flags & AMQP_BASIC_CONTENT_TYPE_FLAG ? keep(m, properties->content_type) : TEXT_NONE;
	m->reply_to = flags & AMQP_BASIC_REPLY_TO_FLAG ? keep(m, properties->reply_to) : TEXT_NONE;
	m->correlation_id = flags & AMQP_BASIC_CORRELATION_ID_FLAG ? keep(m, properties->correlation_id) : TEXT_NONE;
	if (flags & AMQP_BASIC_HEADERS_FLAG)
		keep_headers(m, &properties->headers);
	buf_clear(&m->body);
	m->full_bytes = body_bytes;
	m->seen_bytes = 0;
	if (body_bytes <= MAX_SPARE_BODY_BYTES)
		(void)buf_room(&m->body, (size_t)body_bytes);
}

bool content_add(struct content *m, amqp_bytes_t piece)
{
	uint64_t missing = m->full_bytes - m->seen_bytes;
	size_t n = piece.len < missing ? piece.len : (size_t)missing;
	size_t room = m->body.max - m->body.n;

	m->seen_bytes += n;
	buf_add(&m->body, piece.bytes, n < room ? n : room);
	return m->seen_bytes == m->full_bytes;
}

#include "base/journald.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX_BYTES = 32 };

bool journald_is_stream(const char *journal_stream, const struct stat *st)
{
	unsigned long long device, inode;
	char *end;

	if (journal_stream == NULL || !isdigit((unsigned char)journal_stream[0]))
		return false;
	errno = 0;
	device = strtoull(journal_stream, &end, 10);
	if (errno != 0 || end[0] != ':' || !isdigit((unsigned char)end[1]))
		return false;
	inode = strtoull(end + 1, &end, 10);
	return errno == 0 && *end == '\0' && device == st->st_dev && inode == st->st_ino;
}

static void add(struct journald_fields *f, const char *name, struct text value)
{
	size_t used = f->n == 0 ? 0 : f->start[f->n - 1] + f->n_bytes[f->n - 1], n_name = strlen(name);

	if (f->n == JOURNALD_MAX_FIELDS || n_name + 1 + value.n > sizeof(f->text) - used)
		return;
	memcpy(f->text + used, name, n_name);
	f->text[used + n_name] = '=';
	memcpy(f->text + used + n_name + 1, value.s, value.n);
	f->start[f->n] = used;
	f->n_bytes[f->n++] = n_name + 1 + value.n;
}

/* The bytes of `key=` at the start of t, without the `=`; 0: there is none. */
static size_t key_bytes(struct text t)
{
	size_t n = 0;

	while (n < t.n && n <= KEY_MAX_BYTES && ((t.s[n] >= 'a' && t.s[n] <= 'z') || t.s[n] == '_'))
		n++;
	return n > 0 && n <= KEY_MAX_BYTES && t.s[0] != '_' && n < t.n && t.s[n] == '=' ? n : 0;
}

/* The value at the start of t; *n_all: its bytes with the quotes. */
static struct text take_value(struct text t, size_t *n_all)
{
	size_t n = 0;

	if (t.n > 0 && t.s[0] == '"')
		for (n = 1; n < t.n; n++)
			if (t.s[n] == '"' && (n + 1 == t.n || t.s[n + 1] == ' ' || t.s[n + 1] == ':')) {
				*n_all = n + 1;
				return (struct text){ t.s + 1, n - 1 };
			}
	for (n = 0; n < t.n && t.s[n] != ' ';)
		n++;
	*n_all = n;
	return (struct text){ t.s, n };
}

void journald_fields(enum log_level level, const char *event, struct text said, struct journald_fields *out)
{
	static const char *const priority[] = { "7", "6", "4", "3", "2" };
	char message[2048];
	int n = snprintf(message, sizeof(message), "event=%s %.*s", event, TEXT_ARG(said));

	out->n = 0;
	add(out, "MESSAGE", (struct text){ message, (size_t)n < sizeof(message) ? (size_t)n : sizeof(message) - 1 });
	add(out, "PRIORITY", text_of(priority[level]));
	add(out, "SYSLOG_IDENTIFIER", text_of(program_invocation_short_name));
	add(out, "NUMETER_EVENT", text_of(event));
	while (said.n > 0) {
		size_t n_key = key_bytes(said), n_value = 0;

		if (n_key > 0) {
			char name[sizeof("NUMETER_") + KEY_MAX_BYTES] = "NUMETER_";
			struct text value =
				take_value((struct text){ said.s + n_key + 1, said.n - n_key - 1 }, &n_value);

			for (size_t i = 0; i < n_key; i++)
				name[8 + i] = (char)toupper((unsigned char)said.s[i]);
			name[8 + n_key] = '\0';
			add(out, name, value);
			n_value += n_key + 1;
		}
		while (n_value < said.n && said.s[n_value] != ' ')
			n_value++;
		n_value += n_value < said.n;
		said = (struct text){ said.s + n_value, said.n - n_value };
	}
}

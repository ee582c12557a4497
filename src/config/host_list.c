#include "config/host_list.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "config/source.h"

enum { FILE_MAX_BYTES = 64 << 20, KEY_MAX_BYTES = 255 /* of an AMQP short string */ };

static bool has_word_star(struct text t)
{
	for (size_t i = 0; i < t.n; i++)
		if (t.s[i] == '*' && (i == 0 || t.s[i - 1] == '.') && (i + 1 == t.n || t.s[i + 1] == '.'))
			return true;
	return false;
}

/* Why a line is not a hostID; NULL when it is one. line has no blanks behind it, and is not empty. */
static const char *fault(struct text line)
{
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.s[i];

		if (c == '#')
			return "a # inside a line: expected a hostID alone";
		if (c == ' ' || (c >= '\t' && c <= '\r'))
			return i == 0 ? "a blank before the hostID: expected it at the line's beginning"
				      : "a blank inside the hostID: expected one hostID a line";
		if (c < ' ' || c == 0x7F)
			return "a control character: expected a hostID in UTF-8";
	}
	if (!text_is_utf8(line))
		return "bytes that are not UTF-8: expected a hostID in UTF-8";
	if (line.n > KEY_MAX_BYTES)
		return "over 255 bytes: expected a hostID of 251 at most";
	return NULL;
}

static void add_key(struct host_list *l, struct text key)
{
	array_grow(&l->key, &l->capacity, l->n, sizeof(*l->key));
	l->key[l->n++] = must_strndup(key.s, key.n);
}

static void take_line(struct host_list *l, const struct source *source, size_t number, struct text line)
{
	struct text id = line;
	const char *why;
	struct shown shown;

	while (id.n > 0 && text_trim((struct text){ id.s + id.n - 1, 1 }).n == 0)
		id.n--;
	if (id.n == 0 || line.s[0] == '#')
		return;
	why = fault(id);
	if (why != NULL) {
		source_warn(source, number, "\"%s\": ignored, %s", source_show(id, &shown), why);
		return;
	}
	if (text_is(id, "*")) {
		add_key(l, TEXT("#"));
		return;
	}
	if (has_word_star(id))
		source_warn(source, number, "\"%s\": a word * works as a topic pattern: it stands for any one word",
			    source_show(id, &shown));
	add_key(l, id);
}

struct place {
	char *key;
	size_t at; /* where it stood */
};

static int by_key_then_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

/* Each key once, where it stood first. */
static void drop_repeated(struct host_list *l)
{
	struct place *place = must_alloc(l->n * sizeof(*place));
	size_t n = 0, first = 0;

	for (size_t i = 0; i < l->n; i++)
		place[i] = (struct place){ l->key[i], i };
	qsort(place, l->n, sizeof(*place), by_key_then_place);
	for (size_t i = 1; i < l->n; i++) {
		if (strcmp(place[i].key, place[first].key) != 0) {
			first = i;
			continue;
		}
		l->key[place[i].at] = NULL;
		free(place[i].key);
		place[i].key = place[first].key;
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->key[i] != NULL)
			l->key[n++] = l->key[i];
	l->n = n;
	free(place);
}

void host_list_parse(struct text content, const char *name, struct host_list *out, config_warn_fn *warn, void *argument)
{
	struct source source = { name, warn, argument };
	struct host_list l = { 0 };
	struct text line;
	size_t number = 1;

	if (content.n >= 3 && memcmp(content.s, "\xEF\xBB\xBF", 3) == 0) /* byte order mark */
		content = (struct text){ content.s + 3, content.n - 3 };
	for (; source_next_line(&content, &line); number++)
		take_line(&l, &source, number, line);
	drop_repeated(&l);
	if (l.n == 0)
		source_warn(&source, number, "no host: nothing but what is addressed to the storage itself is taken");
	*out = l;
}

enum rc host_list_read(const char *path, struct host_list *out, config_warn_fn *warn, void *argument, struct why *why)
{
	struct buf content;
	enum rc rc;

	buf_init(&content, FILE_MAX_BYTES);
	rc = source_read(path, &content, why);
	if (rc == RC_OK)
		host_list_parse(buf_text(&content), path, out, warn, argument);
	buf_fini(&content);
	return rc;
}

void host_list_fini(struct host_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->key[i]);
	free(l->key);
	*l = (struct host_list){ 0 };
}

void host_list_copy(const struct host_list *l, struct host_list *out)
{
	struct host_list copy = { .n = l->n, .capacity = l->n };

	copy.key = must_alloc((l->n + 1) * sizeof(*copy.key));
	for (size_t i = 0; i < l->n; i++)
		copy.key[i] = must_strdup(l->key[i]);
	*out = copy;
}

bool host_list_is_pattern(const char *key)
{
	return strcmp(key, "#") == 0 || has_word_star(text_of(key));
}

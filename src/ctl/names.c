#include "ctl/names.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/plain.h"
#include "ctl/show.h"
#include "wire/reply.h"

int name_compare(struct text a, struct text b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.s, b.s, n);

	return order != 0 ? order : a.n < b.n ? -1 : a.n > b.n;
}

static int by_bytes(const void *a, const void *b)
{
	const struct text *x = a, *y = b;

	return name_compare(*x, *y);
}

void name_list_read(struct answer *a, struct json_value object, struct name_list *out)
{
	struct json_value value;
	struct json_walk w;
	struct text key;
	bool escaped;

	*out = (struct name_list){ 0 };
	if (object.type != JSON_OBJECT)
		return;
	w = json_walk(object);
	while (json_next_member(&w, &key, &escaped, &value)) {
		array_grow(&out->name, &out->capacity, out->n, sizeof(*out->name));
		out->name[out->n++] = json_string(&a->arena, key, escaped);
	}
	if (out->n > 0)
		qsort(out->name, out->n, sizeof(*out->name), by_bytes);
}

void name_list_fini(struct name_list *l)
{
	free(l->name);
	*l = (struct name_list){ 0 };
}

bool name_list_has(const struct name_list *l, struct text name)
{
	return l->n > 0 && bsearch(&name, l->name, l->n, sizeof(*l->name), by_bytes) != NULL;
}

struct text name_list_nearest(const struct name_list *l, struct text name)
{
	size_t least = name.n / 3 > 2 ? name.n / 3 : 2;
	struct text nearest = TEXT_NONE;

	for (size_t i = 0; i < l->n; i++) {
		size_t distance = text_distance(name, l->name[i]);

		if (distance > least || distance >= l->name[i].n || (nearest.s != NULL && distance == least))
			continue;
		least = distance;
		nearest = l->name[i];
	}
	return nearest;
}

void names_print(const struct name_list *l, bool json)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, json ? "[" : "");
	for (size_t i = 0; i < l->n; i++) {
		buf_add_str(&b, json && i > 0 ? ", " : "");
		if (json) {
			reply_string(&b, l->name[i]);
		} else {
			plain_add(&b, l->name[i]);
			buf_add_str(&b, "\n");
		}
	}
	buf_add_str(&b, json ? "]\n" : "");
	show_buf(&b);
	buf_fini(&b);
}

/* `no plugin "x" of myhost: did you mean "y"?`; of NULL: a host. */
static void say_unknown(const char *what, const char *name, const char *of, const struct name_list *known)
{
	struct text nearest = name_list_nearest(known, text_of(name));
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_addf(&b, "no %s \"", what);
	plain_add(&b, text_of(name));
	buf_add_str(&b, "\"");
	if (of != NULL) {
		buf_add_str(&b, " of ");
		plain_add(&b, text_of(of));
	}
	if (name_list_has(known, text_of(name))) {
		buf_add_str(&b, " with plugins");
	} else if (nearest.s != NULL) {
		buf_add_str(&b, ": did you mean \"");
		plain_add(&b, nearest);
		buf_add_str(&b, "\"?");
	}
	ctl_fail("%.*s", TEXT_ARG(buf_text(&b)));
	buf_fini(&b);
}

int names_ask(struct ctl *ctl, const char *verb, const char *host, struct answer *out)
{
	struct buf request;
	int status;

	request_begin(&request, verb);
	request_add(&request, "host", host);
	request_end(&request);
	status = answer_ask(ctl, buf_text(&request), NAMES_TIMEOUT_MS, out);
	buf_fini(&request);
	return status;
}

int names_no_host(struct ctl *ctl, const char *host)
{
	struct answer a;
	struct name_list known;
	int status = names_ask(ctl, "hosts", NULL, &a);

	if (status == EXIT_FINE) {
		name_list_read(&a, a.value, &known);
		say_unknown("host", host, NULL, &known);
		name_list_fini(&known);
		status = EXIT_NOT_FINE;
	}
	answer_close(&a);
	return status;
}

int names_no_plugin(struct ctl *ctl, const char *host, const char *plugin)
{
	struct answer a;
	struct name_list known;
	int status = names_ask(ctl, "list", host, &a);

	if (status == EXIT_FINE) {
		name_list_read(&a, a.value, &known);
		if (known.n == 0) {
			status = names_no_host(ctl, host);
		} else {
			say_unknown("plugin", plugin, host, &known);
			status = EXIT_NOT_FINE;
		}
		name_list_fini(&known);
	}
	answer_close(&a);
	return status;
}

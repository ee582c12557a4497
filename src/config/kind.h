/*
 * The kinds of values that options have: each knows how to read one, write it back and say what is expected.
 */
#ifndef CONFIG_KIND_H
#define CONFIG_KIND_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/text.h"

struct option;

struct kind {
	const char *name; /* for the manual: "number" */
	bool goes_on;     /* a list: its value may go on in indented lines */
	/*
	 * Read t, trimmed, into the option's field of base; what was there is freed. An empty t is "none" where the kind
	 * has that. On RC_REFUSED base is as it was and why says `"value": expected …`.
	 */
	enum rc (*parse)(const struct option *o, struct text t, void *base, struct why *why);
	/* The value as it would stand in a file: parse() of it gives the same. */
	void (*print)(const struct option *o, const void *base, struct buf *out);
	/* End what parse() made; NULL when that is nothing. */
	void (*fini)(const struct option *o, void *base);
	/* What is expected, for an error and the manual: "a whole number from 1 to 65535". */
	void (*expected)(const struct option *o, struct buf *out);
	const char *brief; /* the same for the sample file; NULL: as it is */
};

extern const struct kind kind_bool, kind_number, kind_size, kind_mode, kind_level, kind_choice, kind_share;
extern const struct kind kind_text, kind_path, kind_host_name, kind_token, kind_pattern;
extern const struct kind kind_server, kind_servers, kind_listens, kind_tcp_listens, kind_origin, kind_metadata;
extern const struct kind kind_archives, kind_aggregation;
extern const struct kind kind_url, kind_name;

/* Refuse: `"culprit": expected …`; without the culprit when it is TEXT_NONE or the option is secret. */
enum rc kind_refuse(const struct option *o, struct text culprit, struct why *why);

/* Likewise, without the culprit when the whole value has an `@`: an address with a password before it. */
enum rc kind_refuse_address(const struct option *o, struct text culprit, struct text whole, struct why *why);

/* Text of a heap field set to t (NULL when empty), the old one freed. */
void kind_set_text(char **field, struct text t);
bool kind_has_control(struct text t);

/* print and fini of the kinds whose field is a text on the heap, NULL for none. */
void kind_print_text(const struct option *o, const void *base, struct buf *out);
void kind_fini_text(const struct option *o, void *base);

#endif

/*
 * Text as pointer and length: what comes from outside until it has been validated. Never NUL-terminated by promise.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	const char *s; /* may be NULL when n is 0: "not there"; a present empty text has s != NULL */
	size_t n;      /* bytes */
};

#define TEXT(literal) ((struct text){ "" literal, sizeof(literal) - 1 })
/* The same where a constant is needed: static tables. */
#define TEXT_INIT(literal)                                                                                             \
	{                                                                                                              \
		"" literal, sizeof(literal) - 1                                                                        \
	}
#define TEXT_NONE ((struct text){ NULL, 0 })
/* For printf: printf("%.*s", TEXT_ARG(t)). */
#define TEXT_ARG(t) (int)(t).n, ((t).s == NULL ? "" : (t).s)

static inline struct text text_of(const char *s)
{
	return (struct text){ s, s == NULL ? 0 : strlen(s) };
}

static inline bool text_equal(struct text a, struct text b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

static inline bool text_is(struct text a, const char *s)
{
	return text_equal(a, text_of(s));
}

/* Without the blanks (space, tab, CR, LF, VT, FF) at both ends. */
struct text text_trim(struct text t);

/* Well-formed UTF-8 of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool text_is_utf8(struct text t);

/*
 * Shell-like pattern: `*` any run, `?` one byte, `[a-z]` a set, `\` takes the next literally. Linear in n * pattern.
 */
bool text_matches(struct text t, struct text pattern);

/*
 * Seeded 64-bit hash for tables of names from outside (a sender cannot aim for one bucket without the seed).
 */
uint64_t text_hash(struct text t, uint64_t seed);

/* Fewest single-character edits from a to b; both at most 64 bytes, else SIZE_MAX. For "did you mean". */
size_t text_distance(struct text a, struct text b);

#endif

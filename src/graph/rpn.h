/*
 * munin's cdef: a calculation in reverse Polish notation over the data sources of a plugin, "down,8,*". Of rrdtool's
 * words those that plugins use: numbers, names, + - * / % MIN MAX UN IF LT LE GT GE EQ UNKN. Pure functions.
 * Source: rrdtool's rrdgraph_rpn(1); munin's plugin reference, "cdef".
 */
#ifndef GRAPH_RPN_H
#define GRAPH_RPN_H

#include "base/rc.h"
#include "base/text.h"

enum { RPN_MAX_WORDS = 128, RPN_MAX_DEPTH = 32 };

struct rpn_step {
	unsigned char what;
	union {
		double number;
		size_t variable;
	};
};

struct rpn {
	struct rpn_step step[RPN_MAX_WORDS];
	size_t n;
};

/* The number of a name; SIZE_MAX: there is none of that name. */
typedef size_t rpn_find_fn(void *argument, struct text name);

/*
 * A name goes before a word: a data source may be called MIN.
 * Errors   RC_REFUSED too long, an unknown word or name, a word without enough before it, no single result: why says which
 */
CHECKED enum rc rpn_parse(struct text t, rpn_find_fn *find, void *argument, struct rpn *out, struct why *why);

/* With value[i] for the name with number i. NAN: unknown, also where the result is infinite. */
double rpn_eval(const struct rpn *p, const double *value);

/* The number of the name that the i-th word is; SIZE_MAX: it is none. */
size_t rpn_variable(const struct rpn *p, size_t i);

#endif

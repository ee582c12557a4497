#include "graph/rpn.h"

#include <math.h>

#include "wire/number.h"

enum { SHOWN_MAX_BYTES = 64 };

enum word {
	WORD_NUMBER,
	WORD_NAME,
	WORD_ADD,
	WORD_SUBTRACT,
	WORD_MULTIPLY,
	WORD_DIVIDE,
	WORD_REST,
	WORD_MIN,
	WORD_MAX,
	WORD_LT,
	WORD_LE,
	WORD_GT,
	WORD_GE,
	WORD_EQ,
	WORD_UN,
	WORD_IF,
	WORD_UNKN,
};

static const struct {
	const char *name;
	enum word what;
	unsigned takes; /* each leaves one */
} words[] = {
	{ "+", WORD_ADD, 2 },  { "-", WORD_SUBTRACT, 2 }, { "*", WORD_MULTIPLY, 2 }, { "/", WORD_DIVIDE, 2 },
	{ "%", WORD_REST, 2 }, { "MIN", WORD_MIN, 2 },    { "MAX", WORD_MAX, 2 },    { "LT", WORD_LT, 2 },
	{ "LE", WORD_LE, 2 },  { "GT", WORD_GT, 2 },      { "GE", WORD_GE, 2 },      { "EQ", WORD_EQ, 2 },
	{ "UN", WORD_UN, 1 },  { "IF", WORD_IF, 3 },      { "UNKN", WORD_UNKN, 0 },
};

/* How many values it takes; reads into *out. */
static enum rc parse_word(struct text t, rpn_find_fn *find, void *argument, struct rpn_step *out, unsigned *takes,
			  struct why *why)
{
	double number;

	*takes = 0;
	*out = (struct rpn_step){ .what = WORD_NAME };
	out->variable = find(argument, t);
	if (out->variable != SIZE_MAX)
		return RC_OK;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!text_is(t, words[i].name))
			continue;
		*out = (struct rpn_step){ .what = (unsigned char)words[i].what };
		*takes = words[i].takes;
		return RC_OK;
	}
	if (number_parse(t, &number) != NUMBER_VALUE)
		return because(why, RC_REFUSED,
			       "\"%.*s\": expected a number, a data source or one of + - * / %% MIN MAX "
			       "UN IF LT LE GT GE EQ UNKN",
			       t.n > SHOWN_MAX_BYTES ? SHOWN_MAX_BYTES : (int)t.n, t.s);
	*out = (struct rpn_step){ .what = WORD_NUMBER, .number = number };
	return RC_OK;
}

enum rc rpn_parse(struct text t, rpn_find_fn *find, void *argument, struct rpn *out, struct why *why)
{
	size_t depth = 0;

	out->n = 0;
	for (size_t start = 0; start <= t.n;) {
		const char *comma = start == t.n ? NULL : memchr(t.s + start, ',', t.n - start);
		size_t end = comma == NULL ? t.n : (size_t)(comma - t.s);
		struct text part = text_trim((struct text){ t.s + start, end - start });
		unsigned takes = 0;
		enum rc rc;

		if (out->n == RPN_MAX_WORDS)
			return because(why, RC_REFUSED, "more than %d words", RPN_MAX_WORDS);
		rc = parse_word(part, find, argument, &out->step[out->n], &takes, why);
		if (rc != RC_OK)
			return rc;
		if (takes > depth)
			return because(why, RC_REFUSED, "\"%.*s\" needs %u values before it, there are %zu",
				       TEXT_ARG(part), takes, depth);
		depth = depth - takes + 1;
		if (depth > RPN_MAX_DEPTH)
			return because(why, RC_REFUSED, "more than %d values at once", RPN_MAX_DEPTH);
		out->n++;
		start = end + 1;
	}
	if (depth != 1)
		return because(why, RC_REFUSED, "it leaves %zu values, expected one", depth);
	return RC_OK;
}

static double truth(bool yes)
{
	return yes ? 1 : 0;
}

/* Unknown makes unknown, but for MIN and MAX of rrdtool it is so too. */
static double of_two(enum word what, double a, double b)
{
	if (isnan(a) || isnan(b))
		return NAN;
	switch (what) {
	case WORD_ADD:
		return a + b;
	case WORD_SUBTRACT:
		return a - b;
	case WORD_MULTIPLY:
		return a * b;
	case WORD_DIVIDE:
		return a / b;
	case WORD_REST:
		return fmod(a, b);
	case WORD_MIN:
		return a < b ? a : b;
	case WORD_MAX:
		return a > b ? a : b;
	case WORD_LT:
		return truth(a < b);
	case WORD_LE:
		return truth(a <= b);
	case WORD_GT:
		return truth(a > b);
	case WORD_GE:
		return truth(a >= b);
	case WORD_EQ:
		return truth(a == b);
	case WORD_NUMBER:
	case WORD_NAME:
	case WORD_UN:
	case WORD_IF:
	case WORD_UNKN:
		break;
	}
	must(!"a word of two values");
	return NAN;
}

double rpn_eval(const struct rpn *p, const double *value)
{
	double stack[RPN_MAX_DEPTH + 1] = { NAN };
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct rpn_step *s = &p->step[i];

		switch ((enum word)s->what) {
		case WORD_NUMBER:
			stack[n++] = s->number;
			break;
		case WORD_NAME:
			stack[n++] = value[s->variable];
			break;
		case WORD_UNKN:
			stack[n++] = NAN;
			break;
		case WORD_UN:
			stack[n - 1] = truth(isnan(stack[n - 1]));
			break;
		case WORD_IF: /* condition, then, else; an unknown condition is not true */
			n -= 2;
			stack[n - 1] = isnan(stack[n - 1]) || stack[n - 1] == 0 ? stack[n + 1] : stack[n];
			break;
		case WORD_ADD:
		case WORD_SUBTRACT:
		case WORD_MULTIPLY:
		case WORD_DIVIDE:
		case WORD_REST:
		case WORD_MIN:
		case WORD_MAX:
		case WORD_LT:
		case WORD_LE:
		case WORD_GT:
		case WORD_GE:
		case WORD_EQ:
			n--;
			stack[n - 1] = of_two((enum word)s->what, stack[n - 1], stack[n]);
			break;
		}
	}
	return isfinite(stack[0]) ? stack[0] : (double)NAN;
}

size_t rpn_variable(const struct rpn *p, size_t i)
{
	return p->step[i].what == WORD_NAME ? p->step[i].variable : SIZE_MAX;
}

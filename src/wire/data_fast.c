#include "wire/data_fast.h"

#include "model/name.h"
#include "wire/samples.h"

/*
 * `at` never passes a quote without moving `quote` on, so the next quote is always *quote; each is met at a layer that
 * demands its 0, 1 or 3 backslashes. That no quote has more, and that none stand elsewhere, shows in the sum at the end.
 */
struct form {
	const char *start, *at, *end;
	const uint16_t *quote, *quote_end;
	size_t n_backslashes; /* of the quotes passed */
	bool slash;           /* some name may hold one */
	bool distinct;        /* no two samples have one ds, surely */
	struct samples samples;
	struct message message;
};

/* Layers: the envelope, the call in it, the payload in that. */
static const unsigned backslashes[] = { 0, 1, 3 };

static inline bool take(struct form *f, const char *literal, size_t n)
{
	if ((size_t)(f->end - f->at) < n || memcmp(f->at, literal, n) != 0)
		return false;
	f->at += n;
	return true;
}

/* A literal whose last byte is its one quote, of this layer. */
static inline bool take_to_quote(struct form *f, const char *literal, size_t n, unsigned layer)
{
	if (!take(f, literal, n))
		return false;
	f->quote++;
	f->n_backslashes += backslashes[layer];
	return true;
}

#define TAKE(f, literal) take(f, literal, sizeof(literal) - 1)
#define TAKE_TO_QUOTE(f, literal, layer) take_to_quote(f, literal, sizeof(literal) - 1, layer)

/* From behind an opening quote to behind the closing one. */
static inline bool take_text(struct form *f, unsigned layer, struct text *out)
{
	const unsigned n = backslashes[layer];
	const char *quote;

	if (f->quote == f->quote_end)
		return false;
	quote = f->start + *f->quote++;
	if ((size_t)(quote - f->at) < n || memcmp(quote - n, "\\\\\\", n) != 0)
		return false;
	*out = (struct text){ f->at, (size_t)(quote - f->at) - n };
	f->at = quote + 1;
	f->n_backslashes += n;
	return true;
}

static inline bool is(struct text t, const char *literal, size_t n)
{
	return t.n == n && memcmp(t.s, literal, n) == 0;
}

#define IS(t, literal) is(t, literal, sizeof(literal) - 1)

/* What name_check_…() asks of a text of printable ASCII. */
static inline bool is_name(struct text t, bool slash)
{
	if (t.n == 0 || t.n > NAME_MAX_BYTES || (t.s[0] == '.' && (t.n == 1 || (t.n == 2 && t.s[1] == '.'))))
		return false;
	return !slash || memchr(t.s, '/', t.n) == NULL;
}

static inline bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/*
 * A decimal number without exponent as JSON writes it, of at most 19 digits: *p is moved behind it. It ends at a
 * byte that is none of its own, which the caller knows to exist.
 */
static inline bool take_number(const char **at, double *out)
{
	const char *p = *at, *digits, *point;
	uint64_t mantissa = 0;
	int64_t n_decimals = 0;
	bool negative = *p == '-';

	p += negative;
	digits = p;
	for (; is_digit(*p); p++)
		mantissa = mantissa * 10 + (uint64_t)(*p - '0');
	if (p == digits || (*digits == '0' && p - digits > 1))
		return false;
	point = p;
	if (*p == '.') {
		for (p++; is_digit(*p); p++)
			mantissa = mantissa * 10 + (uint64_t)(*p - '0');
		n_decimals = p - point - 1;
		if (n_decimals == 0)
			return false;
	}
	if (point - digits + n_decimals > 19)
		return false;
	*at = p;
	*out = n_decimals == 0 && mantissa < UINT64_C(1) << 53 ? (double)mantissa
							       : number_from_decimal(mantissa, -n_decimals);
	if (negative)
		*out = -*out;
	return true;
}

/* Seconds as a text of digits, of which 15 fit any reader. */
static bool take_seconds(struct form *f)
{
	struct text t;
	int64_t v = 0;

	if (!TAKE_TO_QUOTE(f, ": \\\\\\\"", 2) || !take_text(f, 2, &t) || t.n == 0 || t.n > 15)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		if (!is_digit(t.s[i]))
			return false;
		v = v * 10 + (t.s[i] - '0');
	}
	f->message.t_s = v;
	return true;
}

/* The value of a sample: a text, or a bare number. */
static inline bool take_value(struct form *f, struct sample *s)
{
	const char *p;
	struct text t;

	s->kind = SAMPLE_VALUE;
	if (f->end - f->at < 3 || f->at[0] != ':' || f->at[1] != ' ')
		return false;
	f->at += 2;
	if (*f->at != '\\') {
		p = f->at;
		/* a message does not end here, and what ends it is no digit */
		if (f->quote == f->quote_end || !take_number(&p, &s->value))
			return false;
		f->at = p;
		return true;
	}
	if (!TAKE_TO_QUOTE(f, "\\\\\\\"", 2) || !take_text(f, 2, &t))
		return false;
	p = t.s;
	if (!take_number(&p, &s->value) || p != t.s + t.n) {
		s->value = 0;
		samples_judge(s, t);
	}
	return true;
}

/* Surely another than those before, or maybe not: names that look alike to a small hash are compared afterwards. */
static inline bool is_new(uint64_t seen[4], struct text name)
{
	uint64_t ends = (uint64_t)(unsigned char)name.s[0] << 24 | (uint64_t)(unsigned char)name.s[name.n / 2] << 16 |
			(uint64_t)(unsigned char)name.s[name.n - 1] << 8 | name.n,
		 bit = ends * UINT64_C(0x9E3779B97F4A7C15) >> 56;

	if ((seen[bit / 64] >> bit % 64 & 1) != 0)
		return false;
	seen[bit / 64] |= UINT64_C(1) << bit % 64;
	return true;
}

/* From behind `{` to behind `}`. */
static bool take_values(struct form *f)
{
	uint64_t seen[4] = { 0 };

	if (!TAKE_TO_QUOTE(f, "\\\\\\\"", 2))
		return false;
	do {
		struct sample *s = &f->samples.at[f->samples.n];

		if (f->samples.n == f->samples.capacity || !take_text(f, 2, &s->ds) || !is_name(s->ds, f->slash))
			return false;
		s->reason = REASON_NONE;
		if (!take_value(f, s))
			return false;
		f->distinct = f->distinct && is_new(seen, s->ds);
		f->samples.n++;
	} while (TAKE_TO_QUOTE(f, ", \\\\\\\"", 2));
	return TAKE(f, "}");
}

enum {
	SEEN_TIME = 1,
	SEEN_VALUES = 2,
	SEEN_METHOD = 4,
	SEEN_ARGS = 8,
	SEEN_TYPE = 16,
	SEEN_HOST = 32,
	SEEN_PLUGIN = 64
};
enum { SEEN_VERSION = 128, SEEN_MESSAGE = 256 };

static inline bool is_first(unsigned *seen, unsigned which)
{
	bool first = (*seen & which) == 0;

	*seen |= which;
	return first;
}

static bool take_payload(struct form *f)
{
	unsigned seen = 0;
	struct text key, ignored;

	if (!TAKE_TO_QUOTE(f, "{\\\\\\\"", 2))
		return false;
	do {
		if (!take_text(f, 2, &key))
			return false;
		if (IS(key, "Values")) {
			if (!is_first(&seen, SEEN_VALUES) || !TAKE(f, ": {") || !take_values(f))
				return false;
		} else if (IS(key, "TimeStamp")) {
			if (!is_first(&seen, SEEN_TIME) || !take_seconds(f))
				return false;
		} else if (!IS(key, "Plugin") || !TAKE_TO_QUOTE(f, ": \\\\\\\"", 2) || !take_text(f, 2, &ignored)) {
			return false;
		}
	} while (TAKE_TO_QUOTE(f, ", \\\\\\\"", 2));
	return seen == (SEEN_VALUES | SEEN_TIME) && TAKE(f, "}");
}

static bool take_args(struct form *f)
{
	return TAKE_TO_QUOTE(f, ": {\\\"", 1) && TAKE_TO_QUOTE(f, "args\\\"", 1) && TAKE_TO_QUOTE(f, ": {\\\"", 1) &&
	       TAKE_TO_QUOTE(f, "message\\\"", 1) && TAKE_TO_QUOTE(f, ": \\\"", 1) && take_payload(f) &&
	       TAKE_TO_QUOTE(f, "\\\"", 1) && TAKE(f, "}}");
}

/* A member of the call that is a text. What else begins with an underscore says nothing to us, but for two names. */
static bool judge_member(struct text key, struct text value, unsigned *seen, struct message *m)
{
	if (IS(key, "method"))
		return is_first(seen, SEEN_METHOD) && IS(value, "poller_msg");
	if (IS(key, "_context_type"))
		return is_first(seen, SEEN_TYPE) && IS(value, "data");
	if (IS(key, "_context_hostid")) {
		m->host = value;
		return is_first(seen, SEEN_HOST) && is_name(value, false);
	}
	if (IS(key, "_context_plugin")) {
		m->plugin = value;
		return is_first(seen, SEEN_PLUGIN) && is_name(value, true);
	}
	return key.n > 0 && key.s[0] == '_' && !IS(key, "_msg_id") && !IS(key, "_reply_q");
}

static bool take_call(struct form *f)
{
	unsigned seen = 0;
	struct text key, value;

	if (!TAKE_TO_QUOTE(f, "{\\\"", 1))
		return false;
	do {
		if (!take_text(f, 1, &key))
			return false;
		if (IS(key, "args")) {
			if (!is_first(&seen, SEEN_ARGS) || !take_args(f))
				return false;
		} else if (!TAKE_TO_QUOTE(f, ": \\\"", 1) || !take_text(f, 1, &value) ||
			   !judge_member(key, value, &seen, &f->message)) {
			return false;
		}
	} while (TAKE_TO_QUOTE(f, ", \\\"", 1));
	return seen == (SEEN_ARGS | SEEN_METHOD | SEEN_TYPE | SEEN_HOST | SEEN_PLUGIN) && TAKE(f, "}");
}

static bool take_envelope(struct form *f)
{
	unsigned seen = 0;
	struct text key, version;

	if (!TAKE_TO_QUOTE(f, "{\"", 0))
		return false;
	do {
		if (!take_text(f, 0, &key) || !TAKE_TO_QUOTE(f, ": \"", 0))
			return false;
		if (IS(key, "oslo.version")) {
			if (!is_first(&seen, SEEN_VERSION) || !take_text(f, 0, &version) || !IS(version, "2.0"))
				return false;
		} else if (!IS(key, "oslo.message") || !is_first(&seen, SEEN_MESSAGE) || !take_call(f) ||
			   !TAKE_TO_QUOTE(f, "\"", 0)) {
			return false;
		}
	} while (TAKE_TO_QUOTE(f, ", \"", 0));
	return seen == (SEEN_VERSION | SEEN_MESSAGE) && TAKE(f, "}") && f->at == f->end;
}

bool data_fast_read(struct arena *a, struct text body, quotes_fn index, struct message *out)
{
	struct form f = { .distinct = true };
	struct quotes quotes;
	size_t room;
	bool taken;

	if (!index(body, &quotes))
		return false;
	f.start = f.at = body.s;
	f.end = body.s + body.n;
	f.quote = quotes.at;
	f.quote_end = quotes.at + quotes.n;
	f.slash = quotes.slash;
	f.samples.capacity = quotes.n / 2;
	room = f.samples.capacity * sizeof(*f.samples.at);
	f.samples.at = arena_alloc(a, room);
	f.message = (struct message){ .kind = MESSAGE_DATA };
	taken = take_envelope(&f) && f.n_backslashes == quotes.n_backslashes;
	arena_trim(a, f.samples.at, room, taken ? f.samples.n * sizeof(*f.samples.at) : 0);
	if (!taken)
		return false;
	if (!f.distinct)
		samples_drop_repeated(&f.samples, a);
	f.message.sample = f.samples.at;
	f.message.n_samples = f.samples.n;
	for (size_t i = 0; i < f.samples.n; i++)
		f.message.n_refused += f.samples.at[i].kind == SAMPLE_REFUSED;
	*out = f.message;
	return true;
}

#include "config/kind.h"

#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/option.h"
#include "config/source.h"

/* Shared by every kind. */

enum rc kind_refuse(const struct option *o, struct text culprit, struct why *why)
{
	struct buf expected;
	struct shown shown;

	buf_init(&expected, 400);
	o->kind->expected(o, &expected);
	if (culprit.s == NULL || o->secret)
		(void)because(why, RC_REFUSED, "expected %.*s", TEXT_ARG(buf_text(&expected)));
	else
		(void)because(why, RC_REFUSED, "\"%s\": expected %.*s", source_show(culprit, &shown),
			      TEXT_ARG(buf_text(&expected)));
	buf_fini(&expected);
	return RC_REFUSED;
}

void kind_set_text(char **field, struct text t)
{
	char *copy = t.n == 0 ? NULL : must_strndup(t.s, t.n);

	free(*field);
	*field = copy;
}

bool kind_has_control(struct text t)
{
	for (size_t i = 0; i < t.n; i++)
		if ((unsigned char)t.s[i] < ' ' || t.s[i] == 0x7F)
			return true;
	return false;
}

static bool equal_any_case(struct text t, const char *word)
{
	return t.n == strlen(word) && strncasecmp(t.s, word, t.n) == 0;
}

/* bool */

static enum rc parse_bool(const struct option *o, struct text t, void *base, struct why *why)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (equal_any_case(t, words[i])) {
			*(bool *)option_field(o, base) = i % 2 == 1;
			return RC_OK;
		}
	return kind_refuse(o, t, why);
}

static void print_bool(const struct option *o, const void *base, struct buf *out)
{
	buf_add_str(out, *(const bool *)option_field_const(o, base) ? "true" : "false");
}

static void expect_bool(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "true or false (also yes, no, on, off, 1, 0)");
}

const struct kind kind_bool = { "boolean", false, parse_bool, print_bool, NULL, expect_bool, "true or false" };

/* number, in the option's unit */

/* Digits only, in base 8 or 10; false when there are none, others, or more than int64_t holds. */
static bool read_digits(struct text t, int radix, int64_t *out)
{
	int64_t value = 0;

	if (t.n == 0)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		int digit = t.s[i] - '0';

		if (digit < 0 || digit >= radix || value > (INT64_MAX - digit) / radix)
			return false;
		value = value * radix + digit;
	}
	*out = value;
	return true;
}

static enum rc store_number(const struct option *o, struct text t, bool read, int64_t value, void *base,
			    struct why *why)
{
	if (!read || value < o->least || value > o->most)
		return kind_refuse(o, t, why);
	*(int64_t *)option_field(o, base) = value;
	return RC_OK;
}

static enum rc parse_number(const struct option *o, struct text t, void *base, struct why *why)
{
	int64_t value = 0;
	bool read = read_digits(t, 10, &value);

	return store_number(o, t, read, value, base, why);
}

static void print_number(const struct option *o, const void *base, struct buf *out)
{
	buf_addf(out, "%" PRId64, *(const int64_t *)option_field_const(o, base));
}

static void expect_number(const struct option *o, struct buf *out)
{
	buf_addf(out, "a whole number from %" PRId64 " to %" PRId64, o->least, o->most);
}

const struct kind kind_number = { "number", false, parse_number, print_number, NULL, expect_number, NULL };

/* size in bytes: plain, or with k M G of 1024 (also KiB MiB GiB) or kB MB GB of 1000 */

static const struct {
	const char *suffix;
	int64_t bytes;
} size_units[] = {
	/* the shortest suffix of a unit first: it is the one that is written */
	{ "G", 1 << 30 },  { "GiB", 1 << 30 }, { "GB", 1000000000 }, { "M", 1 << 20 }, { "MiB", 1 << 20 },
	{ "MB", 1000000 }, { "k", 1 << 10 },   { "KiB", 1 << 10 },   { "kB", 1000 },   { "", 1 },
};

static enum rc parse_size(const struct option *o, struct text t, void *base, struct why *why)
{
	struct text digits = t, suffix;
	int64_t value = 0;

	for (digits.n = 0; digits.n < t.n && t.s[digits.n] >= '0' && t.s[digits.n] <= '9';)
		digits.n++;
	suffix = text_trim((struct text){ t.s + digits.n, t.n - digits.n });
	if (!read_digits(digits, 10, &value))
		return kind_refuse(o, t, why);
	for (size_t i = 0; i < ARRAY_LEN(size_units); i++)
		if (equal_any_case(suffix, size_units[i].suffix)) {
			if (value > INT64_MAX / size_units[i].bytes)
				break;
			return store_number(o, t, true, value * size_units[i].bytes, base, why);
		}
	return kind_refuse(o, t, why);
}

static void add_size(int64_t value, struct buf *out)
{
	size_t i = 0;

	while (value == 0 || value % size_units[i].bytes != 0)
		if (++i == ARRAY_LEN(size_units) - 1)
			break;
	buf_addf(out, "%" PRId64 "%s", value / size_units[i].bytes, size_units[i].suffix);
}

static void print_size(const struct option *o, const void *base, struct buf *out)
{
	add_size(*(const int64_t *)option_field_const(o, base), out);
}

static void expect_size(const struct option *o, struct buf *out)
{
	buf_add_str(out, "bytes from ");
	add_size(o->least, out);
	buf_add_str(out, " to ");
	add_size(o->most, out);
	buf_add_str(out, ", plain or with k, M, G (1024) or kB, MB, GB (1000)");
}

const struct kind kind_size = {
	"size", false, parse_size, print_size, NULL, expect_size, "bytes; k, M, G count in 1024"
};

/* permission bits, octal */

static enum rc parse_mode(const struct option *o, struct text t, void *base, struct why *why)
{
	int64_t value = 0;
	bool read = read_digits(t, 8, &value);

	return store_number(o, t, read, value, base, why);
}

static void print_mode(const struct option *o, const void *base, struct buf *out)
{
	buf_addf(out, "%04" PRIo64, (uint64_t) * (const int64_t *)option_field_const(o, base));
}

static void expect_mode(const struct option *o, struct buf *out)
{
	buf_addf(out, "octal permission bits from %04" PRIo64 " to %04" PRIo64, (uint64_t)o->least, (uint64_t)o->most);
}

const struct kind kind_mode = { "mode", false, parse_mode, print_mode, NULL, expect_mode, NULL };

/* log level */

static enum rc parse_level(const struct option *o, struct text t, void *base, struct why *why)
{
	char word[16];

	if (t.n < sizeof(word)) {
		memcpy(word, t.s, t.n);
		word[t.n] = '\0';
		if (log_level_parse(word, option_field(o, base)))
			return RC_OK;
	}
	return kind_refuse(o, t, why);
}

static void print_level(const struct option *o, const void *base, struct buf *out)
{
	buf_add_str(out, log_level_name(*(const enum log_level *)option_field_const(o, base)));
}

static void expect_level(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "debug, info, warning, error or critical");
}

const struct kind kind_level = { "level", false, parse_level, print_level, NULL, expect_level, NULL };

/* one of the option's choices; the field, a bool or an enum, is its index */

static enum rc parse_choice(const struct option *o, struct text t, void *base, struct why *why)
{
	for (int i = 0; o->choices[i] != NULL; i++)
		if (equal_any_case(t, o->choices[i])) {
			if (o->size == sizeof(bool))
				*(bool *)option_field(o, base) = i == 1;
			else
				memcpy(option_field(o, base), &i, sizeof(i));
			return RC_OK;
		}
	return kind_refuse(o, t, why);
}

static void print_choice(const struct option *o, const void *base, struct buf *out)
{
	int i;

	if (o->size == sizeof(bool))
		i = *(const bool *)option_field_const(o, base);
	else
		memcpy(&i, option_field_const(o, base), sizeof(i));
	buf_add_str(out, o->choices[i]);
}

static void expect_choice(const struct option *o, struct buf *out)
{
	for (int i = 0; o->choices[i] != NULL; i++)
		buf_addf(out, "%s%s", i == 0 ? "" : o->choices[i + 1] == NULL ? " or " : ", ", o->choices[i]);
}

const struct kind kind_choice = { "word", false, parse_choice, print_choice, NULL, expect_choice, NULL };

/* a share of the whole, 0 to 1; the field is a float */

enum { SHARE_MAX_DECIMALS = 16 };

static enum rc parse_share(const struct option *o, struct text t, void *base, struct why *why)
{
	size_t n_digits = 0, n_points = 0, n_decimals = 0;
	char word[32];
	float value;

	for (size_t i = 0; i < t.n; i++) {
		n_points += t.s[i] == '.';
		n_digits += t.s[i] >= '0' && t.s[i] <= '9';
		n_decimals += t.s[i] != '.' && n_points > 0;
	}
	if (n_digits == 0 || n_points > 1 || n_digits + n_points != t.n || n_decimals > SHARE_MAX_DECIMALS ||
	    t.n >= sizeof(word))
		return kind_refuse(o, t, why);
	memcpy(word, t.s, t.n);
	word[t.n] = '\0';
	value = strtof(word, NULL);
	if (value > 1.0F)
		return kind_refuse(o, t, why);
	*(float *)option_field(o, base) = value;
	return RC_OK;
}

/* The fewest decimals that read back the same; no exponent, as none is read. */
static void print_share(const struct option *o, const void *base, struct buf *out)
{
	float value = *(const float *)option_field_const(o, base);
	char word[32];

	for (int decimals = 0; decimals <= SHARE_MAX_DECIMALS; decimals++) {
		snprintf(word, sizeof(word), "%.*f", decimals, (double)value);
		if (strtof(word, NULL) == value)
			break;
	}
	buf_add_str(out, word);
}

static void expect_share(const struct option *o, struct buf *out)
{
	(void)o;
	buf_add_str(out, "a share from 0 to 1");
}

const struct kind kind_share = { "share", false, parse_share, print_share, NULL, expect_share, NULL };

#include "config/kind.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/option.h"

void kind_fini_text(const struct option *o, void *base)
{
	kind_set_text(option_field(o, base), TEXT_NONE);
}

void kind_print_text(const struct option *o, const void *base, struct buf *out)
{
	char *const *field = option_field_const(o, base);

	buf_add_text(out, text_of(*field));
}

/* any text of the option's length */

static enum rc parse_text(const struct option *o, struct text t, void *base, struct why *why)
{
	if (t.n > (size_t)o->most || kind_has_control(t))
		return kind_refuse(o, t, why);
	kind_set_text(option_field(o, base), t);
	return RC_OK;
}

static void expect_text(const struct option *o, struct buf *out)
{
	buf_addf(out, "text of at most %" PRId64 " bytes without control characters", o->most);
}

const struct kind kind_text = { "text", false, parse_text, kind_print_text, kind_fini_text, expect_text, "text" };

/* a glob pattern: text that the manual names otherwise */

static void expect_pattern(const struct option *o, struct buf *out)
{
	buf_addf(out, "a pattern (* ? [a-z]) of at most %" PRId64 " bytes", o->most);
}

const struct kind kind_pattern = {
	"pattern", false, parse_text, kind_print_text, kind_fini_text, expect_pattern, "pattern with * ? [a-z]"
};

/* an absolute path */

static enum rc parse_path(const struct option *o, struct text t, void *base, struct why *why)
{
	if (t.n > (size_t)o->most || kind_has_control(t) || (t.n > 0 && t.s[0] != '/'))
		return kind_refuse(o, t, why);
	/* a slash behind a blank stays: without it the blank would stand at the end, where it does not count */
	while (t.n > 1 && t.s[t.n - 1] == '/' && t.s[t.n - 2] != ' ')
		t.n--;
	kind_set_text(option_field(o, base), t);
	return RC_OK;
}

static void expect_path(const struct option *o, struct buf *out)
{
	buf_add_str(out, "an absolute path");
	if (o->most < PATH_MAX - 1)
		buf_addf(out, " of at most %" PRId64 " bytes", o->most);
}

const struct kind kind_path = { "path", false, parse_path, kind_print_text, kind_fini_text, expect_path, NULL };

/* text whose preset is the machine's name */

static enum rc parse_host_name(const struct option *o, struct text t, void *base, struct why *why)
{
	char name[256];

	if (t.n > 0)
		return parse_text(o, t, base, why);
	if (gethostname(name, sizeof(name)) < 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	return parse_text(o, text_of(name[0] == '\0' ? "localhost" : name), base, why);
}

const struct kind kind_host_name = { "text",         false,       parse_host_name, kind_print_text,
				     kind_fini_text, expect_text, "text" };

/* what can stand in an HTTP header behind "Bearer " */

static enum rc parse_token(const struct option *o, struct text t, void *base, struct why *why)
{
	for (size_t i = 0; i < t.n; i++)
		if (t.s[i] <= ' ' || t.s[i] > '~')
			return kind_refuse(o, t, why);
	return parse_text(o, t, base, why);
}

static void expect_token(const struct option *o, struct buf *out)
{
	buf_addf(out, "at most %" PRId64 " visible ASCII characters without blanks", o->most);
}

const struct kind kind_token = {
	"text", false, parse_token, kind_print_text, kind_fini_text, expect_token, "visible ASCII without blanks"
};

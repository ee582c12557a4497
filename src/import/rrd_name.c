#include "import/rrd_name.h"

#include <string.h>

enum { ENDING_BYTES = 4 }; /* ".rrd" */

static size_t behind_last(struct text t, char c)
{
	size_t at = t.n;

	while (at > 0 && t.s[at - 1] != c)
		at--;
	return at;
}

static struct text without_ending(struct text path)
{
	if (path.n > ENDING_BYTES && memcmp(path.s + path.n - ENDING_BYTES, ".rrd", ENDING_BYTES) == 0)
		path.n -= ENDING_BYTES;
	return path;
}

bool rrd_name_munin(struct text path, struct text host, struct series *out)
{
	struct text rest = without_ending(path);
	size_t slash, dot, end, type = behind_last(rest, '-'), field;

	if (type < 2 || rest.n - type != 1 || memchr("gdca", rest.s[type], 4) == NULL)
		return false;
	rest.n = type - 1;
	field = behind_last(rest, '-');
	slash = behind_last(rest, '/');
	if (field <= slash || field == rest.n)
		return false;
	out->ds = (struct text){ rest.s + field, rest.n - field };
	rest.n = field - 1;
	if (host.s != NULL) {
		end = host.n;
		slash = behind_last(host, '/');
	} else {
		dot = behind_last(rest, '.');
		for (end = dot > slash ? dot : slash; end < rest.n && rest.s[end] != '-';)
			end++;
	}
	if (end <= slash || end + 1 >= rest.n || rest.s[end] != '-')
		return false;
	out->host = (struct text){ rest.s + slash, end - slash };
	out->folder = TEXT_NONE;
	out->plugin = (struct text){ rest.s + end + 1, rest.n - end - 1 };
	return true;
}

static struct text join(struct arena *a, struct text first, char between, struct text second)
{
	char *both = arena_alloc(a, first.n + 1 + second.n);

	memcpy(both, first.s, first.n);
	both[first.n] = between;
	memcpy(both + first.n + 1, second.s, second.n);
	return (struct text){ both, first.n + 1 + second.n };
}

bool rrd_name_plain(struct text path, struct text ds, bool only_one, struct arena *a, struct series *out)
{
	struct text rest = without_ending(path), file;
	const char *slash = memchr(rest.s, '/', rest.n);
	size_t last = behind_last(rest, '/');
	char *middle;

	*out = (struct series){ .ds = ds };
	file = (struct text){ rest.s + last, rest.n - last };
	if (slash == NULL) {
		out->plugin = file;
		return false;
	}
	out->host = (struct text){ rest.s, (size_t)(slash - rest.s) };
	if ((size_t)(slash + 1 - rest.s) == last) {
		out->plugin = file;
		return true;
	}
	out->plugin = (struct text){ slash + 1, last - 1 - out->host.n - 1 };
	if (memchr(out->plugin.s, '/', out->plugin.n) != NULL) {
		middle = arena_alloc(a, out->plugin.n);
		for (size_t i = 0; i < out->plugin.n; i++)
			middle[i] = out->plugin.s[i] == '/' ? '-' : out->plugin.s[i];
		out->plugin.s = middle;
	}
	out->ds = only_one ? file : join(a, file, '.', ds);
	return true;
}

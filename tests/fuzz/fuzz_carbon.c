/* Lines of the carbon protocol: what is taken keeps the promises of the header, and the quick readers agree. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "carbon/known.h"
#include "carbon/line.h"
#include "model/name.h"
#include "wire/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_line(struct text line)
{
	struct why why = { "" };
	struct series s;
	struct line l;

	if (line_read(line, 1795342601, &l, &why) != REASON_NONE) {
		must(why.text[0] != '\0');
		return;
	}
	must(l.key.n == 0 || (l.key.s >= line.s && l.key.s + l.key.n <= line.s + line.n));
	must(l.unknown || isfinite(l.value));
	if (l.key.n == 0 || line_split(l.key, &s, &why) != REASON_NONE)
		return;
	must(l.key.n < KNOWN_SLACK);
	must(name_check_host(s.host, NULL) == RC_OK);
	must(name_check_plugin_or_ds(s.plugin, NULL) == RC_OK && name_check_plugin_or_ds(s.ds, NULL) == RC_OK);
}

/* bytes end with a line feed and the slack that the quick readers may look at. */
static void try_quick(const char *bytes, const char *feed)
{
	double quick, exact;
	const char *behind = line_plain_number(bytes, &quick);
	uint32_t plain_s;
	int64_t t_s;

	if (behind != NULL) {
		must(behind <= feed && behind[-1] == ' ');
		must(number_parse((struct text){ bytes, (size_t)(behind - 1 - bytes) }, &exact) == NUMBER_VALUE);
		must(memcmp(&quick, &exact, sizeof(quick)) == 0);
	}
	behind = line_plain_seconds(bytes, &plain_s);
	if (behind != NULL) {
		must(behind == feed + 1);
		must(number_parse_seconds((struct text){ bytes, (size_t)(feed - bytes) }, &t_s) && t_s == plain_s);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = must_alloc(size + 1 + LINE_SLACK);
	const char *end = bytes + size;

	if (size > 0)
		memcpy(bytes, data, size);
	bytes[size] = '\n';
	for (const char *p = bytes; p <= end;) {
		const char *feed = memchr(p, '\n', (size_t)(end + 1 - p));

		must(feed != NULL);
		try_line((struct text){ p, (size_t)(feed - p) });
		for (const char *at = p; at <= feed; at++)
			try_quick(at, feed);
		p = feed + 1;
	}
	free(bytes);
	return 0;
}

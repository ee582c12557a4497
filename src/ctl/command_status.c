/*
 * numeterctl status: how the daemon is.
 */
#include <stdio.h>

#include "ctl/answer.h"
#include "ctl/show.h"

enum { TIMEOUT_MS = 30000 };

static double percent(double n, double of)
{
	return of > 0 ? 100 * n / of : 0;
}

static void print_journal(struct answer *a, struct json_value j)
{
	double bytes = answer_number(a, j, "bytes"), most = answer_number(a, j, "max_bytes");
	double waiting = answer_number(a, j, "appended") - answer_number(a, j, "synced");
	char text[2][SHOW_BYTES];

	printf("journal   %s%s of %s (%.1f %%) in %.0f segments, %.0f to %.0f\n",
	       answer_true(a, j, "failing") ? "FAILING, nothing is taken: " : "", show_bytes(bytes, text[0]),
	       show_bytes(most, text[1]), percent(bytes, most), answer_number(a, j, "segments"),
	       answer_number(a, j, "oldest_segment"), answer_number(a, j, "current_segment"));
	printf("          %.0f commits of %.0f points, %.1f ms each, the longest %.1f ms; %s to be synced\n",
	       answer_number(a, j, "commits"), answer_number(a, j, "points"), answer_number(a, j, "commit_ms_average"),
	       answer_number(a, j, "commit_ms_most"), show_bytes(waiting, text[0]));
}

static void print_cache(struct answer *a, struct json_value c)
{
	double bytes = answer_number(a, c, "bytes"), most = answer_number(a, c, "max_bytes");
	char text[2][SHOW_BYTES];

	printf("cache     %.0f points of %.0f series wait for their files, %s of %s (%.1f %%); %.0f series known\n",
	       answer_number(a, c, "points"), answer_number(a, c, "dirty_series"), show_bytes(bytes, text[0]),
	       show_bytes(most, text[1]), percent(bytes, most), answer_number(a, c, "series"));
}

static void print_flush(struct answer *a, struct json_value f)
{
	struct text why = answer_text(a, f, "why");

	if (answer_true(a, f, "failing"))
		printf("flush     FAILING: %.*s\n", TEXT_ARG(why));
	printf("%s%.0f of %.0f series of this pass; since the start %.0f points of %.0f series written, %.0f failed, "
	       "%.0f refused, %.0f syncs of %.1f ms\n",
	       answer_true(a, f, "failing") ? "          " : "flush     ", answer_number(a, f, "pass_done"),
	       answer_number(a, f, "pass_of"), answer_number(a, f, "points_written"),
	       answer_number(a, f, "series_written"), answer_number(a, f, "failed"), answer_number(a, f, "refused"),
	       answer_number(a, f, "syncs"), answer_number(a, f, "sync_ms_average"));
}

/* Every member of an object of numbers; zeros only where they say something. */
static void print_numbers(struct answer *a, const char *heading, struct json_value object, bool zeros)
{
	struct json_walk w = json_walk(object);
	struct json_value value;
	struct text key;
	bool escaped, first = true;

	if (object.type != JSON_OBJECT)
		return;
	while (json_next_member(&w, &key, &escaped, &value)) {
		key = json_string(&a->arena, key, escaped);
		if (!zeros && text_is(value.raw, "0"))
			continue;
		if (first)
			printf("\n%s\n", heading);
		first = false;
		printf("  %-22.*s %.*s\n", TEXT_ARG(key), TEXT_ARG(value.raw));
	}
}

static void print_status(struct answer *a)
{
	char up[SHOW_BYTES];
	struct text version = answer_text(a, a->value, "version"), name = answer_text(a, a->value, "storage_name");

	printf("numeter-storage %.*s, pid %.0f, up %s, storage_name %.*s\n\n", TEXT_ARG(version),
	       answer_number(a, a->value, "pid"), show_duration(answer_number(a, a->value, "uptime_s"), up),
	       TEXT_ARG(name));
	print_journal(a, answer_object(a, a->value, "journal"));
	print_cache(a, answer_object(a, a->value, "cache"));
	print_flush(a, answer_object(a, a->value, "flush"));
	print_numbers(a, "counters", answer_object(a, a->value, "counters"), true);
	print_numbers(a, "kept aside, by reason", answer_object(a, a->value, "rejected"), false);
}

static int run(struct ctl *ctl)
{
	struct answer a;
	int status = answer_ask(ctl, TEXT("{\"verb\": \"status\"}"), TIMEOUT_MS, &a);

	if (status == EXIT_FINE && ctl->json)
		printf("%.*s\n", TEXT_ARG(buf_text(&a.bytes)));
	else if (status == EXIT_FINE)
		print_status(&a);
	if (status == EXIT_FINE && (answer_true(&a, answer_object(&a, a.value, "journal"), "failing") ||
				    answer_true(&a, answer_object(&a, a.value, "flush"), "failing")))
		status = EXIT_NOT_FINE;
	answer_close(&a);
	return status;
}

const struct command command_status = {
	.name = "status",
	.arguments = "",
	.summary = "show how the daemon is: journal, cache, flusher, counters",
	.help = "Exit status: 0 fine, 1 the journal or the files cannot be written, 2 the daemon cannot be asked.\n",
	.run = run,
};

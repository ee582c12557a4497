/*
 * numeterctl journal: what lies in the journal's folder. Reads the files, asks nobody.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "ctl/command.h"
#include "ctl/show.h"
#include "journal/journal.h"
#include "wire/reply.h"

enum { OPTION_VERIFY };

enum { WRONG_BYTES = 96 };

static const struct command_option options[] = {
	[OPTION_VERIFY] = { "verify", NULL, "name only files with something wrong, then say how much was checked" },
};

/* What was seen, and how to print it. */
struct listing {
	const char *path;
	bool json, only_damage, begun;
	uint64_t n_files, n_points, n_bytes;
};

/* A file of names counts names where a segment counts points. */
static bool has_names(const struct journal_segment_info *info)
{
	return strncmp(info->name, "names-", 6) == 0;
}

/* What is wrong with a file, "" when nothing is. */
static const char *wrong(const struct journal_segment_info *info, char out[WRONG_BYTES])
{
	if (info->why.text[0] != '\0' || info->n_damaged_bytes == 0)
		return info->why.text;
	snprintf(out, WRONG_BYTES, "%" PRIu64 " bytes were not whole on the disk at a crash", info->n_damaged_bytes);
	return out;
}

static void print_row(const struct journal_segment_info *info)
{
	char size[SHOW_BYTES], first[SHOW_BYTES], last[SHOW_BYTES], text[WRONG_BYTES];
	const char *state = wrong(info, text);

	if (state[0] == '\0')
		state = info->torn ? "open end" : "whole";
	printf("%-20s %5" PRIu32 " %9" PRIu64 " %11" PRIu64 " %-6s %9s %20s %20s  %s\n", info->name, info->run,
	       info->n_records, info->n_points, has_names(info) ? "names" : "points",
	       show_bytes((double)info->n_bytes, size), show_time(info->first_accepted_s, first),
	       show_time(info->last_accepted_s, last), state);
}

static void print_json(const struct listing *l, const struct journal_segment_info *info)
{
	struct buf b;

	buf_init(&b, SIZE_MAX);
	buf_add_str(&b, l->n_files == 0 ? "\n  {\"name\": " : ",\n  {\"name\": ");
	reply_string(&b, text_of(info->name));
	buf_addf(&b,
		 ", \"number\": %" PRIu32 ", \"run\": %" PRIu32 ", \"bytes\": %" PRIu64 ", \"records\": %" PRIu64
		 ", \"%s\": %" PRIu64 ", \"first_accepted\": %" PRIu32 ", \"last_accepted\": %" PRIu32
		 ", \"damaged_bytes\": %" PRIu64 ", \"torn\": %s, \"why\": ",
		 info->number, info->run, info->n_bytes, info->n_records, has_names(info) ? "names" : "points",
		 info->n_points, info->first_accepted_s, info->last_accepted_s, info->n_damaged_bytes,
		 info->torn ? "true" : "false");
	reply_string(&b, text_of(info->why.text));
	buf_add_str(&b, "}");
	fwrite(b.at, 1, b.n, stdout);
	buf_fini(&b);
}

/* Once the folder is known to be readable. */
static void begin(struct listing *l)
{
	struct buf b;

	if (l->begun)
		return;
	l->begun = true;
	if (l->json) {
		buf_init(&b, SIZE_MAX);
		buf_add_str(&b, "{\"path\": ");
		reply_string(&b, text_of(l->path));
		buf_add_str(&b, ", \"files\": [");
		fwrite(b.at, 1, b.n, stdout);
		buf_fini(&b);
	} else if (!l->only_damage) {
		printf("%-20s %5s %9s %18s %9s %20s %20s  %s\n", "FILE", "RUN", "RECORDS", "HOLDS", "SIZE",
		       "FIRST ACCEPTED", "LAST ACCEPTED", "STATE");
	}
}

static void list_one(void *argument, const struct journal_segment_info *info)
{
	struct listing *l = argument;
	char text[WRONG_BYTES];

	begin(l);
	if (l->json)
		print_json(l, info);
	else if (!l->only_damage)
		print_row(info);
	else if (wrong(info, text)[0] != '\0')
		printf("%s: %s\n", info->name, wrong(info, text));
	l->n_files++;
	l->n_points += has_names(info) ? 0 : info->n_points;
	l->n_bytes += info->n_bytes;
}

static void end(struct listing *l, enum rc rc)
{
	char size[SHOW_BYTES];

	begin(l);
	if (l->json)
		printf("%s], \"damaged\": %s}\n", l->n_files == 0 ? "" : "\n",
		       rc == RC_OK        ? "false"
		       : rc == RC_DAMAGED ? "true"
					  : "null");
	else
		printf("%s: %" PRIu64 " files, %" PRIu64 " points, %s: %s\n", l->path, l->n_files, l->n_points,
		       show_bytes((double)l->n_bytes, size),
		       rc == RC_OK        ? "no damage"
		       : rc == RC_DAMAGED ? "DAMAGED"
					  : "not all could be read");
}

static int run(struct ctl *ctl)
{
	struct listing l = { .json = ctl->json, .only_damage = ctl->option[OPTION_VERIFY] != NULL };
	const char *path = ctl->n_arguments > 0 ? ctl->argument[0] : NULL;
	struct why why = { "" };
	enum rc rc;

	if (path == NULL) {
		const struct config *c = ctl_config(ctl);

		if (c == NULL)
			return EXIT_UNUSABLE;
		path = c->journal_path;
	}
	l.path = path;
	rc = journal_verify(path, list_one, &l, &why);
	if (rc == RC_OK || rc == RC_DAMAGED || l.begun)
		end(&l, rc);
	if (rc == RC_OK)
		return EXIT_FINE;
	ctl_fail("%s", why.text);
	return rc == RC_DAMAGED ? EXIT_NOT_FINE : EXIT_UNUSABLE;
}

const struct command command_journal = {
	.name = "journal",
	.arguments = "[FOLDER]",
	.summary = "list and check the files of the journal",
	.help = "Reads every file of the journal, in the configuration's journal_path or in FOLDER, and checks it, "
		"also\n"
		"while the daemon runs. A torn record at the end is what a crash leaves, and an open end what the "
		"daemon\n"
		"is writing: neither is damage.\n"
		"Exit status: 0 no damage, 1 damage, 2 it cannot be read.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.most_arguments = 1,
	.run = run,
};

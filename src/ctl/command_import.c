/*
 * numeterctl import: take over what another system, or another storage, has kept.
 */
#include <string.h>

#include "ctl/import_sources.h"

enum {
	OPTION_DRY_RUN,
	OPTION_REPLACE,
	OPTION_HOST,
	OPTION_PREFIX,
	OPTION_MAP,
	OPTION_LAYOUT,
	OPTION_RENAME,
	OPTION_ARCHIVES,
	OPTION_AS,
	OPTION_RATE,
};

static const struct command_option options[] = {
	[OPTION_DRY_RUN] = { "dry-run", NULL, "tell which series there are and do nothing" },
	[OPTION_REPLACE] = { "replace", NULL, "what comes counts more than what is there" },
	[OPTION_HOST] = { "host", "NAME", "whisper, rrd: all belongs to this host" },
	[OPTION_PREFIX] = { "prefix", "NAME", "whisper: only what is below NAME, which is taken off" },
	[OPTION_MAP] = { "map", "RULE", "whisper: which part of a name is what: host.plugin+.ds" },
	[OPTION_LAYOUT] = { "layout", "KIND", "whisper: graphite (default), or numeter: a tree of ours" },
	[OPTION_RENAME] = { "rename", "OLD=NEW,…", "rrd: hosts that have another name here" },
	[OPTION_ARCHIVES] = { "archives", "KIND", "rrd: config (default), or rrd: as the .rrd files have them" },
	[OPTION_AS] = { "as", "NAME", "host: its name here" },
	[OPTION_RATE] = { "rate", "N", "at most so many files a second" },
};

/* The options that are one kind's alone. */
static const struct {
	size_t option;
	const char *kind[2];
} own[] = {
	{ OPTION_HOST, { "whisper", "rrd" } },
	{ OPTION_PREFIX, { "whisper" } },
	{ OPTION_MAP, { "whisper" } },
	{ OPTION_LAYOUT, { "whisper" } },
	{ OPTION_RENAME, { "rrd" } },
	{ OPTION_ARCHIVES, { "rrd" } },
	{ OPTION_AS, { "host" } },
	{ OPTION_DRY_RUN, { "whisper", "rrd" } },
};

static int check_options(const struct ctl *ctl, const char *kind)
{
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		bool fits = false;

		for (size_t k = 0; k < ARRAY_LEN(own[i].kind); k++)
			fits = fits || (own[i].kind[k] != NULL && strcmp(own[i].kind[k], kind) == 0);
		if (!fits && ctl->option[own[i].option] != NULL)
			return ctl_fail("import %s has no --%s", kind, options[own[i].option].name);
	}
	return EXIT_FINE;
}

static int run(struct ctl *ctl)
{
	static const struct {
		const char *name;
		int (*run)(struct import *im, const char *path, const struct import_options *o);
	} kinds[] = { { "whisper", import_whisper }, { "rrd", import_rrd }, { "host", import_host } };
	const struct import_options o = {
		.map = { .prefix = ctl->option[OPTION_PREFIX],
			 .rule = ctl->option[OPTION_MAP],
			 .host = ctl->option[OPTION_HOST] },
		.layout = ctl->option[OPTION_LAYOUT],
		.archives = ctl->option[OPTION_ARCHIVES],
		.renames = ctl->option[OPTION_RENAME],
		.as = ctl->option[OPTION_AS],
	};
	struct import im;
	int status;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, ctl->argument[0]) != 0)
			continue;
		status = check_options(ctl, kinds[i].name);
		if (status != EXIT_FINE)
			return status;
		status = import_open(&im, ctl, ctl->option[OPTION_REPLACE], ctl->option[OPTION_DRY_RUN],
				     ctl->option[OPTION_RATE]);
		if (status == EXIT_FINE)
			status = kinds[i].run(&im, ctl->argument[1], &o);
		import_close(&im);
		return status;
	}
	return ctl_fail("import \"%s\": expected whisper, rrd or host", ctl->argument[0]);
}

const struct command command_import = {
	.name = "import",
	.arguments = "KIND PATH",
	.summary = "take over what Graphite, munin or another storage has kept",
	.help = "import whisper DIR   a Graphite tree: each file keeps its archives; a.b.plugin.ds as carbon_listen "
		"has it\n"
		"import rrd DIR       munin's /var/lib/munin, with titles and colours of its datafile, or any tree of "
		".rrd\n"
		"import host FILE     what `numeterctl export` wrote; - is standard input\n"
		"\n"
		"A series that has a file here keeps every value of it, and gets those that it lacks. It may be cut "
		"short and\n"
		"begun again at any time. docs/import.md says how names and rows are taken.\n"
		"Exit status: 0 all is here, 1 something was left out, said on stderr, or the daemon said no, 2 "
		"nothing could\n"
		"be done.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.least_arguments = 2,
	.most_arguments = 2,
	.works_alone = true,
	.run = run,
};

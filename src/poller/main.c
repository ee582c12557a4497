/*
 * numeter-poller: what stands on the command line. Start, loop and stop are the daemon's.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "poller/daemon.h"

#define DEFAULT_CONFIG "/etc/numeter/numeter_poller.cfg"

enum { EXIT_BAD = 1, EXIT_DISABLED = 2 };
enum { MMAP_FROM_BYTES = 64 * 1024, TRIM_FROM_BYTES = 64 * 1024 };

static const char help_text[] =
	"numeter-poller: asks munin-node what it measures and sends it to numeter storages.\n"
	"\n"
	"usage: numeter-poller [-c FILE] [--once [--print]]\n"
	"  -c, --config FILE   configuration (default " DEFAULT_CONFIG ")\n"
	"      --once          poll once, send, and end\n"
	"      --print         with --once: print the messages, one JSON a line, and send nothing;\n"
	"                      works while enable is false\n"
	"      --check-config  read the configuration, print every option with its value, and end\n"
	"      --is-enabled    end with 0 when it would start, with 2 while enable is false\n"
	"      --version       print the version and end\n"
	"      --help          print this and end\n"
	"\n"
	"Exit status: 0 ended as asked, 1 it could not start, or --once left something unsent,\n"
	"2 enable is false. Signals: TERM and INT end it, HUP opens the log file anew.\n"
	"See numeter-poller(8) and numeter_poller.cfg(5).\n";

struct wishes {
	bool check, once, print, ask;
};

static int act(struct daemon *d, const struct wishes *w)
{
	if (w->check) {
		poller_config_print(&d->config, stdout);
		return daemon_check(d) == RC_OK ? EXIT_SUCCESS : EXIT_BAD;
	}
	if (w->print)
		return daemon_print(d);
	if (!d->config.enable) {
		fprintf(stderr,
			"%s:%u: enable is false: set \"enable = true\" in the section [global] to let numeter-poller "
			"start\n",
			d->config_path, poller_config_line(&d->config, "enable"));
		return EXIT_DISABLED;
	}
	if (w->ask)
		return EXIT_SUCCESS;
	return w->once ? daemon_once(d) : daemon_serve(d);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check-config", no_argument, NULL, 'k' },
		{ "once", no_argument, NULL, 'o' },         { "print", no_argument, NULL, 'p' },
		{ "is-enabled", no_argument, NULL, 'e' },   { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
	};
	struct daemon d = { .config_path = DEFAULT_CONFIG };
	struct wishes w = { 0 };
	struct why why;
	int option, status;

	while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			d.config_path = optarg;
			break;
		case 'k':
			w.check = true;
			break;
		case 'o':
			w.once = true;
			break;
		case 'e':
			w.ask = true;
			break;
		case 'p':
			w.print = true;
			break;
		case 'v':
			printf("numeter-poller %s\n", NUMETER_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(help_text, stdout);
			return EXIT_SUCCESS;
		default:
			fputs("try: numeter-poller --help\n", stderr);
			return EXIT_BAD;
		}
	}
	/* One small heap, and what was large for a moment goes back: a poller is a guest on its host. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
	mallopt(M_TRIM_THRESHOLD, TRIM_FROM_BYTES);
	if (optind < argc) {
		fprintf(stderr, "numeter-poller: unexpected argument \"%s\"; try --help\n", argv[optind]);
		return EXIT_BAD;
	}
	if (w.print && !w.once) {
		fputs("numeter-poller: --print goes with --once; try --help\n", stderr);
		return EXIT_BAD;
	}
	if (poller_config_read(d.config_path, &d.config, w.ask ? NULL : daemon_warn, &d, &why) != RC_OK) {
		/* whoever asks goes on to start it, and the start says what is wrong */
		if (w.ask)
			return EXIT_SUCCESS;
		fprintf(stderr, "%s\n", why.text);
		return EXIT_BAD;
	}
	status = act(&d, &w);
	poller_config_fini(&d.config);
	for (size_t i = 0; i < d.n_warnings; i++)
		free(d.warning[i]);
	free(d.warning);
	return status;
}

/*
 * numeter-storage: what stands on the command line. Start, loop and stop are the daemon's.
 */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/daemon.h"

#define DEFAULT_CONFIG "/etc/numeter/numeter_storage.cfg"

enum { EXIT_BAD = 1, EXIT_DISABLED = 2 };

enum { MMAP_FROM_BYTES = 1024 * 1024, TRIM_FROM_BYTES = 16 * 1024 * 1024 };

static const char help_text[] =
	"numeter-storage: takes what numeter pollers send, keeps it in Whisper files, serves it over HTTP.\n"
	"\n"
	"usage: numeter-storage [-c FILE]\n"
	"  -c, --config FILE   configuration (default " DEFAULT_CONFIG ")\n"
	"      --check-config  read the configuration, print every option with its value, and end\n"
	"      --is-enabled    end with 0 when it would start, with 2 while enable is false\n"
	"      --version       print the version and end\n"
	"      --help          print this and end\n"
	"\n"
	"Exit status: 0 ended as asked, 1 it could not start (one line says why), 2 enable is false.\n"
	"Signals: TERM and INT end it, HUP opens the log file anew and reloads the configuration.\n"
	"See numeter-storage(8) and numeter_storage.cfg(5).\n";

static int check_config(struct daemon *d)
{
	struct why why;

	config_print(&d->config, false, stdout);
	if (d->config.rpc_hosts.n > 0) {
		if (host_list_read(d->config.host_list_file, &d->hosts, daemon_warn, d, &why) != RC_OK) {
			daemon_refuse(d, "host_list_file", RC_REFUSED, &why);
			return EXIT_BAD;
		}
		host_list_fini(&d->hosts);
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "config", required_argument, NULL, 'c' }, { "check-config", no_argument, NULL, 'k' },
		{ "is-enabled", no_argument, NULL, 'e' },   { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
	};
	struct daemon d = { .config_path = DEFAULT_CONFIG, .signal_fd = -1 };
	bool only_check = false, only_ask = false;
	struct why why;
	int option, status;

	while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			d.config_path = optarg;
			break;
		case 'k':
			only_check = true;
			break;
		case 'e':
			only_ask = true;
			break;
		case 'v':
			printf("numeter-storage %s\n", NUMETER_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(help_text, stdout);
			return EXIT_SUCCESS;
		default:
			fputs("try: numeter-storage --help\n", stderr);
			return EXIT_BAD;
		}
	}
	/* A reply's memory is not to be given back and faulted in again with every request. */
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
	mallopt(M_TRIM_THRESHOLD, TRIM_FROM_BYTES);
	if (optind < argc) {
		fprintf(stderr, "numeter-storage: unexpected argument \"%s\"; try --help\n", argv[optind]);
		return EXIT_BAD;
	}
	if (config_read(d.config_path, &d.config, only_ask ? NULL : daemon_warn, &d, &why) != RC_OK) {
		/* whoever asks goes on to start it, and the start says what is wrong */
		if (only_ask)
			return EXIT_SUCCESS;
		fprintf(stderr, "%s\n", why.text);
		return EXIT_BAD;
	}
	if (only_check) {
		status = check_config(&d);
	} else if (!d.config.enable) {
		fprintf(stderr,
			"%s:%u: enable is false: set \"enable = true\" in the section [global] to let numeter-storage "
			"start\n",
			d.config_path, config_line(&d.config, "enable"));
		status = EXIT_DISABLED;
	} else if (only_ask) {
		status = EXIT_SUCCESS;
	} else {
		status = daemon_serve(&d);
	}
	config_fini(&d.config);
	for (size_t i = 0; i < d.n_warnings; i++)
		free(d.warning[i]);
	free(d.warning);
	return status;
}

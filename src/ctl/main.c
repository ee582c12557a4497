/*
 * numeterctl: what an administrator asks of numeter-storage. Options here, each command in its own file.
 */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ctl/alone.h"
#include "ctl/command.h"
#include "ctl/plain.h"

#define DEFAULT_CONFIG "/etc/numeter/numeter_storage.cfg"

static const struct command *const commands[] = {
	&command_status, &command_hosts,     &command_plugins, &command_info,         &command_fetch,
	&command_graph,  &command_last_seen, &command_check,   &command_rejected,     &command_flush,
	&command_reload, &command_verify,    &command_resize,  &command_backup,       &command_restore_backup,
	&command_export, &command_import,    &command_clean,   &command_delete,       &command_restore,
	&command_rename, &command_journal,   &command_config,  &command_check_config,
};

static bool is_probe; /* what runs: its errors go to stdout, where a monitoring system reads */

static const char common_help[] =
	"  -c, --config FILE   configuration of the daemon (default " DEFAULT_CONFIG ")\n"
	"      --socket PATH   ask on this socket, not on the configuration's control_socket\n"
	"      --json          print JSON\n"
	"      --help          print this and end\n";

int ctl_fail(const char *format, ...)
{
	FILE *to = is_probe ? stdout : stderr;
	char text[2048];
	struct buf line;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_init(&line, SIZE_MAX);
	buf_add_str(&line, is_probe ? "UNKNOWN - " : "numeterctl: ");
	plain_add(&line, text_of(text));
	buf_add_str(&line, "\n");
	fflush(stdout);
	fwrite(line.at, 1, line.n, to);
	buf_fini(&line);
	return EXIT_UNUSABLE;
}

const struct config *ctl_config(struct ctl *ctl)
{
	struct why why;

	/* its warnings are the daemon's matter */
	if (!ctl->config_read && config_read(ctl->config_path, &ctl->config, NULL, NULL, &why) != RC_OK) {
		ctl_fail("%s", why.text);
		return NULL;
	}
	ctl->config_read = true;
	return &ctl->config;
}

static void print_help(void)
{
	fputs("numeterctl: asks and tells a numeter-storage on this machine.\n"
	      "\n"
	      "usage: numeterctl [OPTIONS] COMMAND [ARGUMENTS]\n",
	      stdout);
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		int width = printf("  %s %s", commands[i]->name, commands[i]->arguments);

		printf("%*s%s\n", width < 33 ? 33 - width : 1, "", commands[i]->summary);
	}
	fputs("\n", stdout);
	fputs(common_help, stdout);
	fputs("      --version       print the version and end\n"
	      "\n"
	      "`numeterctl COMMAND --help` says more. Exit status: 0 fine, 1 something is wrong there, 2 it could not "
	      "ask.\n"
	      "See numeterctl(8).\n",
	      stdout);
}

static void print_command_help(const struct command *c)
{
	printf("usage: numeterctl [OPTIONS] %s%s%s\n%s.\n\n%s\n", c->name, c->arguments[0] == '\0' ? "" : " ",
	       c->arguments, c->summary, c->help);
	for (size_t i = 0; i < c->n_options; i++) {
		const struct command_option *o = &c->option[i];
		int width = printf("      --%s%s%s", o->name, o->value == NULL ? "" : " ",
				   o->value == NULL ? "" : o->value);

		printf("%*s%s\n", width < 22 ? 22 - width : 1, "", o->help);
	}
	fputs(common_help, stdout);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* What getopt puts before what it says, wherever we are started from. */
static char program[] = "numeterctl";

enum { OPTION_SOCKET = 256, OPTION_JSON, OPTION_HELP, OPTION_VERSION, OPTION_OF_COMMAND };

static const struct option common_options[] = {
	{ "config", required_argument, NULL, 'c' },       { "socket", required_argument, NULL, OPTION_SOCKET },
	{ "json", no_argument, NULL, OPTION_JSON },       { "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
};

/* The common options and the command's own, as getopt_long() wants them; command NULL: before its name is read. */
static void gather_options(const struct command *command,
			   struct option out[ARRAY_LEN(common_options) + COMMAND_MAX_OPTIONS + 1])
{
	size_t n = ARRAY_LEN(common_options), n_own = command == NULL ? 0 : command->n_options;

	must(n_own <= COMMAND_MAX_OPTIONS);
	memcpy(out, common_options, sizeof(common_options));
	for (size_t i = 0; i < n_own; i++)
		out[n++] = (struct option){ command->option[i].name,
					    command->option[i].value != NULL ? required_argument : no_argument, NULL,
					    OPTION_OF_COMMAND + (int)i };
	out[n] = (struct option){ 0 };
}

enum { GO_ON = -1 };

/*
 * Read options up to the first word that is none, or with a command all of them. Returns what numeterctl ends with, or
 * GO_ON.
 */
static int read_options(int argc, char **argv, const struct command *command, struct ctl *ctl)
{
	struct option options[ARRAY_LEN(common_options) + COMMAND_MAX_OPTIONS + 1];
	int option;

	gather_options(command, options);
	while ((option = getopt_long(argc, argv, command == NULL ? "+c:" : "c:", options, NULL)) != -1)
		switch (option) {
		case 'c':
			ctl->config_path = optarg;
			break;
		case OPTION_SOCKET:
			ctl->socket_path = optarg;
			break;
		case OPTION_JSON:
			ctl->json = true;
			break;
		case OPTION_HELP:
			if (command == NULL)
				print_help();
			else
				print_command_help(command);
			return EXIT_FINE;
		case OPTION_VERSION:
			puts("numeterctl " NUMETER_VERSION);
			return EXIT_FINE;
		case '?':
			fprintf(stderr, "try: numeterctl%s%s --help\n", command == NULL ? "" : " ",
				command == NULL ? "" : command->name);
			return EXIT_UNUSABLE;
		default:
			ctl->option[option - OPTION_OF_COMMAND] = optarg == NULL ? "" : optarg;
		}
	return GO_ON;
}

/* Its options and arguments; GO_ON when they are as the row says. */
static int read_command_line(int argc, char **argv, const struct command *command, struct ctl *ctl)
{
	int status;

	argc -= optind;
	argv += optind;
	argv[0] = program;
	optind = 0; /* glibc: begin anew, with another set of options */
	status = read_options(argc, argv, command, ctl);
	if (status != GO_ON)
		return status;
	ctl->argument = argv + optind;
	ctl->n_arguments = argc - optind;
	if (ctl->n_arguments > command->most_arguments)
		return ctl_fail("%s: unexpected argument \"%s\"; try: numeterctl %s --help", command->name,
				ctl->argument[command->most_arguments], command->name);
	if (ctl->n_arguments < command->least_arguments)
		return ctl_fail("%s: expected %s; try: numeterctl %s --help", command->name, command->arguments,
				command->name);
	return GO_ON;
}

static int run_command(int argc, char **argv, struct ctl *ctl)
{
	const struct command *command = find_command(argv[optind]);
	int status;

	if (command == NULL)
		return ctl_fail("no command \"%s\"; try: numeterctl --help", argv[optind]);
	ctl->command = command;
	is_probe = command->is_probe;
	status = read_command_line(argc, argv, command, ctl);
	if (status == EXIT_UNUSABLE && is_probe)
		return PROBE_UNKNOWN;
	if (status != GO_ON)
		return status;
	status = command->run(ctl);
	alone_close(ctl);
	return status;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .config_path = DEFAULT_CONFIG };
	int status;

	/* widths of stored text, which is UTF-8 whatever the environment says; it is read for itself by the chart */
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		setlocale(LC_CTYPE, "");
	if (argc > 0)
		argv[0] = program;
	status = read_options(argc, argv, NULL, &ctl);
	if (status == GO_ON && optind >= argc) {
		status = ctl_fail("which command? try: numeterctl --help");
	} else if (status == GO_ON) {
		status = run_command(argc, argv, &ctl);
	}
	if (ctl.config_read)
		config_fini(&ctl.config);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "numeterctl: write: %s\n", strerror(errno));
		status = is_probe ? PROBE_UNKNOWN : EXIT_UNUSABLE;
	}
	return status;
}

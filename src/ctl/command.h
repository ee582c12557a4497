/*
 * A command of numeterctl: one row here, one file command_<name>.c. main.c reads the options and arguments that a row
 * declares, prints its help from them and runs it. To add one: its file, its row's name below, in the table of main.c, in
 * packaging/numeterctl.bash-completion and in docs/man/numeterctl.8 (a test holds these together).
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "config/config.h"

/* What numeterctl ends with. */
enum {
	EXIT_FINE = 0,
	EXIT_NOT_FINE = 1, /* it was done, and found something wrong; or the daemon said no */
	EXIT_UNUSABLE = 2, /* wrong usage, configuration, no daemon there */
};

/* What a command that is a probe ends with, as nagios and its kin expect of their plugins. */
enum { PROBE_OK, PROBE_WARNING, PROBE_CRITICAL, PROBE_UNKNOWN };

enum { COMMAND_MAX_OPTIONS = 16 };

struct command_option {
	const char *name;  /* without its dashes */
	const char *value; /* what the help calls its value; NULL: has none */
	const char *help;
};

/* What a command is run with. */
struct ctl {
	const char *config_path;
	const char *socket_path; /* of --socket, else NULL */
	bool json;
	const char *option[COMMAND_MAX_OPTIONS]; /* as in the row: its value, "" when it has none; NULL: not given */
	char **argument;
	int n_arguments;
	struct config config; /* by ctl_config() */
	bool config_read;
	const struct command *command;
	struct daemon *alone; /* alone.h */
};

struct command {
	const char *name;
	const char *arguments; /* for the help: "[HOST]" */
	const char *summary;   /* one line */
	const char *help;      /* the rest, lines of at most 100 columns */
	const struct command_option *option;
	size_t n_options;
	int least_arguments, most_arguments;
	bool is_probe; /* ends with a monitoring plugin's statuses: PROBE_UNKNOWN instead of EXIT_UNUSABLE, why on stdout */
	bool works_alone; /* while no daemon runs what it asks for is done in the store itself */
	int (*run)(struct ctl *ctl);
};

extern const struct command command_backup, command_check, command_check_config, command_clean, command_config,
	command_delete, command_export, command_fetch, command_flush, command_graph, command_hosts, command_import,
	command_info, command_journal, command_last_seen, command_plugins, command_rejected, command_reload,
	command_rename, command_resize, command_restore, command_restore_backup, command_status, command_verify;

/* One line on stderr, "numeterctl: why", of a probe on stdout, "UNKNOWN - why". Returns EXIT_UNUSABLE. */
int ctl_fail(const char *format, ...) PRINTF_LIKE(1, 2);
/* The configuration, read at the first call; NULL when it cannot be: said already. */
const struct config *ctl_config(struct ctl *ctl);

#endif

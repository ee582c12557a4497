/*
 * numeterctl check-config: what is wrong with the configuration, before the daemon says so.
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/privileges.h"
#include "config/host_list.h"
#include "control/client.h"
#include "control/control.h"
#include "ctl/command.h"
#include "ctl/config_checks.h"
#include "ctl/plain.h"
#include "ctl/show.h"
#include "wire/reply.h"

enum { TIMEOUT_MS = 5000 };

static void warn(void *argument, const char *text)
{
	remarks_add(argument, FINDING_WARNING, NULL, "%s", text);
}

/* From here on what can be read and written is judged as the daemon will find it. */
static void become_daemon(struct remarks *f)
{
	struct why why = { "" };
	const struct passwd *p;

	if (geteuid() == 0) {
		if (privileges_take(f->c->user, f->c->group, NULL, 0, &why) != RC_OK)
			remarks_add(f, FINDING_ERROR, strncmp(why.text, "group:", 6) == 0 ? "group" : "user", "%s",
				    why.text + strcspn(why.text, " ") + 1);
		return;
	}
	p = getpwuid(geteuid());
	if (p == NULL || strcmp(p->pw_name, f->c->user) != 0)
		remarks_add(f, FINDING_WARNING, "user",
			    "folders and files are checked for %s, not for %s; run this as root to have them checked "
			    "for the daemon's user",
			    p == NULL ? "this user" : p->pw_name, f->c->user);
}

static void check_hosts(struct remarks *f)
{
	struct host_list hosts;
	struct why why;

	if (f->c->rpc_hosts.n == 0)
		return;
	if (host_list_read(f->c->host_list_file, &hosts, warn, f, &why) != RC_OK)
		remarks_add(f, FINDING_ERROR, "host_list_file", "%s", why.text);
	else
		host_list_fini(&hosts);
}

static bool is_running(const struct config *c)
{
	struct why why;
	struct buf answer;
	bool runs;

	if (c->control_socket == NULL)
		return false;
	buf_init(&answer, CONTROL_ANSWER_MAX_BYTES);
	runs = control_ask(c->control_socket, TEXT("{\"verb\": \"status\"}"), TIMEOUT_MS, &answer, &why) == RC_OK;
	buf_fini(&answer);
	return runs;
}

static void check_all(struct remarks *f, struct config *c)
{
	struct why why;

	if (config_read(f->path, c, warn, f, &why) != RC_OK) {
		remarks_add(f, FINDING_ERROR, NULL, "%s", why.text);
		return;
	}
	f->c = c;
	if (!c->enable)
		remarks_add(f, FINDING_WARNING, "enable", "false: the daemon does not start");
	become_daemon(f);
	check_hosts(f);
	check_folders(f);
	check_tls_files(f);
	check_addresses(f, is_running(c));
	check_archives(f);
}

static void print(const struct remarks *f)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	for (size_t i = 0; i < f->n; i++) {
		buf_add_str(&out, f->finding[i].level == FINDING_ERROR ? "error: " : "warning: ");
		plain_add(&out, text_of(f->finding[i].text));
		buf_add_str(&out, "\n");
	}
	buf_addf(&out, "%s: %zu error%s, %zu warning%s\n", f->path, f->n_errors, f->n_errors == 1 ? "" : "s",
		 f->n - f->n_errors, f->n - f->n_errors == 1 ? "" : "s");
	show_buf(&out);
	buf_fini(&out);
}

static void add_list(const struct remarks *f, enum finding_level level, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < f->n; i++) {
		if (f->finding[i].level != level)
			continue;
		buf_add_str(out, any ? ",\n    " : "\n    ");
		reply_string(out, text_of(f->finding[i].text));
		any = true;
	}
	buf_add_str(out, "]");
}

static void print_json(const struct remarks *f)
{
	struct buf out;

	buf_init(&out, SIZE_MAX);
	buf_add_str(&out, "{\"file\": ");
	reply_string(&out, text_of(f->path));
	buf_add_str(&out, ",\n  \"errors\": [");
	add_list(f, FINDING_ERROR, &out);
	buf_add_str(&out, ",\n  \"warnings\": [");
	add_list(f, FINDING_WARNING, &out);
	buf_add_str(&out, "}\n");
	show_buf(&out);
	buf_fini(&out);
}

static int run(struct ctl *ctl)
{
	const char *path = ctl->n_arguments > 0 ? ctl->argument[0] : ctl->config_path;
	struct remarks f = { .path = path };
	struct config c;
	int status;

	check_all(&f, &c);
	if (ctl->json)
		print_json(&f);
	else
		print(&f);
	status = f.n_errors > 0 ? EXIT_NOT_FINE : EXIT_FINE;
	if (f.c != NULL)
		config_fini(&c);
	remarks_fini(&f);
	return status;
}

const struct command command_check_config = {
	.name = "check-config",
	.arguments = "[FILE]",
	.summary = "say what is wrong with the configuration, without starting the daemon",
	.help = "More than numeter-storage --check-config: also whether folders and files are there and can be written "
		"by the\n"
		"daemon's user (as root), whether the host-list can be read and the addresses listened on, TLS files,\n"
		"[archives] sections that never apply, and files that have other archives. Nothing is changed.\n"
		"Exit status: 0 no errors, perhaps warnings, 1 errors, 2 wrong usage.\n",
	.most_arguments = 1,
	.run = run,
};

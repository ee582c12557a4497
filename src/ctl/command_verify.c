/*
 * numeterctl verify: look at every .wsp file of the tree, and have damaged ones repaired.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ctl/pace.h"
#include "ctl/plain.h"
#include "ctl/progress.h"
#include "ctl/same_tree.h"
#include "ctl/tenants.h"
#include "values/wsp_verify.h"
#include "wire/reply.h"
#include "wsp/draft.h"

enum { OPTION_REPAIR, OPTION_RATE };
enum { YOUNG_S = 60 }; /* a file without its name may just be being made */

static const struct command_option options[] = {
	[OPTION_REPAIR] = { "repair", NULL, "mend what can be mended, set aside what cannot" },
	[OPTION_RATE] = { "rate", "N", "look at N files a second at most" },
};

struct verifying {
	struct ctl *ctl;
	struct asker asker;
	struct tenants hosts;
	bool hosts_known, repair;
	struct pattern *pattern;
	size_t n_patterns;
	struct pace pace;
	struct wsp_verify how;
	int root_fd;
	char *last_folder; /* told of already */
	char *path;        /* of the file that is looked at */
	struct text host;
	uint64_t n_files, n_bad, n_damaged, n_mended, n_set_aside, n_not_repaired, n_nobodys, n_missing, n_leftovers;
};

static void begin_line(const struct verifying *v, struct buf *b, const char *path)
{
	buf_init(b, SIZE_MAX);
	if (v->ctl->json) {
		buf_add_str(b, "{\"path\": ");
		reply_string(b, text_of(path));
		buf_add_str(b, ", ");
	} else {
		plain_add(b, text_of(path));
		buf_add_str(b, ": ");
	}
}

static void end_line(struct buf *b)
{
	progress_hide();
	printf("%.*s\n", TEXT_ARG(buf_text(b)));
	buf_fini(b);
}

static void tell(const struct verifying *v, const char *path, struct text host, const char *kind, const char *text)
{
	struct buf b;

	begin_line(v, &b, path);
	if (v->ctl->json) {
		if (host.s != NULL) {
			buf_add_str(&b, "\"host\": ");
			reply_string(&b, host);
			buf_add_str(&b, ", ");
		}
		buf_addf(&b, "\"finding\": \"%s\", \"detail\": ", kind);
		reply_string(&b, text_of(text));
		buf_add_str(&b, "}");
	} else {
		buf_addf(&b, "%s: ", kind);
		plain_add(&b, text_of(text));
	}
	end_line(&b);
}

static void found(void *argument, const char *kind, const char *text)
{
	struct verifying *v = argument;

	tell(v, v->path, v->host, kind, text);
}

/* ---- repair */

static void tell_repaired(struct verifying *v, struct answer *a)
{
	struct text done = answer_text(a, a->value, "done");
	bool mended = text_is(done, "mended"), aside = text_is(done, "set_aside");
	struct buf b;

	begin_line(v, &b, v->path);
	if (v->ctl->json) {
		buf_add_str(&b, "\"repair\": ");
		buf_add_text(&b, buf_text(&a->bytes));
		buf_add_str(&b, "}");
	} else if (mended) {
		buf_addf(&b,
			 "mended: %.0f points kept, %.0f bad slots cleared, %.0f slots missing and empty now, "
			 "%.0f bytes cut off%s; as it was it lies in the quarantine",
			 answer_number(a, a->value, "kept"), answer_number(a, a->value, "cleared"),
			 answer_number(a, a->value, "missing"), answer_number(a, a->value, "cut"),
			 answer_true(a, a->value, "header_rebuilt") ? ", header rebuilt" : "");
	} else if (aside) {
		buf_add_str(&b, "moved to the quarantine, nothing can be made of it: ");
		plain_add(&b, answer_text(a, a->value, "why"));
	} else {
		plain_add(&b, text_is(done, "nothing") ? TEXT("no damage any more") : done);
	}
	end_line(&b);
	v->n_mended += mended;
	v->n_set_aside += aside;
}

static void add_argument(struct buf *b, const char *name, struct text t)
{
	if (t.s == NULL)
		return;
	buf_addf(b, ", \"%s\": ", name);
	reply_string(b, t);
}

/* RC_END: nobody can be asked, so the walk ends too. */
static enum rc repair(struct verifying *v, const struct wsp_found *f, struct text leftover, struct why *why)
{
	struct buf request;
	struct answer a;
	int status;

	buf_init(&request, SIZE_MAX);
	buf_add_str(&request, "{\"verb\": \"repair\"");
	add_argument(&request, "host", v->host);
	add_argument(&request, "folder", f->folder);
	add_argument(&request, "plugin", f->plugin);
	add_argument(&request, "ds", f->ds);
	add_argument(&request, "leftover", leftover);
	buf_add_str(&request, "}");
	status = asker_ask_quietly(&v->asker, buf_text(&request), &a, why);
	buf_fini(&request);
	if (status == EXIT_FINE)
		tell_repaired(v, &a);
	else if (status == EXIT_NOT_FINE)
		tell(v, v->path, v->host, "not_repaired", why->text);
	v->n_not_repaired += status == EXIT_NOT_FINE;
	answer_close(&a);
	return status == EXIT_UNUSABLE ? RC_PEER : RC_OK;
}

/* ---- the walk */

static void look_at_folder(struct verifying *v, struct text folder)
{
	if (v->last_folder != NULL && text_is(folder, v->last_folder))
		return;
	free(v->last_folder);
	v->last_folder = must_strndup(folder.s, folder.n);
	if (!v->hosts_known || v->host.s != NULL)
		return;
	tell(v, v->last_folder, TEXT_NONE, "nobodys", "a folder that is no host's in WSP_PATH");
	v->n_nobodys++;
}

static bool turn_to(struct verifying *v, const struct wsp_found *f)
{
	v->host = tenants_of_folder(&v->hosts, f->folder);
	if (!patterns_fit(v->pattern, v->n_patterns, v->host, f->folder, f->plugin, f->ds))
		return false;
	free(v->path);
	v->path = must_format("%.*s/%.*s/%s", TEXT_ARG(f->folder), TEXT_ARG(f->plugin), f->name);
	return true;
}

static void count_found(void *argument, const char *kind, const char *text)
{
	struct verifying *v = argument;

	v->n_bad++;
	found(v, kind, text);
}

static enum rc look_at(void *argument, const struct wsp_found *f, struct why *why)
{
	struct verifying *v = argument;
	uint64_t n_before = v->n_bad;
	bool damaged;
	enum rc rc;

	if (!turn_to(v, f))
		return RC_OK;
	look_at_folder(v, f->folder);
	rc = wsp_verify_file(&v->how, f, &damaged, why);
	if (rc == RC_ABSENT)
		return RC_OK;
	v->n_files++;
	v->n_damaged += v->n_bad > n_before;
	if (rc == RC_OK && damaged && v->repair)
		rc = repair(v, f, TEXT_NONE, why);
	progress_step(1);
	pace_wait(&v->pace, 1);
	return rc;
}

/* ".new-<pid>-<n>": of a process that is gone, or old. */
static bool is_abandoned(const struct wsp_found *f)
{
	long pid = strtol(f->name + sizeof(WSP_TEMPORARY_PREFIX) - 1, NULL, 10);
	struct stat st;

	if (fstatat(f->dir_fd, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return time(NULL) - st.st_ctime > YOUNG_S || (pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH);
}

static enum rc look_at_leftover(void *argument, const struct wsp_found *f, struct why *why)
{
	struct verifying *v = argument;

	if (!turn_to(v, f) || !is_abandoned(f))
		return RC_OK;
	v->n_leftovers++;
	tell(v, v->path, v->host, "leftover", "of a new file that was never finished");
	return v->repair ? repair(v, f, text_of(f->name), why) : RC_OK;
}

static void look_for_missing(struct verifying *v)
{
	size_t at = 0;
	struct text host;
	void *folder;

	while (v->hosts_known && map_next(&v->hosts.folder_of, &at, &host, &folder)) {
		if (!patterns_fit(v->pattern, v->n_patterns, host, TEXT_NONE, TEXT_NONE, TEXT_NONE) ||
		    faccessat(v->root_fd, folder, F_OK, 0) == 0)
			continue;
		tell(v, folder, host, "missing", "the folder that WSP_PATH has for a host is not there");
		v->n_missing++;
	}
}

static enum rc count_one(void *argument, const struct wsp_found *f, struct why *why)
{
	struct verifying *v = argument;

	(void)why;
	v->n_files += turn_to(v, f);
	return RC_OK;
}

/* How many there will be, for the progress bar alone. */
static uint64_t count_files(struct verifying *v)
{
	uint64_t n;
	struct why why = { "" };

	if (isatty(STDERR_FILENO) != 1 || wsp_walk(v->root_fd, TEXT_NONE, count_one, v, &why) != RC_OK)
		return 0;
	n = v->n_files;
	v->n_files = 0;
	return n;
}

static void summarize(const struct verifying *v)
{
	if (v->ctl->json) {
		printf("{\"files\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"mended\": %" PRIu64 ", \"set_aside\": %" PRIu64
		       ", \"not_repaired\": %" PRIu64 ", \"nobodys\": %" PRIu64 ", \"missing\": %" PRIu64
		       ", \"leftovers\": %" PRIu64 "}\n",
		       v->n_files, v->n_damaged, v->n_mended, v->n_set_aside, v->n_not_repaired, v->n_nobodys,
		       v->n_missing, v->n_leftovers);
		return;
	}
	printf("%" PRIu64 " files, %" PRIu64 " with something wrong", v->n_files, v->n_damaged);
	if (v->repair)
		printf(" (%" PRIu64 " mended, %" PRIu64 " moved to the quarantine, %" PRIu64 " not repaired)",
		       v->n_mended, v->n_set_aside, v->n_not_repaired);
	printf("; %" PRIu64 " folders of nobody, %" PRIu64 " hosts without their folder, %" PRIu64 " leftovers\n",
	       v->n_nobodys, v->n_missing, v->n_leftovers);
}

static void find_owner(struct verifying *v, const struct config *c)
{
	const struct passwd *p = getpwnam(c->user);
	const struct group *g = getgrnam(c->group);

	v->how.has_owner = p != NULL && g != NULL;
	if (v->how.has_owner) {
		v->how.uid = p->pw_uid;
		v->how.gid = g->gr_gid;
	}
}

static enum rc look(struct verifying *v, struct why *why)
{
	enum rc rc;

	progress_start("verify", count_files(v));
	rc = wsp_walk(v->root_fd, TEXT_NONE, look_at, v, why);
	if (rc == RC_OK)
		rc = wsp_walk_leftovers(v->root_fd, TEXT_NONE, look_at_leftover, v, why);
	progress_end();
	if (rc == RC_OK)
		look_for_missing(v);
	return rc;
}

static int run(struct ctl *ctl)
{
	const struct config *c = ctl_config(ctl);
	struct verifying v = { .ctl = ctl, .repair = ctl->option[OPTION_REPAIR] != NULL, .root_fd = -1 };
	struct why why = { "" };
	enum rc rc;

	if (c == NULL)
		return EXIT_UNUSABLE;
	if (same_tree(ctl) != EXIT_FINE)
		return EXIT_UNUSABLE;
	if (pace_init(&v.pace, ctl->option[OPTION_RATE], &why) != RC_OK)
		return ctl_fail("%s", why.text);
	v.root_fd = open(c->wsp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v.root_fd < 0)
		return ctl_fail("wsp_path %s: %s", c->wsp_path, strerror(errno));
	asker_init(&v.asker, ctl, ASKER_FILES);
	setvbuf(stdout, NULL, _IOLBF, 0); /* who reads along sees each line at once */
	v.n_patterns = (size_t)ctl->n_arguments;
	v.pattern = must_alloc((v.n_patterns + 1) * sizeof(*v.pattern));
	for (size_t i = 0; i < v.n_patterns; i++)
		v.pattern[i] = pattern_read(ctl->argument[i]);
	v.how.latest_s = wall_now().s + c->max_future_s;
	v.how.found = count_found;
	v.how.argument = &v;
	find_owner(&v, c);
	v.hosts_known = tenants_read(&v.asker, &v.hosts, &why) == EXIT_FINE;
	if (!v.hosts_known)
		ctl_fail("the metadata cannot be read, so folders are not compared with hosts: %s", why.text);
	if (!v.repair)
		asker_close(&v.asker); /* a daemon may start meanwhile */
	rc = look(&v, &why);
	if (rc == RC_OK)
		summarize(&v);
	else
		ctl_fail("%s", why.text);
	asker_close(&v.asker);
	tenants_fini(&v.hosts);
	free(v.pattern);
	free(v.last_folder);
	free(v.path);
	close(v.root_fd);
	if (rc != RC_OK)
		return EXIT_UNUSABLE;
	return v.n_damaged + v.n_nobodys + v.n_missing + v.n_leftovers > 0 || !v.hosts_known ? EXIT_NOT_FINE
											     : EXIT_FINE;
}

const struct command command_verify = {
	.name = "verify",
	.arguments = "[PATTERN...]",
	.summary = "look at every .wsp file: header, length, times, owner; repair",
	.help = "Reads all files, or those of HOST[/PLUGIN[/DS]] patterns, whether or not the daemon runs, and\n"
		"changes nothing without --repair. A line for each thing that is wrong, also for folders of no host,\n"
		"hosts without their folder and leftovers of unfinished files; with --json an object a line, the\n"
		"last one is the summary. --repair keeps every point that makes sense; the file as it was goes to\n"
		"the quarantine.\n"
		"Exit status: 0 nothing is wrong, 1 something is, repaired or not, 2 it cannot be read or asked.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.most_arguments = 1000000,
	.run = run,
};

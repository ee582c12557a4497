/*
 * Verbs about what is stored: clean it, remove of it, bring back, give a host another name.
 */
#include "control/request.h"
#include "storage/control_verbs.h"

static enum rc run_clean(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct arena a;
	bool dry_run;
	enum rc rc;

	arena_init(&a);
	rc = control_argument_bool(&a, request, "dry_run", &dry_run, why);
	arena_fini(&a);
	return rc == RC_OK ? upkeep_clean(v->upkeep, upkeep_now(v->upkeep), dry_run, answer, why) : rc;
}

static enum rc run_delete(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct text what;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = control_argument_text(&a, request, "what", &what, why);
	if (rc == RC_OK && what.n == 0)
		rc = because(why, RC_REFUSED, "what: expected HOST, HOST/PLUGIN or HOST/PLUGIN/DS");
	if (rc == RC_OK)
		rc = upkeep_delete(v->upkeep, what, upkeep_now(v->upkeep), answer, why);
	arena_fini(&a);
	return rc;
}

static enum rc run_restore(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct text what;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = control_argument_text(&a, request, "what", &what, why);
	if (rc == RC_OK && what.s == NULL)
		rc = upkeep_list(v->upkeep, answer, why);
	else if (rc == RC_OK)
		rc = upkeep_restore(v->upkeep, what, upkeep_now(v->upkeep), answer, why);
	arena_fini(&a);
	return rc;
}

static enum rc run_rename(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct text host, new_name;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	rc = control_argument_text(&a, request, "host", &host, why);
	if (rc == RC_OK)
		rc = control_argument_text(&a, request, "new", &new_name, why);
	if (rc == RC_OK)
		rc = upkeep_rename(v->upkeep, host, new_name, upkeep_now(v->upkeep), answer, why);
	arena_fini(&a);
	return rc;
}

static const char *const clean_arguments[] = { "dry_run", NULL };
static const char *const what_arguments[] = { "what", NULL };
static const char *const rename_arguments[] = { "host", "new", NULL };

const struct control_verb verb_clean = {
	.name = "clean",
	.argument = clean_arguments,
	.changes = true,
	.run = run_clean,
};
const struct control_verb verb_delete = {
	.name = "delete",
	.argument = what_arguments,
	.changes = true,
	.run = run_delete,
};
const struct control_verb verb_restore = {
	.name = "restore",
	.argument = what_arguments,
	.changes = true,
	.run = run_restore,
};
const struct control_verb verb_rename = {
	.name = "rename",
	.argument = rename_arguments,
	.changes = true,
	.run = run_rename,
};

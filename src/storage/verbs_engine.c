/*
 * Verbs about the engine: how it is, and have it write.
 */
#include "storage/control_verbs.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/counter.h"
#include "control/request.h"
#include "model/name.h"
#include "model/reason.h"
#include "wire/reply.h"

static const char *word(bool b)
{
	return b ? "true" : "false";
}

static double average_ms(uint64_t ns_sum, uint64_t n)
{
	return n == 0 ? 0 : (double)ns_sum / (double)n / 1e6;
}

static void add_journal(struct buf *out, struct journal *journal)
{
	struct journal_stats s;

	journal_stats(journal, &s);
	buf_addf(out,
		 "{\"bytes\": %" PRIu64 ", \"max_bytes\": %" PRIu64 ", \"segments\": %" PRIu64
		 ", \"oldest_segment\": %" PRIu32 ", \"current_segment\": %" PRIu32 ", \"appended\": %" PRIu64
		 ", \"synced\": %" PRIu64 ", \"commits\": %" PRIu64 ", \"points\": %" PRIu64
		 ", \"commit_ms_average\": %.3f, \"commit_ms_most\": %.3f, \"failing\": %s}",
		 s.n_bytes, s.max_bytes, s.n_segments, s.oldest_segment, s.current_segment, s.appended, s.synced,
		 s.n_commits, s.n_points, average_ms(s.commit_ns_sum, s.n_commits), average_ms(s.commit_ns_most, 1),
		 word(s.failing));
}

static void add_cache(struct buf *out, struct engine *engine)
{
	const struct registry *r = engine_registry(engine);
	struct cache_stats s;

	cache_stats(engine_cache(engine), &s);
	buf_addf(out,
		 "{\"points\": %" PRIu64 ", \"dirty_series\": %" PRIu64 ", \"bytes\": %" PRIu64
		 ", \"bytes_taken\": %" PRIu64 ", \"max_bytes\": %" PRIu64 ", \"series\": %" PRIu32
		 ", \"sources\": %" PRIu32 ", \"names_bytes\": %" PRIu64 "}",
		 s.n_points, s.n_dirty_series, s.bytes_used, s.bytes_taken, s.max_bytes, registry_n_series(r),
		 registry_n_sources(r), registry_bytes(r));
}

static void add_flush(struct buf *out, struct flush *flush)
{
	struct flush_stats s;

	flush_stats(flush, &s);
	buf_addf(out,
		 "{\"series_written\": %" PRIu64 ", \"points_written\": %" PRIu64 ", \"failed\": %" PRIu64
		 ", \"refused\": %" PRIu64 ", \"syncs\": %" PRIu64 ", \"sync_ms_average\": %.3f"
		 ", \"pass_done\": %" PRIu64 ", \"pass_of\": %" PRIu64 ", \"failing\": %s, \"why\": ",
		 s.n_series_written, s.n_points_written, s.n_failed, s.n_refused, s.n_syncs,
		 average_ms(s.sync_ns_sum, s.n_syncs), s.pass_done, s.pass_of, word(s.failing));
	reply_string(out, text_of(s.failing ? s.why.text : ""));
	buf_add_str(out, "}");
}

static void add_counters(struct buf *out)
{
	for (enum counter c = 0; c < COUNTER_COUNT; c++)
		buf_addf(out, "%s\"%s\": %" PRIu64, c == 0 ? "{" : ", ", counter_name(c), counter_get(c));
	buf_add_str(out, "}");
}

static void add_reasons(struct buf *out)
{
	for (enum reason r = REASON_NONE + 1; r < REASON_COUNT; r++)
		buf_addf(out, "%s\"%s\": %" PRIu64, r == REASON_NONE + 1 ? "{" : ", ", reason_code(r),
			 reason_counted(r));
	buf_add_str(out, "}");
}

static enum rc run_status(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;

	(void)request;
	(void)why;
	buf_addf(answer,
		 "{\"version\": \"%s\", \"pid\": %ld, \"uptime_s\": %" PRId64 ", \"storage_name\": ", NUMETER_VERSION,
		 (long)getpid(), (mono_now().ns - v->started.ns) / 1000000000);
	reply_string(answer, text_of(v->storage_name));
	buf_add_str(answer, ", \"wsp_path\": ");
	reply_string(answer, text_of(view_config(v)->wsp_path));
	buf_add_str(answer, ", \"journal\": ");
	add_journal(answer, engine_journal(v->engine));
	buf_add_str(answer, ", \"cache\": ");
	add_cache(answer, v->engine);
	buf_add_str(answer, ", \"flush\": ");
	add_flush(answer, v->flush);
	buf_add_str(answer, ", \"counters\": ");
	add_counters(answer);
	buf_add_str(answer, ", \"rejected\": ");
	add_reasons(answer);
	buf_add_str(answer, "}");
	return RC_OK;
}

/* What is written meanwhile in the usual course counts too. */
static enum rc flush_and_tell(const struct control_view *v, struct text host, struct buf *answer, struct why *why)
{
	struct mono begin = mono_now();
	struct flush_stats before, after;
	enum rc rc;

	flush_stats(v->flush, &before);
	rc = flush_now(v->flush, host, why);
	if (rc != RC_OK)
		return rc;
	flush_stats(v->flush, &after);
	buf_addf(answer, "{\"series_written\": %" PRIu64 ", \"points_written\": %" PRIu64 ", \"took_ms\": %" PRId64 "}",
		 after.n_series_written - before.n_series_written, after.n_points_written - before.n_points_written,
		 mono_ms_between(begin, mono_now()));
	return RC_OK;
}

static enum rc run_flush(void *argument, struct text request, struct buf *answer, struct why *why)
{
	struct arena a;
	struct text host;
	enum rc rc;

	arena_init(&a);
	rc = control_argument_text(&a, request, "host", &host, why);
	if (rc == RC_OK && host.s != NULL)
		rc = name_check_host(host, why);
	if (rc == RC_OK)
		rc = flush_and_tell(argument, host, answer, why);
	arena_fini(&a);
	return rc;
}

static enum rc run_reload(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;

	(void)request;
	if (v->reload == NULL)
		return because(why, RC_ABSENT, "no daemon runs: the next start reads everything");
	return reload_ask(v->reload, answer, why);
}

static const char *const flush_arguments[] = { "host", NULL };

const struct control_verb verb_status = { .name = "status", .run = run_status };
const struct control_verb verb_flush = {
	.name = "flush",
	.argument = flush_arguments,
	.changes = true,
	.run = run_flush,
};
const struct control_verb verb_reload = { .name = "reload", .changes = true, .run = run_reload };

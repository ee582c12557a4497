/*
 * The storage from ingest to upkeep without inputs and sockets, whose clock is what it is told: a year takes seconds.
 *
 *   upkeep_probe ROOT (sqlite:PATH | redis:PORT | memory) noted|deleted GONE_DAYS TRASH_PATH
 *
 * TRASH_PATH: "-" for the one below ROOT. A line in, a line out. "ok …" or "RC why".
 *
 *   now T              the clock                     open      begin, with now as the start      close
 *   listed NAME…       the host-list, # for all      unlisted  none is in use
 *   send N             then N lines of HTTP ingest messages, taken at now: ok N_STORED
 *   flush              clean   dry                   delete WHAT   restore [WHAT]   rename HOST NEW   recover
 *   hosts   list HOST   host HOST   info HOST PLUGIN   seen [HOST]   categories   stats
 *   data HOST PLUGIN DS FROM UNTIL                   ok [[T, V], …] of the known slots
 *   patience S         how long the daemon has run  leapt 0|1    whether the clock went ahead of that
 */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "model/schema.h"
#include "query/query.h"
#include "upkeep/upkeep.h"
#include "values/values_wsp.h"

enum { DAY_S = 86400, MOST_LISTED = 64, ANSWER_MAX_BYTES = 16 << 20 };

struct probe {
	const char *root, *trash_path;
	struct meta *meta;
	struct gone *gone;
	struct schema schema;
	struct values *values;
	struct engine *engine;
	struct flush *flush;
	struct ingest *ingest;
	struct upkeep *upkeep;
	struct query query;
	bool deletes, is_open;
	int64_t gone_days, now_s, up_s;
	bool leapt;
	char *listed[MOST_LISTED];
	size_t n_listed;
	bool list_in_use;
};

static void each_listed(void *argument, upkeep_line_fn *line, void *line_argument)
{
	const struct probe *p = argument;

	for (size_t i = 0; p->list_in_use && i < p->n_listed; i++)
		line(line_argument, p->listed[i]);
}

static enum rc keep_refused(void *argument, const struct values_batch *batch, struct why *why)
{
	const struct probe *p = argument;

	return ingest_keep_points(p->ingest, batch, why);
}

static enum rc open_all(struct probe *p, struct why *why)
{
	char *journal = must_format("%s.journal", p->root), *rejected = must_format("%s.rejected", p->root);
	struct journal_replayed replayed;
	enum rc rc;

	rc = values_wsp_open(
		&(struct values_wsp_options){ .root = p->root, .schema = &p->schema, .allocate = WSP_SPARSE },
		&p->values, why);
	if (rc == RC_OK)
		rc = engine_open(&(struct engine_options){ .values = p->values,
							   .journal_path = journal,
							   .journal_commit_ms = 1,
							   .journal_commit_bytes = 1,
							   .journal_max_bytes = 1 << 26,
							   .cache_max_bytes = 1 << 26 },
				 &p->engine, why);
	if (rc == RC_OK)
		rc = ingest_open(&(struct ingest_options){ .meta = p->meta,
							   .gone = p->gone,
							   .engine = p->engine,
							   .schema = &p->schema,
							   .wsp_path = p->root,
							   .md5_digits = 2,
							   .max_future_s = 600,
							   .rejected_path = rejected,
							   .rejected_max_bytes = 1 << 20 },
				 &p->ingest, why);
	if (rc == RC_OK) {
		p->flush = flush_start(&(struct flush_options){ .engine = p->engine,
								.interval_s = 3600,
								.n_threads = 1,
								.refused = keep_refused,
								.argument = p });
		rc = engine_start(p->engine, &replayed, why);
	}
	if (rc == RC_OK) {
		ingest_start(p->ingest);
		p->query = (struct query){ .meta = p->meta,
					   .gone = p->gone,
					   .engine = p->engine,
					   .wsp_path = p->root,
					   .md5_digits = 2,
					   .started_s = p->now_s };
		rc = upkeep_new(&(struct upkeep_options){ .meta = p->meta,
							  .gone = p->gone,
							  .engine = p->engine,
							  .flush = p->flush,
							  .ingest = p->ingest,
							  .wsp_path = p->root,
							  .md5_digits = 2,
							  .trash_path = p->trash_path,
							  .clean_time_s = 2 * DAY_S,
							  .gone_s = p->gone_days * DAY_S,
							  .trash_s = 7 * (int64_t)DAY_S,
							  .max_future_s = 600,
							  .deletes = p->deletes,
							  .started_s = p->now_s,
							  .listed = each_listed,
							  .listed_argument = p },
				&p->upkeep, why);
	}
	free(journal);
	free(rejected);
	p->is_open = rc == RC_OK;
	return rc;
}

static void close_all(struct probe *p)
{
	if (!p->is_open)
		return;
	p->is_open = false;
	upkeep_stop(p->upkeep);
	flush_stop(p->flush);
	upkeep_free(p->upkeep);
	ingest_close(p->ingest);
	engine_close(p->engine);
	ingest_release(p->ingest);
	flush_free(p->flush);
	values_close(p->values);
}

static struct meta *open_meta(const char *how)
{
	struct meta *meta = NULL;
	struct why why;

	if (strncmp(how, "redis:", 6) == 0)
		return meta_redis_open(&(struct meta_redis_options){
			.host = "127.0.0.1", .port = atoi(how + 6), .timeout_s = 5, .db = 2 });
	if (strncmp(how, "sqlite:", 7) != 0)
		return meta_memory_open();
	if (meta_sqlite_open(how + 7, &meta, &why) != RC_OK) {
		fprintf(stderr, "%s\n", why.text);
		exit(1);
	}
	return meta;
}

/* ---- messages ---- */

struct sent {
	struct lock lock;
	struct signal signal;
	bool done;
};

static void on_done(struct batch *b, void *argument)
{
	struct sent *s = argument;

	(void)b;
	lock_take(&s->lock);
	s->done = true;
	signal_all(&s->signal);
	lock_give_back(&s->lock);
}

static enum rc send(struct probe *p, size_t n, struct buf *out, struct why *why)
{
	struct batch *b = batch_new(INPUT_HTTP);
	size_t capacity = 0, n_stored = 0;
	struct sent sent = { .done = false };
	char *line = NULL;

	for (size_t i = 0; i < n; i++) {
		ssize_t got = getline(&line, &capacity, stdin);

		must(got > 0);
		batch_add_http(b, (struct text){ line, (size_t)got });
	}
	b->accepted_s = p->now_s;
	b->done = on_done;
	b->argument = &sent;
	lock_init(&sent.lock);
	signal_init(&sent.signal);
	ingest_submit(p->ingest, b);
	lock_take(&sent.lock);
	while (!sent.done)
		signal_wait(&sent.signal, &sent.lock);
	lock_give_back(&sent.lock);
	for (size_t i = 0; i < b->n; i++)
		n_stored += b->item[i].fate == FATE_STORED;
	buf_addf(out, "%zu", n_stored);
	if (n_stored < n)
		because(why, RC_REFUSED, "%s", b->why.text);
	batch_free(b);
	free(line);
	signal_fini(&sent.signal);
	lock_fini(&sent.lock);
	return RC_OK;
}

static enum rc data(const struct probe *p, char **word, struct buf *out, struct why *why)
{
	struct series s = { text_of(word[0]), TEXT_NONE, text_of(word[1]), text_of(word[2]) };
	struct query_data asked = {
		.host = s.host, .plugin = s.plugin, .ds = s.ds, .from = text_of(word[3]), .until = text_of(word[4])
	};

	return query_data(&p->query, &asked, p->now_s, out, why);
}

static void set_list(struct probe *p, char **word, size_t n)
{
	for (size_t i = 0; i < p->n_listed; i++)
		free(p->listed[i]);
	p->n_listed = 0;
	for (; p->n_listed < n && p->n_listed < MOST_LISTED; p->n_listed++)
		p->listed[p->n_listed] = must_strdup(word[p->n_listed]);
}

static enum rc stats(const struct probe *p, struct buf *out)
{
	struct upkeep_stats s;

	upkeep_stats(p->upkeep, &s);
	buf_addf(out,
		 "{\"hosts\": %llu, \"plugins\": %llu, \"files\": %llu, \"trash\": %llu, \"cleaned\": %lld, "
		 "\"unfinished\": %s}",
		 (unsigned long long)s.n_hosts, (unsigned long long)s.n_plugins, (unsigned long long)s.n_files,
		 (unsigned long long)s.n_trash, (long long)s.cleaned_s, s.is_unfinished ? "true" : "false");
	return RC_OK;
}

static enum rc ask(const struct probe *p, char **word, size_t n, struct buf *out, struct why *why)
{
	struct upkeep_when when = { p->now_s, p->up_s, p->leapt };
	struct text one = n > 1 ? text_of(word[1]) : TEXT_NONE, two = n > 2 ? text_of(word[2]) : TEXT_NONE;
	const char *verb = word[0];

	if (strcmp(verb, "flush") == 0)
		return flush_now(p->flush, TEXT_NONE, why);
	if (strcmp(verb, "clean") == 0 || strcmp(verb, "dry") == 0)
		return upkeep_clean(p->upkeep, when, verb[0] == 'd', out, why);
	if (strcmp(verb, "delete") == 0)
		return upkeep_delete(p->upkeep, one, when, out, why);
	if (strcmp(verb, "restore") == 0)
		return n > 1 ? upkeep_restore(p->upkeep, one, when, out, why) : upkeep_list(p->upkeep, out, why);
	if (strcmp(verb, "rename") == 0)
		return upkeep_rename(p->upkeep, one, two, when, out, why);
	if (strcmp(verb, "recover") == 0)
		return upkeep_recover(p->upkeep, when, why);
	if (strcmp(verb, "hosts") == 0)
		return query_hosts(&p->query, out, why);
	if (strcmp(verb, "host") == 0)
		return query_host(&p->query, one, out, why);
	if (strcmp(verb, "list") == 0)
		return query_list(&p->query, one, out, why);
	if (strcmp(verb, "info") == 0)
		return query_info(&p->query, one, two, out, why);
	if (strcmp(verb, "seen") == 0)
		return query_last_seen(&p->query, one, p->now_s, out, why);
	if (strcmp(verb, "categories") == 0)
		return query_categories(&p->query, one, out, why);
	if (strcmp(verb, "stats") == 0)
		return stats(p, out);
	if (strcmp(verb, "data") == 0 && n == 6)
		return data(p, word + 1, out, why);
	return because(why, RC_REFUSED, "not a command");
}

static enum rc run(struct probe *p, char **word, size_t n, struct buf *out, struct why *why)
{
	const char *verb = word[0];

	if (strcmp(verb, "now") == 0 && n == 2) {
		p->now_s = atoll(word[1]);
	} else if (strcmp(verb, "patience") == 0 && n == 2) {
		p->up_s = atoll(word[1]);
	} else if (strcmp(verb, "leapt") == 0 && n == 2) {
		p->leapt = word[1][0] == '1';
	} else if (strcmp(verb, "listed") == 0 || strcmp(verb, "unlisted") == 0) {
		p->list_in_use = verb[0] == 'l';
		set_list(p, word + 1, n - 1);
	} else if (strcmp(verb, "open") == 0) {
		return open_all(p, why);
	} else if (strcmp(verb, "close") == 0) {
		close_all(p);
	} else if (strcmp(verb, "send") == 0 && n == 2) {
		return send(p, (size_t)atoi(word[1]), out, why);
	} else {
		return ask(p, word, n, out, why);
	}
	return RC_OK;
}

int main(int argc, char **argv)
{
	struct probe p = { 0 };
	char *line = NULL, *word[MOST_LISTED];
	size_t capacity = 0;
	struct why why;

	must(argc == 6);
	signal(SIGPIPE, SIG_IGN);
	must(log_open(NULL, LOG_LEVEL_CRITICAL, LOG_LEVEL_INFO, &why) == RC_OK);
	p.root = argv[1];
	p.meta = open_meta(argv[2]);
	p.gone = gone_new(p.meta);
	p.deletes = strcmp(argv[3], "deleted") == 0;
	p.gone_days = atoi(argv[4]);
	p.trash_path = strcmp(argv[5], "-") == 0 ? NULL : argv[5];
	p.up_s = 2 * DAY_S;
	schema_init(&p.schema);
	p.schema.otherwise = (struct retention){ .aggregation = AGGREGATION_AVERAGE, .xff = 0 };
	must(retention_parse(TEXT("3600:9000, 86400:800"), &p.schema.otherwise, &why) == RC_OK);
	while (getline(&line, &capacity, stdin) > 0) {
		struct buf out;
		size_t n = 0;
		enum rc rc;

		for (char *save, *w = strtok_r(line, " \n", &save); w != NULL && n < MOST_LISTED;
		     w = strtok_r(NULL, " \n", &save))
			word[n++] = w;
		if (n == 0)
			continue;
		buf_init(&out, ANSWER_MAX_BYTES);
		why.text[0] = '\0';
		rc = run(&p, word, n, &out, &why);
		if (rc == RC_OK)
			printf("ok %.*s\n", TEXT_ARG(buf_text(&out)));
		else
			printf("%s %s\n", rc_name(rc), why.text);
		fflush(stdout);
		buf_fini(&out);
	}
	close_all(&p);
	gone_free(p.gone);
	meta_close(p.meta);
	set_list(&p, NULL, 0);
	schema_fini(&p.schema);
	free(line);
	return 0;
}

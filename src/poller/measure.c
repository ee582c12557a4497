#include "poller/measure.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "poller/compose.h"
#include "poller/past.h"

enum { READINGS_LEAST_AGE_S = 600, READINGS_AGE_TICKS = 5, FAILURES_IN_A_ROW = 3 };
enum { TIMEOUT_LEAST_S = 5, WAITS_A_TICK = 4, LEFT_OUT_DOUBLINGS = 4 };
enum { PAST_AGE_S = 86400, INFOS_MAX_BYTES = 32 << 20, FIELDS_A_TICK = 1000000 };

struct measure {
	const struct poller_config *config;
	pcre2_code *enabled;
	pcre2_match_data *match;
	struct client client;
	struct map plugins; /* name → struct plugin */
	struct plugin_past past;
	struct answer config_answer, values_answer;
	bool refreshed; /* infos were sent, at refreshed_at */
	struct mono refreshed_at;
	int64_t max_age_s;
	bool waiting_hurts; /* a plugin that hangs takes much of a tick */
	char *next_first;   /* the first plugin that the last tick had no time for; NULL: there was none */
};

/* One tick while it goes on. */
struct tick {
	struct measure *m;
	plugin_emit_fn *emit;
	void *argument;
	struct measure_count *count;
	struct buf infos; /* kept back until all data are emitted: plugin, NUL, length, text */
	struct mono overtime, end;
	size_t n_failed_in_a_row, n_fields;
};

enum rc measure_new(const struct poller_config *c, const struct reach_wake *wake, struct measure **out, struct why *why)
{
	int64_t timeout_s = c->poller_time_s > TIMEOUT_LEAST_S ? c->poller_time_s : TIMEOUT_LEAST_S;
	PCRE2_SIZE at = 0;
	struct measure *m;
	PCRE2_UCHAR text[200];
	int error = 0;
	pcre2_code *code =
		pcre2_compile((PCRE2_SPTR)c->plugins_enable, PCRE2_ZERO_TERMINATED, PCRE2_ANCHORED, &error, &at, NULL);

	if (code == NULL) {
		pcre2_get_error_message(error, text, sizeof(text));
		return because(why, RC_REFUSED, "\"%s\": %s at byte %zu: expected a Perl-compatible regular expression",
			       c->plugins_enable, (const char *)text, (size_t)at);
	}
	if (timeout_s > c->munin_timeout_s)
		timeout_s = c->munin_timeout_s;
	m = must_alloc(sizeof(*m));
	m->config = c;
	m->waiting_hurts = timeout_s * WAITS_A_TICK > c->poller_time_s;
	m->enabled = code;
	m->match = pcre2_match_data_create(1, NULL);
	must(m->match != NULL);
	client_init(&m->client, &(struct client_options){ .host = c->munin_host,
							  .port = (int)c->munin_port,
							  .timeout_ms = timeout_s * 1000,
							  .wake = *wake });
	map_init(&m->plugins);
	past_init(&m->past);
	answer_setup(&m->config_answer);
	answer_setup(&m->values_answer);
	m->max_age_s = READINGS_AGE_TICKS * c->poller_time_s;
	if (m->max_age_s < READINGS_LEAST_AGE_S)
		m->max_age_s = READINGS_LEAST_AGE_S;
	*out = m;
	return RC_OK;
}

void measure_free(struct measure *m)
{
	if (m == NULL)
		return;
	free(m->next_first);
	client_fini(&m->client);
	answer_teardown(&m->config_answer);
	answer_teardown(&m->values_answer);
	map_fini(&m->plugins, plugin_free);
	past_fini(&m->past);
	pcre2_match_data_free(m->match);
	pcre2_code_free(m->enabled);
	free(m);
}

void measure_remember(struct measure *m, const char *path)
{
	struct why why;
	enum rc rc = past_read(path, &m->past, &why);

	if (rc == RC_OK)
		log_line(LOG_LEVEL_INFO, "counters.read", "readings=%zu", m->past.readings.n);
	else if (rc != RC_ABSENT)
		log_line(LOG_LEVEL_WARNING, "counters.unread", "path=%s why=\"%s\" counters begin anew", path,
			 why.text);
}

enum rc measure_keep(struct measure *m, const char *path, struct why *why)
{
	struct buf text;
	struct text name;
	size_t at = 0;
	void *plugin;
	enum rc rc;

	if (!m->refreshed)
		return RC_OK; /* nothing is known yet that could stand for what is in the file */
	buf_init(&text, PAST_MAX_BYTES);
	past_print_begin(&text);
	past_print_readings(&text, &m->past);
	while (map_next(&m->plugins, &at, &name, &plugin))
		past_print(&text, plugin);
	past_print_end(&text);
	rc = text.full ? because(why, RC_DISK, "over %d bytes of counters", PAST_MAX_BYTES)
		       : past_write(path, buf_text(&text), why);
	buf_fini(&text);
	return rc;
}

static bool is_enabled(const struct measure *m, struct text name)
{
	return pcre2_match(m->enabled, (PCRE2_SPTR)name.s, name.n, 0, 0, m->match, NULL) >= 0;
}

/* Infos */

static void keep_info(void *argument, enum parcel_kind kind, struct text plugin, struct text text)
{
	static struct log_limit limit;
	struct tick *t = argument;

	(void)kind;
	if (sizeof(plugin.n) + sizeof(text.n) + plugin.n + text.n > INFOS_MAX_BYTES - t->infos.n) {
		log_limited(&limit, LOG_LEVEL_WARNING, "munin.info_left_out",
			    "plugin=%.*s why=\"infos of one tick are over %d bytes\"", TEXT_ARG(plugin),
			    INFOS_MAX_BYTES);
		return;
	}
	buf_add(&t->infos, &plugin.n, sizeof(plugin.n));
	buf_add(&t->infos, &text.n, sizeof(text.n));
	buf_add_text(&t->infos, plugin);
	buf_add_text(&t->infos, text);
}

static void emit_infos(struct tick *t)
{
	struct text rest = buf_text(&t->infos), plugin, text;

	while (rest.n > 0) {
		memcpy(&plugin.n, rest.s, sizeof(plugin.n));
		memcpy(&text.n, rest.s + sizeof(plugin.n), sizeof(text.n));
		plugin.s = rest.s + sizeof(plugin.n) + sizeof(text.n);
		text.s = plugin.s + plugin.n;
		t->emit(t->argument, PARCEL_INFO, plugin, text);
		rest.n -= (size_t)(text.s + text.n - rest.s);
		rest.s = text.s + text.n;
	}
}

static void emit_myinfo(struct tick *t)
{
	const struct poller_config *c = t->m->config;
	struct buf payload;

	buf_init(&payload, SIZE_MAX);
	compose_myinfo(&payload, text_of(c->name), text_of(c->host_id), text_of(c->description));
	t->emit(t->argument, PARCEL_INFO, TEXT("MyInfo"), buf_text(&payload));
	buf_fini(&payload);
}

/* Plugins */

static struct plugin *take_plugin(struct measure *m, struct text name)
{
	struct plugin *p = map_get(&m->plugins, name);

	if (p == NULL) {
		p = plugin_new(name);
		(void)map_put(&m->plugins, name, p);
	}
	p->listed = true;
	return p;
}

static void forget_unlisted(struct measure *m)
{
	bool again = true;

	while (again) {
		struct text name;
		size_t at = 0;
		void *value;

		again = false;
		while (!again && map_next(&m->plugins, &at, &name, &value)) {
			const struct plugin *p = value;

			if (p->listed)
				continue;
			plugin_free(map_remove(&m->plugins, name));
			again = true;
		}
	}
}

static enum rc list_plugins(struct measure *m, struct arena *arena, struct text **name, size_t *n, struct why *why)
{
	static struct log_limit limit;
	struct text key;
	size_t at = 0, n_refused = 0;
	void *value;
	enum rc rc = client_list(&m->client, arena, name, n, &n_refused, why);

	if (rc != RC_OK)
		return rc;
	if (n_refused > 0)
		log_limited(&limit, LOG_LEVEL_WARNING, "munin.names", "refused=%zu", n_refused);
	while (map_next(&m->plugins, &at, &key, &value))
		((struct plugin *)value)->listed = false;
	for (size_t i = 0; i < *n; i++)
		if (is_enabled(m, (*name)[i]))
			(void)take_plugin(m, (*name)[i]);
	forget_unlisted(m);
	return RC_OK;
}

/* What an answer left out is told now and then. */
static void note_refused(const struct plugin *p, const struct answer *a)
{
	static struct log_limit limit;

	if (a->n_refused > 0)
		log_limited(&limit, LOG_LEVEL_WARNING, "munin.refused",
			    "plugin=%.*s lines=%zu why=\"a name that no storage takes, or too many of them\"",
			    TEXT_ARG(p->name), a->n_refused);
}

/* Config when it is wanted, values in any case. */
static enum rc ask_plugin(struct tick *t, struct plugin *p, struct why *why)
{
	static struct log_limit cut_limit;
	struct measure *m = t->m;
	bool learns = t->count->is_refresh || !p->configured;
	struct answer *values = &m->values_answer;
	struct wall wall = wall_now();
	enum rc rc, rc_config = RC_OK;

	if (learns) {
		rc_config = client_config(&m->client, p->name, &m->config_answer, &wall, why);
		if (rc_config == RC_OK) {
			plugin_learn(p, &m->config_answer, &m->past);
			note_refused(p, &m->config_answer);
		}
		t->n_fields += m->config_answer.n_fields;
		if (rc_config == RC_END || !p->configured)
			return rc_config;
	}
	if (learns && rc_config == RC_OK && m->config_answer.has_values) {
		values = &m->config_answer;
		rc = RC_OK;
	} else {
		rc = client_fetch(&m->client, p->name, values, &wall, why);
		note_refused(p, values);
		t->n_fields += values->n_fields;
	}
	/* Whole lines of an answer that broke off are as good as others. */
	t->count->n_values += plugin_measure(p, values, wall.s, m->max_age_s, t->emit, t->argument);
	if (learns && rc_config == RC_OK && plugin_tell(&m->config_answer, values, keep_info, t) > 0)
		log_limited(&cut_limit, LOG_LEVEL_WARNING, "munin.info_cut",
			    "plugin=%.*s why=\"its info is over the size of a message\"", TEXT_ARG(p->name));
	return rc == RC_OK ? rc_config : rc;
}

static void note_failure(struct tick *t, struct plugin *p, enum rc rc, const struct why *why)
{
	/* a failing plugin fails every minute: told when it begins */
	log_line(p->late ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING, "munin.failed", "plugin=%.*s why=\"%s\"",
		 TEXT_ARG(p->name), why->text);
	p->late = true;
	p->n_failed++;
	if (rc == RC_PEER && t->m->waiting_hurts)
		p->n_left_out = (1U << (p->n_failed < LEFT_OUT_DOUBLINGS ? p->n_failed : LEFT_OUT_DOUBLINGS)) - 1;
	t->count->n_failed++;
	t->n_failed_in_a_row = rc == RC_PEER ? t->n_failed_in_a_row + 1 : 0;
}

/* Twice a tick's time is enough in any case; once, for what has been slow. */
static bool is_enough(const struct tick *t, bool late)
{
	struct mono now = mono_now();

	if (t->n_fields > FIELDS_A_TICK || mono_ms_between(now, t->end) <= 0)
		return true;
	return (late || t->n_failed_in_a_row >= FAILURES_IN_A_ROW) && mono_ms_between(now, t->overtime) <= 0;
}

/* Where the last tick broke off. */
static size_t take_first(struct measure *m, const struct text *name, size_t n)
{
	size_t first = 0;

	while (m->next_first != NULL && first < n && !text_is(name[first], m->next_first))
		first++;
	free(m->next_first);
	m->next_first = NULL;
	return first < n ? first : 0;
}

/* Those that answered last time before those that did not. */
static enum rc ask_all(struct tick *t, const struct text *name, size_t n, struct why *why)
{
	size_t first = take_first(t->m, name, n), n_left = 0;
	bool *was_late = must_alloc(n + 1);
	enum rc rc = RC_OK;

	for (size_t i = 0; i < n; i++) {
		const struct plugin *p = map_get(&t->m->plugins, name[i]);

		was_late[i] = p != NULL && p->late;
	}
	for (size_t i = 0; i < 2 * n && rc != RC_END; i++) {
		size_t at = (first + i) % n;
		struct plugin *p = map_get(&t->m->plugins, name[at]);

		if (p == NULL || was_late[at] != (i >= n))
			continue;
		if (p->n_left_out > 0) {
			p->n_left_out--;
			continue;
		}
		if (is_enough(t, i >= n)) {
			if (n_left++ == 0)
				t->m->next_first = must_strndup(p->name.s, p->name.n);
			continue;
		}
		rc = ask_plugin(t, p, why);
		if (rc == RC_OK) {
			p->late = false;
			p->n_failed = 0;
			t->n_failed_in_a_row = 0;
			t->count->n_plugins++;
		} else if (rc != RC_END) {
			note_failure(t, p, rc, why);
		}
	}
	free(was_late);
	if (rc == RC_END || n_left == 0)
		return rc == RC_END ? rc : RC_OK;
	if (t->n_fields > FIELDS_A_TICK)
		return because(why, RC_PEER, "over %d fields: %zu plugins were not asked", FIELDS_A_TICK, n_left);
	return because(why, RC_PEER, "too slow: %zu plugins were not asked", n_left);
}

static bool is_known(void *argument, struct text plugin)
{
	const struct measure *m = argument;
	const struct plugin *p = map_get(&m->plugins, plugin);

	return p != NULL && p->configured;
}

enum rc measure_tick(struct measure *m, struct mono now, plugin_emit_fn *emit, void *argument,
		     struct measure_count *count, struct why *why)
{
	const struct poller_config *c = m->config;
	struct tick t = { .m = m, .emit = emit, .argument = argument, .count = count };
	struct text *name = NULL;
	struct arena arena;
	size_t n = 0;
	enum rc rc;

	/* half a second early is in time: ticks are not apart to the nanosecond */
	*count = (struct measure_count){ .is_refresh = !m->refreshed || mono_ms_between(m->refreshed_at, now) + 500 >=
										c->plugins_refresh_time_s * 1000 };
	t.overtime = mono_after_ms(now, c->poller_time_s * 1000);
	t.end = mono_after_ms(now, c->poller_time_s * 2000);
	arena_init(&arena);
	buf_init(&t.infos, INFOS_MAX_BYTES);
	if (count->is_refresh)
		emit_myinfo(&t);
	rc = list_plugins(m, &arena, &name, &n, why);
	if (rc == RC_OK) {
		rc = ask_all(&t, name, n, why);
		emit_infos(&t);
		if (count->is_refresh && rc != RC_END) {
			m->refreshed = true;
			m->refreshed_at = now;
			past_prune(&m->past, wall_now().s - PAST_AGE_S, is_known, m);
		}
	}
	client_close(&m->client);
	buf_fini(&t.infos);
	arena_fini(&arena);
	return rc;
}

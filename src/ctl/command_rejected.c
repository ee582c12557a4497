/*
 * numeterctl rejected: what could not be used and was kept aside. Reads the files, asks nobody.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/instant.h"
#include "base/map.h"
#include "base/mem.h"
#include "ctl/names.h"
#include "ctl/plain.h"
#include "ctl/rejected_files.h"
#include "ctl/show.h"
#include "ctl/table.h"
#include "ctl/when.h"
#include "model/reason.h"
#include "wire/json.h"
#include "wire/number.h"
#include "wire/reply.h"

enum { OPTION_REASON, OPTION_HOST, OPTION_SINCE, OPTION_FOLLOW, OPTION_SUMMARY, OPTION_BODY };

enum { BODY_COLUMNS = 100, SUMMARY_MOST = 200000 };

static const struct command_option options[] = {
	[OPTION_REASON] = { "reason", "CODE", "only those of this reason, as in status and /metrics" },
	[OPTION_HOST] = { "host", "HOST", "only those of this host" },
	[OPTION_SINCE] = { "since", "TIME", "only from then on: Unix seconds, -6h, 2026-11-28T17:05" },
	[OPTION_FOLLOW] = { "follow", NULL, "go on with what comes, until interrupted" },
	[OPTION_SUMMARY] = { "summary", NULL, "count them by reason and host" },
	[OPTION_BODY] = { "body", NULL, "print what was sent whole, not its beginning" },
};

/* One line, read. */
struct entry {
	struct text line, input, host, plugin, reason, detail, body;
	int64_t time_s;
};

struct tally {
	struct text reason, host;
	uint64_t n;
	int64_t last_s;
};

struct reading {
	const struct ctl *ctl;
	int64_t since_s;
	bool terminal;
	struct arena arena; /* of one line */
	struct buf out;
	struct map tallies; /* reason, a NUL and host → struct tally */
	struct arena kept;  /* their texts */
	uint64_t n_untold;  /* beyond SUMMARY_MOST */
};

/* ---- one line ---- */

static int digit_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

static struct text from_base64(struct arena *a, struct text t)
{
	char *bytes = arena_alloc(a, t.n / 4 * 3 + 3);
	unsigned bits = 0;
	size_t n = 0;
	int have = 0;

	for (size_t i = 0; i < t.n; i++) {
		int digit = digit_of(t.s[i]);

		if (digit < 0)
			continue;
		bits = bits << 6 | (unsigned)digit;
		have += 6;
		if (have >= 8) {
			have -= 8;
			bytes[n++] = (char)(bits >> have & 0xff);
		}
	}
	return (struct text){ bytes, n };
}

static struct text text_member(struct reading *r, struct json_value object, const char *name)
{
	struct json_value v;

	return json_member(&r->arena, object, name, &v) && v.type == JSON_STRING
		       ? json_string(&r->arena, v.raw, v.escaped)
		       : TEXT_NONE;
}

/* False: not a line of ours. */
static bool read_entry(struct reading *r, struct text line, struct entry *out)
{
	struct json_value object, time;
	double time_s;

	if (json_check(line, false, &object, NULL) != RC_OK || object.type != JSON_OBJECT)
		return false;
	*out = (struct entry){ .line = line };
	if (json_member(&r->arena, object, "time", &time) && time.type == JSON_NUMBER &&
	    number_parse(time.raw, &time_s) == NUMBER_VALUE)
		out->time_s = (int64_t)time_s;
	out->input = text_member(r, object, "input");
	out->host = text_member(r, object, "host");
	out->plugin = text_member(r, object, "plugin");
	out->reason = text_member(r, object, "reason");
	out->detail = text_member(r, object, "detail");
	out->body = text_member(r, object, "body");
	if (out->body.s == NULL)
		out->body = from_base64(&r->arena, text_member(r, object, "body_base64"));
	return true;
}

static bool is_wanted(const struct reading *r, const struct entry *e)
{
	const char *reason = r->ctl->option[OPTION_REASON], *host = r->ctl->option[OPTION_HOST];

	return e->time_s >= r->since_s && (reason == NULL || text_is(e->reason, reason)) &&
	       (host == NULL || text_is(e->host, host));
}

/* ---- what is printed ---- */

/* 2026-11-28 17:05:30  http  value  myhost/load  detail */
static void print_entry(struct reading *r, const struct entry *e)
{
	char when[WHEN_BYTES];

	buf_addf(&r->out, "%s  ", when_print(e->time_s, when));
	plain_add(&r->out, e->input);
	buf_add_str(&r->out, "  ");
	plain_add(&r->out, e->reason);
	buf_add_str(&r->out, "  ");
	plain_add(&r->out, e->host.s == NULL ? TEXT("-") : e->host);
	if (e->plugin.s != NULL) {
		buf_add_str(&r->out, "/");
		plain_add(&r->out, e->plugin);
	}
	if (e->detail.n > 0) {
		buf_add_str(&r->out, "  ");
		plain_add(&r->out, e->detail);
	}
	buf_add_str(&r->out, "\n");
	if (r->ctl->option[OPTION_BODY] == NULL) {
		buf_add_str(&r->out, "    ");
		plain_add_cut(&r->out,
			      e->body.n > 8 * BODY_COLUMNS ? (struct text){ e->body.s, 8 * BODY_COLUMNS } : e->body,
			      BODY_COLUMNS);
	} else if (r->terminal) {
		plain_add(&r->out, e->body);
	} else {
		buf_add_text(&r->out, e->body);
	}
	buf_add_str(&r->out, "\n");
}

static void count_entry(struct reading *r, const struct entry *e)
{
	struct tally *t;
	struct buf key;

	buf_init(&key, SIZE_MAX);
	buf_add_text(&key, e->reason);
	buf_add(&key, "", 1);
	buf_add_text(&key, e->host);
	t = map_get(&r->tallies, buf_text(&key));
	if (t == NULL && r->tallies.n < SUMMARY_MOST) {
		t = must_alloc(sizeof(*t));
		t->reason = arena_text(&r->kept, e->reason);
		t->host = e->host.s == NULL ? TEXT_NONE : arena_text(&r->kept, e->host);
		map_put(&r->tallies, buf_text(&key), t);
	}
	buf_fini(&key);
	if (t == NULL) {
		r->n_untold++;
		return;
	}
	t->n++;
	if (e->time_s > t->last_s)
		t->last_s = e->time_s;
}

static enum rc take_line(void *argument, struct text line)
{
	struct reading *r = argument;
	struct entry e;

	if (read_entry(r, line, &e) && is_wanted(r, &e)) {
		if (r->ctl->option[OPTION_SUMMARY] != NULL)
			count_entry(r, &e);
		else if (r->ctl->json)
			buf_addf(&r->out, "%.*s\n", TEXT_ARG(line));
		else
			print_entry(r, &e);
	}
	show_buf(&r->out);
	buf_clear(&r->out);
	arena_reset(&r->arena);
	return ferror(stdout) ? RC_END : RC_OK;
}

static int by_number(const void *a, const void *b)
{
	const struct tally *const *x = a, *const *y = b;
	int order;

	if ((*x)->n != (*y)->n)
		return (*x)->n < (*y)->n ? 1 : -1;
	order = name_compare((*x)->reason, (*y)->reason);
	return order != 0 ? order : name_compare((*x)->host, (*y)->host);
}

static void print_tally_json(const struct tally *t, bool first, struct buf *out)
{
	buf_add_str(out, first ? "\n  {\"reason\": " : ",\n  {\"reason\": ");
	reply_string(out, t->reason);
	buf_add_str(out, ", \"host\": ");
	if (t->host.s == NULL)
		buf_add_str(out, "null");
	else
		reply_string(out, t->host);
	buf_addf(out, ", \"count\": %llu, \"last\": %lld}", (unsigned long long)t->n, (long long)t->last_s);
}

static void add_row(struct text_table *table, const struct tally *t)
{
	char when[WHEN_BYTES];

	text_table_addf(table, "%llu", (unsigned long long)t->n);
	text_table_add(table, t->reason);
	text_table_add(table, t->host.s == NULL ? TEXT("-") : t->host);
	text_table_add(table, text_of(when_print(t->last_s, when)));
}

static void print_summary(struct reading *r)
{
	struct tally **all = must_alloc((r->tallies.n + 1) * sizeof(struct tally *));
	struct text_table table;
	size_t n = 0, at = 0;
	struct text key;
	void *value;

	while (map_next(&r->tallies, &at, &key, &value))
		all[n++] = value;
	qsort(all, n, sizeof(struct tally *), by_number);
	text_table_init(&table, 4);
	text_table_column(&table, TEXT("COUNT"), TABLE_RIGHT);
	text_table_column(&table, TEXT("REASON"), TABLE_LEFT);
	text_table_column(&table, TEXT("HOST"), TABLE_LEFT);
	text_table_column(&table, TEXT("LAST"), TABLE_LEFT);
	buf_add_str(&r->out, r->ctl->json ? "[" : "");
	for (size_t i = 0; i < n; i++) {
		if (r->ctl->json)
			print_tally_json(all[i], i == 0, &r->out);
		else
			add_row(&table, all[i]);
	}
	if (r->ctl->json)
		buf_add_str(&r->out, n == 0 ? "]\n" : "\n]\n");
	else
		text_table_print(&table, &r->out);
	if (r->n_untold > 0)
		ctl_fail("%llu more, of more hosts than are counted apart", (unsigned long long)r->n_untold);
	show_buf(&r->out);
	text_table_fini(&table);
	free(all);
}

/* ---- all of them ---- */

static int read_all(struct reading *r, const char *path)
{
	struct rejected_files files;
	struct why why;
	enum rc rc = rejected_files_open(path, r->since_s, &files, &why);

	if (rc == RC_OK)
		rc = rejected_files_read(&files, take_line, r, &why);
	if (rc == RC_OK && r->ctl->option[OPTION_SUMMARY] != NULL)
		print_summary(r);
	while (rc == RC_OK && r->ctl->option[OPTION_FOLLOW] != NULL) {
		if (fflush(stdout) != 0)
			break;
		rc = rejected_files_wait(&files, &why);
		if (rc == RC_OK)
			rc = rejected_files_read(&files, take_line, r, &why);
	}
	rejected_files_close(&files);
	if (rc == RC_OK || rc == RC_END) /* what stdout ended with says main */
		return EXIT_FINE;
	return ctl_fail("%s", why.text);
}

static bool is_reason(const char *code)
{
	size_t least = SIZE_MAX;
	const char *nearest = "";

	for (enum reason r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		size_t distance = text_distance(text_of(code), text_of(reason_code(r)));

		if (distance == 0)
			return true;
		if (distance < least) {
			least = distance;
			nearest = reason_code(r);
		}
	}
	ctl_fail("--reason: no reason \"%s\": did you mean \"%s\"?", code, nearest);
	return false;
}

static int run(struct ctl *ctl)
{
	const char *const *option = ctl->option;
	struct reading r = { .ctl = ctl, .terminal = isatty(STDOUT_FILENO) };
	const struct config *c;
	int status;

	if (option[OPTION_REASON] != NULL && !is_reason(option[OPTION_REASON]))
		return EXIT_UNUSABLE;
	if (option[OPTION_SINCE] != NULL && !when_read(text_of(option[OPTION_SINCE]), wall_now().s, &r.since_s))
		return ctl_fail("--since: \"%s\": expected Unix seconds, a date, or a time back like -6h, -7d",
				option[OPTION_SINCE]);
	if (option[OPTION_SUMMARY] != NULL && option[OPTION_FOLLOW] != NULL)
		return ctl_fail("--summary and --follow are both there: give one of them");
	c = ctl_config(ctl);
	if (c == NULL)
		return EXIT_UNUSABLE;
	arena_init(&r.arena);
	arena_init(&r.kept);
	map_init(&r.tallies);
	buf_init(&r.out, SIZE_MAX);
	status = read_all(&r, c->rejected_path);
	buf_fini(&r.out);
	map_fini(&r.tallies, free);
	arena_fini(&r.arena);
	arena_fini(&r.kept);
	return status;
}

const struct command command_rejected = {
	.name = "rejected",
	.arguments = "",
	.summary = "show what could not be used and was kept aside",
	.help = "Reads the files in the configuration's rejected_path, the newest last; also while no daemon runs. "
		"With --json\n"
		"the lines as they are.\n"
		"Exit status: 0 shown, 2 they cannot be read.\n",
	.option = options,
	.n_options = ARRAY_LEN(options),
	.run = run,
};

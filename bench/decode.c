/*
 * What reading a message costs: message_read_amqp() with all its checks, its general way alone, and a bare cJSON parse
 * of the three layers, on the recorded messages in the envelope they come in: all of them, those with data, and those
 * with data of 5 to 8 values. All in one run, in turns; medians of the rounds.
 *
 *	decode tests/data/messages.jsonl        exits 1 when on all of them the general way takes over 1.5 times as long
 *	                                        as cJSON, or on data the short way over a third of the general one's time
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fileio.h"
#include "base/instant.h"
#include "base/mem.h"
#include "wire/json.h"
#include "wire/message.h"
#include "wire/reply.h"

enum { ROUNDS = 15, PASSES = 40, BATCH = 64 };

struct bodies {
	struct text *at;
	size_t n, capacity, n_bytes;
};

static struct text member(struct arena *a, struct json_value object, const char *name)
{
	struct json_value v;

	must(json_member(a, object, name, &v) && v.type == JSON_STRING);
	return json_string(a, v.raw, v.escaped);
}

/* A recorded line as the poller's client library would send it. */
static struct text enveloped(struct arena *a, struct text line)
{
	struct json_value recorded, context, args;
	struct buf call, body;
	struct text t;

	must(json_check(line, false, &recorded, NULL) == RC_OK);
	must(json_member(a, recorded, "context", &context) && json_member(a, recorded, "args", &args));
	buf_init(&call, MESSAGE_MAX_BYTES);
	buf_init(&body, MESSAGE_MAX_BYTES);
	buf_add_str(&call, "{\"method\": \"poller_msg\", \"args\": {\"args\": {\"message\": ");
	reply_string(&call, member(a, args, "message"));
	buf_add_str(&call, "}}, \"_unique_id\": \"5b19d014858f43b691a47594ad737f46\", \"_context_topic\": ");
	reply_string(&call, member(a, context, "topic"));
	buf_add_str(&call, ", \"_context_plugin\": ");
	reply_string(&call, member(a, context, "plugin"));
	buf_add_str(&call, ", \"_context_type\": ");
	reply_string(&call, member(a, context, "type"));
	buf_add_str(&call, ", \"_context_hostid\": ");
	reply_string(&call, member(a, context, "hostid"));
	buf_add_str(&call, "}");
	buf_add_str(&body, "{\"oslo.version\": \"2.0\", \"oslo.message\": ");
	reply_string(&body, buf_text(&call));
	buf_add_str(&body, "}");
	t = arena_text(a, buf_text(&body));
	buf_fini(&call);
	buf_fini(&body);
	return t;
}

static void load(const char *path, struct arena *a, struct bodies *b)
{
	const char *at, *end, *stop;
	struct buf lines;
	struct why why;

	buf_init(&lines, 64 << 20);
	if (fileio_read_all(path, &lines, &why) != RC_OK) {
		fprintf(stderr, "%s\n", why.text);
		exit(2);
	}
	end = lines.at + lines.n;
	for (at = lines.at; (stop = memchr(at, '\n', (size_t)(end - at))) != NULL; at = stop + 1) {
		array_grow(&b->at, &b->capacity, b->n, sizeof(*b->at));
		b->at[b->n] = enveloped(a, (struct text){ at, (size_t)(stop - at) });
		b->n_bytes += b->at[b->n++].n;
	}
	buf_fini(&lines);
}

typedef bool (*read_fn)(struct arena *a, struct text body, struct text content_type, struct text compression,
			struct message *out, struct refusal *refusal);

/* Messages of one batch share an arena, as they do in the daemon. */
static size_t read_all(struct arena *a, const struct bodies *b, read_fn read)
{
	struct message message;
	struct refusal refusal;
	size_t n_samples = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (i % BATCH == 0)
			arena_reset(a);
		must(read(a, b->at[i], TEXT("application/json"), TEXT_NONE, &message, &refusal));
		n_samples += message.kind == MESSAGE_DATA ? message.n_samples : 0;
	}
	return n_samples;
}

/* Those with data of that many values. */
static struct bodies pick(const struct bodies *all, size_t least, size_t most)
{
	struct bodies b = { 0 };
	struct message message;
	struct refusal refusal;
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < all->n; i++) {
		must(message_read_amqp(&a, all->at[i], TEXT("application/json"), TEXT_NONE, &message, &refusal));
		if (message.kind != MESSAGE_DATA || message.n_samples < least || message.n_samples > most)
			continue;
		array_grow(&b.at, &b.capacity, b.n, sizeof(*b.at));
		b.at[b.n] = all->at[i];
		b.n_bytes += b.at[b.n++].n;
	}
	arena_fini(&a);
	return b;
}

static size_t parse_all(const struct bodies *b)
{
	size_t n_samples = 0;

	for (size_t i = 0; i < b->n; i++) {
		cJSON *outer = cJSON_ParseWithLength(b->at[i].s, b->at[i].n), *call, *payload;
		const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(outer, "oslo.message"));

		call = cJSON_ParseWithLength(text, strlen(text));
		text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
			cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(call, "args"), "args"),
			"message"));
		payload = cJSON_ParseWithLength(text, strlen(text));
		n_samples += (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(payload, "Values"));
		cJSON_Delete(payload);
		cJSON_Delete(call);
		cJSON_Delete(outer);
	}
	return n_samples;
}

static int by_size(const void *l, const void *r)
{
	double a = *(const double *)l, b = *(const double *)r;

	return (a > b) - (a < b);
}

enum { SHORT, GENERAL, LIBRARY, WAYS };

/* The medians in ns a message, printed. */
static void compare(const char *noun, const struct bodies *b, double median[WAYS])
{
	static const char *const names[] = { "message_read_amqp", "its general way", "cJSON, bare" };
	const int passes = 1 + (int)(PASSES * 500 / b->n);
	double took[WAYS][ROUNDS];
	struct arena a;

	must(b->n > 0);
	arena_init(&a);
	must(read_all(&a, b, message_read_amqp) == parse_all(b));
	for (int round = 0; round < ROUNDS; round++)
		for (int way = 0; way < WAYS; way++) {
			struct mono start = mono_now();

			for (int i = 0; i < passes; i++)
				if (way == LIBRARY)
					parse_all(b);
				else
					read_all(&a, b, way == SHORT ? message_read_amqp : message_read_amqp_general);
			took[way][round] = (double)(mono_now().ns - start.ns) / passes / (double)b->n;
		}
	printf("%s: %zu messages of %zu bytes on average, ns a message, median of %d rounds\n", noun, b->n,
	       b->n_bytes / b->n, ROUNDS);
	for (int way = 0; way < WAYS; way++) {
		qsort(took[way], ROUNDS, sizeof(took[way][0]), by_size);
		median[way] = took[way][ROUNDS / 2];
		printf("  %-18s %7.0f (%.0f to %.0f)\n", names[way], median[way], took[way][0], took[way][ROUNDS - 1]);
	}
	arena_fini(&a);
}

int main(int argc, char **argv)
{
	double of_all[WAYS], of_data[WAYS], of_some[WAYS];
	struct bodies all = { 0 }, data, some;
	struct arena kept;

	if (argc != 2) {
		fprintf(stderr, "usage: decode MESSAGES.jsonl\n");
		return 2;
	}
	arena_init(&kept);
	load(argv[1], &kept, &all);
	data = pick(&all, 1, SIZE_MAX);
	some = pick(&all, 5, 8);
	compare("decode, all", &all, of_all);
	compare("decode, data", &data, of_data);
	compare("decode, data of 5 to 8 values", &some, of_some);
	printf("general / cJSON on all   %5.2f (at most 1.5)\nshort / general on data  %5.2f (at most 0.33)\n",
	       of_all[GENERAL] / of_all[LIBRARY], of_data[SHORT] / of_data[GENERAL]);
	free(all.at);
	free(data.at);
	free(some.at);
	arena_fini(&kept);
	return of_all[GENERAL] <= 1.5 * of_all[LIBRARY] && of_data[SHORT] * 3 <= of_data[GENERAL] ? 0 : 1;
}

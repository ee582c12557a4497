/*
 * What reading a message costs: message_read_amqp() with all its checks beside a bare cJSON parse of the three layers,
 * on the recorded messages in the envelope they come in. Both in one run, in turns; medians of the rounds.
 *
 *	decode tests/data/messages.jsonl        exits 1 when the ratio of the medians is over 1.5
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

/* Messages of one batch share an arena, as they do in the daemon. */
static size_t read_all(struct arena *a, const struct bodies *b)
{
	struct message message;
	struct refusal refusal;
	size_t n_samples = 0;

	for (size_t i = 0; i < b->n; i++) {
		if (i % BATCH == 0)
			arena_reset(a);
		must(message_read_amqp(a, b->at[i], TEXT("application/json"), TEXT_NONE, &message, &refusal));
		n_samples += message.kind == MESSAGE_DATA ? message.n_samples : 0;
	}
	return n_samples;
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

int main(int argc, char **argv)
{
	double ours[ROUNDS], theirs[ROUNDS], ratio;
	struct bodies b = { 0 };
	struct arena kept, work;

	if (argc != 2) {
		fprintf(stderr, "usage: decode MESSAGES.jsonl\n");
		return 2;
	}
	arena_init(&kept);
	arena_init(&work);
	load(argv[1], &kept, &b);
	must(read_all(&work, &b) == parse_all(&b));
	for (int round = 0; round < ROUNDS; round++) {
		struct mono start = mono_now(), middle;

		for (int i = 0; i < PASSES; i++)
			read_all(&work, &b);
		middle = mono_now();
		for (int i = 0; i < PASSES; i++)
			parse_all(&b);
		ours[round] = (double)(middle.ns - start.ns) / PASSES / (double)b.n;
		theirs[round] = (double)(mono_now().ns - middle.ns) / PASSES / (double)b.n;
	}
	qsort(ours, ROUNDS, sizeof(*ours), by_size);
	qsort(theirs, ROUNDS, sizeof(*theirs), by_size);
	ratio = ours[ROUNDS / 2] / theirs[ROUNDS / 2];
	printf("decode: %zu messages of %zu bytes on average, median of %d rounds\n", b.n, b.n_bytes / b.n, ROUNDS);
	printf("message_read_amqp  %7.0f ns a message (%.0f to %.0f)\n", ours[ROUNDS / 2], ours[0], ours[ROUNDS - 1]);
	printf("cJSON, bare        %7.0f ns a message (%.0f to %.0f)\n", theirs[ROUNDS / 2], theirs[0],
	       theirs[ROUNDS - 1]);
	printf("ratio              %7.2f (at most 1.5)\n", ratio);
	free(b.at);
	arena_fini(&kept);
	arena_fini(&work);
	return ratio <= 1.5 ? 0 : 1;
}

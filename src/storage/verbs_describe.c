/*
 * Verbs about what is known of a host beside its values: tell it, and take it from elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fileio.h"
#include "base/lock.h"
#include "control/request.h"
#include "ingest/made_up.h"
#include "model/name.h"
#include "model/reason.h"
#include "query/folder.h"
#include "storage/control_verbs.h"
#include "values/wsp_adopt.h"
#include "wire/reply.h"

enum { MESSAGES_MAX = 100000, MESSAGES_MAX_BYTES = 32 << 20, STORED_MAX_BYTES = 4 << 20 };

/* ---- describe ---- */

struct infos_list {
	struct buf *out;
	size_t n;
};

static enum rc add_info(void *argument, struct text plugin, struct text info)
{
	struct infos_list *l = argument;

	buf_add_str(l->out, l->n++ == 0 ? "" : ", ");
	reply_string(l->out, plugin);
	buf_add_str(l->out, ": ");
	reply_string(l->out, info);
	return RC_OK;
}

static enum rc describe(const struct control_view *v, struct text host, struct buf *answer, struct why *why)
{
	struct meta_read read = { .key = { META_HOSTS, TEXT_NONE, host } };
	struct infos_list infos = { .out = answer };
	char folder[FOLDER_MAX_BYTES];
	struct buf stored;
	enum rc rc = folder_find(v->query, host, folder, why);

	if (rc != RC_OK)
		return rc;
	buf_init(&stored, STORED_MAX_BYTES);
	rc = meta_read(v->meta, &read, 1, &stored, why);
	if (rc == RC_OK) {
		buf_add_str(answer, "{\"host\": ");
		reply_string(answer, host);
		buf_add_str(answer, ", \"folder\": ");
		reply_string(answer, text_of(folder));
		buf_add_str(answer, ", \"myinfo\": ");
		if (read.found)
			reply_string(answer, read.value);
		else
			buf_add_str(answer, "null");
		buf_add_str(answer, ", \"infos\": {");
		rc = meta_each(v->meta, META_INFOS, host, add_info, &infos, why);
		buf_add_str(answer, "}}");
	}
	buf_fini(&stored);
	return rc;
}

static enum rc run_describe(void *argument, struct text request, struct buf *answer, struct why *why)
{
	struct arena a;
	struct text host;
	enum rc rc;

	arena_init(&a);
	rc = control_argument_text(&a, request, "host", &host, why);
	if (rc == RC_OK && host.s == NULL)
		rc = because(why, RC_REFUSED, "host: expected a text");
	if (rc == RC_OK)
		rc = name_check_host(host, why);
	if (rc == RC_OK)
		rc = describe(argument, host, answer, why);
	arena_fini(&a);
	return rc;
}

/* ---- adopt_metadata ---- */

/* A batch on its way, and the wait for it. */
struct waiter {
	struct lock lock;
	struct signal signal;
	bool done; /* under lock */
};

static void on_done(struct batch *b, void *argument)
{
	struct waiter *w = argument;

	(void)b;
	lock_take(&w->lock);
	w->done = true;
	signal_all(&w->signal);
	lock_give_back(&w->lock);
}

static void store(struct ingest *ingest, struct batch *b, struct waiter *w)
{
	*w = (struct waiter){ .done = false };
	lock_init(&w->lock);
	signal_init(&w->signal);
	b->done = on_done;
	b->argument = w;
	ingest_submit(ingest, b);
	lock_take(&w->lock);
	while (!w->done)
		signal_wait(&w->signal, &w->lock);
	lock_give_back(&w->lock);
	signal_fini(&w->signal);
	lock_fini(&w->lock);
}

/* Something real is stored of what this message tells. */
static enum rc is_known(struct meta *meta, const struct message *m, bool *known, struct why *why)
{
	struct meta_read read = { .key = m->kind == MESSAGE_MYINFO
						 ? (struct meta_key){ META_HOSTS, TEXT_NONE, m->host }
						 : (struct meta_key){ META_INFOS, m->host, m->plugin } };
	struct buf stored;
	enum rc rc;

	buf_init(&stored, STORED_MAX_BYTES);
	rc = meta_read(meta, &read, 1, &stored, why);
	*known = rc == RC_OK && read.found &&
		 !(m->kind == MESSAGE_MYINFO ? made_up_myinfo(m->host, read.value)
					     : made_up_info(m->plugin, read.value));
	buf_fini(&stored);
	return rc;
}

static enum rc read_staged(const char *root, struct text name, struct buf *out, struct why *why)
{
	struct wsp_adopt folder;
	char path[NAME_MAX_BYTES + 1];
	struct stat st = { .st_size = 0 };
	enum rc rc = name_check_plugin_or_ds(name, why);
	int fd = -1;

	if (rc == RC_OK)
		rc = wsp_adopt_open(root, INT64_MAX, &folder, why);
	if (rc != RC_OK)
		return rc;
	snprintf(path, sizeof(path), "%.*s", TEXT_ARG(name)); /* checked: it has no NUL and is no longer */
	fd = fileio_open_in(folder.staging_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		rc = because(why, errno == ENOENT ? RC_ABSENT : RC_DISK, "open %s: %s", path, strerror(errno));
	else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > MESSAGES_MAX_BYTES)
		rc = because(why, RC_REFUSED, "%s: expected a regular file of at most %d bytes", path,
			     MESSAGES_MAX_BYTES);
	else if (st.st_size > 0)
		rc = fileio_pread(fd, buf_room(out, (size_t)st.st_size), (size_t)st.st_size, 0, why);
	if (rc == RC_OK)
		out->n = (size_t)st.st_size;
	if (fd >= 0)
		close(fd);
	wsp_adopt_close(&folder);
	return rc;
}

static void add_refused(struct buf *out, size_t *n, size_t index, enum reason reason, const char *detail)
{
	buf_addf(out, "%s{\"index\": %zu, \"reason\": \"%s\", \"detail\": ", (*n)++ == 0 ? "" : ", ", index,
		 reason_code(reason));
	reply_string(out, text_of(detail));
	buf_add_str(out, "}");
}

/* Nothing of a message that was handed over is stored. */
static bool is_refused(const struct item *i, enum reason *reason)
{
	const struct message *m = &i->message;
	bool all_samples = i->fate == FATE_STORED && i->decoded && m->n_samples > 0 && m->n_refused == m->n_samples;

	*reason = all_samples ? m->sample[0].reason : i->refusal.reason;
	return all_samples || i->fate == FATE_REJECTED;
}

/* The messages, each of which is stored, left out or refused: those that are no messages here, others by ingest. */
static enum rc take_messages(const struct control_view *v, struct text messages, bool replace, struct buf *answer,
			     struct why *why)
{
	struct batch *b = batch_new(INPUT_HTTP);
	struct waiter waiter;
	size_t n, n_known = 0, n_refused = 0, n_infos = 0, n_stored = 0;
	struct text *document;
	struct buf refused;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	buf_init(&refused, CONTROL_ANSWER_MAX_BYTES / 2);
	rc = message_split(&a, messages, true, MESSAGES_MAX, &document, &n, why);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct item *item = batch_add_http(b, document[i]);
		bool known = false;

		item->tag = i;
		if (!item->decoded) {
			add_refused(&refused, &n_refused, i, item->refusal.reason, item->refusal.detail);
			b->n--;
			continue;
		}
		if (!replace && (item->message.kind == MESSAGE_INFO || item->message.kind == MESSAGE_MYINFO))
			rc = is_known(v->meta, &item->message, &known, why);
		n_known += known;
		b->n -= known;
	}
	b->accepted_s = wall_now().s;
	if (rc == RC_OK && b->n > 0)
		store(v->ingest, b, &waiter);
	for (size_t i = 0; rc == RC_OK && i < b->n; i++) {
		const struct item *item = &b->item[i];
		enum reason reason;

		if (item->fate == FATE_FAILED) {
			rc = because(why, RC_PEER, "%s", b->why.text);
		} else if (is_refused(item, &reason)) {
			add_refused(&refused, &n_refused, (size_t)item->tag, reason, item->refusal.detail);
		} else {
			n_stored++;
			n_infos += item->message.kind == MESSAGE_INFO;
		}
	}
	buf_addf(answer, "{\"stored\": %zu, \"infos\": %zu, \"known\": %zu, \"refused\": [%.*s]}", n_stored, n_infos,
		 n_known, TEXT_ARG(buf_text(&refused)));
	buf_fini(&refused);
	arena_fini(&a);
	batch_free(b);
	return rc;
}

static enum rc run_adopt_metadata(void *argument, struct text request, struct buf *answer, struct why *why)
{
	const struct control_view *v = argument;
	struct text file;
	struct buf messages;
	bool replace = false;
	struct arena a;
	enum rc rc;

	arena_init(&a);
	buf_init(&messages, MESSAGES_MAX_BYTES + 1);
	rc = control_argument_text(&a, request, "file", &file, why);
	if (rc == RC_OK && file.s == NULL)
		rc = because(why, RC_REFUSED, "file: expected a text");
	if (rc == RC_OK)
		rc = control_argument_bool(&a, request, "replace", &replace, why);
	if (rc == RC_OK)
		rc = read_staged(view_config(v)->wsp_path, file, &messages, why);
	if (rc == RC_OK)
		rc = take_messages(v, buf_text(&messages), replace, answer, why);
	buf_fini(&messages);
	arena_fini(&a);
	return rc;
}

static const char *const describe_arguments[] = { "host", NULL };
static const char *const adopt_metadata_arguments[] = { "file", "replace", NULL };

const struct control_verb verb_describe = {
	.name = "describe",
	.argument = describe_arguments,
	.run = run_describe,
};
const struct control_verb verb_adopt_metadata = {
	.name = "adopt_metadata",
	.argument = adopt_metadata_arguments,
	.changes = true,
	.run = run_adopt_metadata,
};

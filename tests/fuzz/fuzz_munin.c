/* What munin-node says: lines and answers keep the promises of their headers, messages made of them are strict JSON. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/name.h"
#include "munin/answer.h"
#include "munin/lines.h"
#include "poller/plugin.h"
#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(void *argument, enum parcel_kind kind, struct text plugin, struct text text)
{
	struct json_value v;

	(void)argument;
	(void)kind;
	must(answer_is_plugin_name(plugin) && name_check_plugin_or_ds(plugin, NULL) == RC_OK);
	must(json_check(text, false, &v, NULL) == RC_OK && v.type == JSON_OBJECT);
}

static void check_answer(const struct answer *a)
{
	size_t n_fields = 0;

	for (const struct answer_graph *g = a->graph; g != NULL; g = g->next)
		for (const struct answer_field *f = g->field; f != NULL; f = f->next) {
			must(name_check_plugin_or_ds(f->name, NULL) == RC_OK);
			must(answer_field(a, g, f->name) == f);
			must(!f->has_value || f->value.n > 0);
			n_fields++;
		}
	must(n_fields == a->n_fields && n_fields <= ANSWER_MAX_FIELDS);
}

/* Bytes in pieces of this size, as `config` or `fetch`. */
static void answer_of(struct answer *a, const uint8_t *data, size_t size, size_t piece, bool is_config)
{
	struct lines l;
	struct text line;

	lines_init(&l);
	answer_begin(a, TEXT("p"), is_config);
	for (size_t at = 0; at < size; at += piece) {
		lines_add(&l, data + at, piece < size - at ? piece : size - at);
		while (lines_next(&l, &line))
			if (answer_take(a, line) != ANSWER_GOES_ON)
				answer_begin(a, TEXT("p"), is_config);
	}
	lines_fini(&l);
	check_answer(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plugin *p = plugin_new(TEXT("p"));
	struct answer config, values;

	answer_setup(&config);
	answer_setup(&values);
	answer_of(&config, data, size, 7, true);
	answer_of(&values, data, size, 4096, false);
	plugin_learn(p, &config, NULL);
	(void)plugin_measure(p, &config, 1000, 600, check_message, NULL);
	(void)plugin_measure(p, &values, 1060, 600, check_message, NULL);
	(void)plugin_tell(&config, &values, check_message, NULL);
	(void)plugin_tell(&values, &values, check_message, NULL);
	answer_teardown(&config);
	answer_teardown(&values);
	plugin_free(p);
	return 0;
}

#include "ctl/probe.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ctl/plain.h"
#include "ctl/when.h"
#include "wire/print_number.h"
#include "wire/reply.h"

enum { STATES = 4 };

void probe_init(struct probe *p)
{
	*p = (struct probe){ .n = 0 };
	arena_init(&p->arena);
}

void probe_fini(struct probe *p)
{
	free(p->finding);
	arena_fini(&p->arena);
	*p = (struct probe){ .n = 0 };
}

void probe_add(struct probe *p, const struct probe_finding *f)
{
	struct probe_finding *own;

	array_grow(&p->finding, &p->capacity, p->n, sizeof(*p->finding));
	own = &p->finding[p->n++];
	*own = *f;
	own->host = arena_text(&p->arena, f->host);
	own->plugin = arena_text(&p->arena, f->plugin);
	own->ds = arena_text(&p->arena, f->ds);
	own->label = arena_text(&p->arena, f->label);
}

static int weight(int state)
{
	static const int weights[STATES] = {
		[PROBE_OK] = 0, [PROBE_UNKNOWN] = 1, [PROBE_WARNING] = 2, [PROBE_CRITICAL] = 3
	};

	return weights[state];
}

int probe_state(const struct probe *p)
{
	int worst = PROBE_OK;

	for (size_t i = 0; i < p->n; i++)
		if (weight(p->finding[i].state) > weight(worst))
			worst = p->finding[i].state;
	return worst;
}

const char *probe_state_name(int state)
{
	static const char *const names[STATES] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

	return names[state];
}

static void add_number(double v, struct buf *out)
{
	char digits[PRINT_NUMBER_MAX_BYTES];
	size_t n = print_number(v, digits);

	if (n > 2 && memcmp(digits + n - 2, ".0", 2) == 0)
		n -= 2;
	buf_add(out, digits, n);
}

/* "myhost/df/_dev_vda", without what all have in common; a `|` would end the text for who reads it. */
static void add_name(const struct probe *p, const struct probe_finding *f, struct buf *out)
{
	struct buf name;

	buf_init(&name, SIZE_MAX);
	if (!p->one_host) {
		buf_add_text(&name, f->host);
		buf_add_str(&name, "/");
	}
	if (!p->one_plugin) {
		buf_add_text(&name, f->plugin);
		buf_add_str(&name, "/");
	}
	buf_add_text(&name, f->ds);
	for (size_t i = 0; i < name.n; i++)
		if (name.at[i] == '|')
			name.at[i] = '!';
	plain_add(out, buf_text(&name));
	buf_fini(&name);
}

static void add_finding(const struct probe *p, const struct probe_finding *f, int64_t now_s, struct buf *out)
{
	const struct limits_range *broken = f->state == PROBE_CRITICAL ? &f->critical : &f->warning;
	char when[WHEN_BYTES];

	add_name(p, f, out);
	if (f->state == PROBE_UNKNOWN) {
		buf_addf(out, f->time_s == 0 ? " has no value" : " is not known, its last value is of %s",
			 when_print_age(f->time_s, now_s, when));
		return;
	}
	buf_add_str(out, " is ");
	add_number(f->value, out);
	if (f->state == PROBE_OK)
		return;
	buf_addf(out, ", %s range ", f->state == PROBE_CRITICAL ? "critical" : "warning");
	limits_print(broken, out);
}

/* 'label'=value;warning;critical: a quote is doubled, and = would end the label. */
static void add_perfdata(const struct probe *p, const struct probe_finding *f, struct buf *out)
{
	struct buf name;

	buf_init(&name, SIZE_MAX);
	add_name(p, f, &name);
	buf_add_str(out, "'");
	for (size_t i = 0; i < name.n; i++) {
		char c = name.at[i] == '=' ? '_' : name.at[i];

		buf_add_str(out, c == '\'' ? "'" : "");
		buf_add(out, &c, 1);
	}
	buf_add_str(out, "'=");
	if (isnan(f->value))
		buf_add_str(out, "U");
	else
		add_number(f->value, out);
	buf_add_str(out, ";");
	limits_print_perfdata(&f->warning, out);
	buf_add_str(out, ";");
	limits_print_perfdata(&f->critical, out);
	buf_fini(&name);
}

static size_t count(const struct probe *p, int state)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->finding[i].state == state;
	return n;
}

/* One alone is named; of several how many there are. */
static void add_summary(const struct probe *p, int64_t now_s, struct buf *out)
{
	static const int order[] = { PROBE_CRITICAL, PROBE_WARNING, PROBE_UNKNOWN, PROBE_OK };
	int worst = probe_state(p);
	bool any = false;

	buf_addf(out, "%s - ", probe_state_name(worst));
	if (p->n == 0) {
		buf_add_str(out, "nothing has a warning or critical range");
		return;
	}
	if (p->n == 1 || (worst != PROBE_OK && count(p, PROBE_OK) + 1 == p->n))
		for (size_t i = 0; i < p->n; i++)
			if (p->finding[i].state == worst) {
				add_finding(p, &p->finding[i], now_s, out);
				any = true;
			}
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		size_t n = count(p, order[i]);

		if (n == 0 || (any && order[i] == worst))
			continue;
		buf_addf(out, "%s%zu %s", any ? ", " : "", n, probe_state_name(order[i]));
		any = true;
	}
}

void probe_print(const struct probe *p, int64_t now_s, struct buf *out)
{
	add_summary(p, now_s, out);
	for (size_t i = 0; i < p->n; i++) {
		buf_add_str(out, i == 0 ? "|" : " ");
		add_perfdata(p, &p->finding[i], out);
	}
	buf_add_str(out, "\n");
	for (size_t i = 0; i < p->n; i++) {
		const struct probe_finding *f = &p->finding[i];

		if (f->state == PROBE_OK)
			continue;
		buf_addf(out, "%s: ", probe_state_name(f->state));
		add_finding(p, f, now_s, out);
		if (f->label.n > 0 && !text_equal(f->label, f->ds)) {
			buf_add_str(out, " (");
			plain_add(out, f->label);
			buf_add_str(out, ")");
		}
		buf_add_str(out, "\n");
	}
}

static void add_range_json(const char *name, const struct limits_range *r, struct buf *out)
{
	buf_addf(out, ", \"%s\": ", name);
	if (!r->is_there) {
		buf_add_str(out, "null");
		return;
	}
	buf_add_str(out, "{\"min\": ");
	reply_number(out, r->min);
	buf_add_str(out, ", \"max\": ");
	reply_number(out, r->max);
	buf_add_str(out, "}");
}

void probe_print_json(const struct probe *p, struct buf *out)
{
	buf_addf(out, "{\"state\": \"%s\", \"checked\": [", probe_state_name(probe_state(p)));
	for (size_t i = 0; i < p->n; i++) {
		const struct probe_finding *f = &p->finding[i];

		buf_add_str(out, i == 0 ? "\n  {\"host\": " : ",\n  {\"host\": ");
		reply_string(out, f->host);
		buf_add_str(out, ", \"plugin\": ");
		reply_string(out, f->plugin);
		buf_add_str(out, ", \"ds\": ");
		reply_string(out, f->ds);
		buf_add_str(out, ", \"label\": ");
		reply_string(out, f->label);
		buf_addf(out, ", \"state\": \"%s\", \"value\": ", probe_state_name(f->state));
		reply_number(out, f->value);
		if (f->time_s == 0)
			buf_add_str(out, ", \"time\": null");
		else
			buf_addf(out, ", \"time\": %lld", (long long)f->time_s);
		add_range_json("warning", &f->warning, out);
		add_range_json("critical", &f->critical, out);
		buf_add_str(out, "}");
	}
	buf_add_str(out, p->n == 0 ? "]}\n" : "\n]}\n");
}

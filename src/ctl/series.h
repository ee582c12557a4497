/*
 * Values of a plugin over a span of time, as /values answers them.
 */
#ifndef CTL_SERIES_H
#define CTL_SERIES_H

#include "ctl/answer.h"

/* What is not asked for is NULL. */
struct series_asked {
	const char *host, *plugin;
	const char *ds;           /* comma list; NULL: all there are */
	const char *from, *until; /* as the REST API takes them, and dates */
	const char *res, *max_points;
};

enum { SERIES_TIME_BYTES = 32 };

struct series_column {
	struct text ds;
	struct text *value; /* of each slot, as it was answered; s == NULL: not known */
};

struct series {
	struct answer answer;
	struct json_value datas; /* as it was answered */
	int64_t start_s, step_s, now_s;
	size_t n_slots, n_columns;
	struct series_column *column;
};

/* Where neither from nor res is asked for: from so long before until, or before now. */
void series_default_from(struct series_asked *asked, int64_t span_s, char room[SERIES_TIME_BYTES]);

/*
 * Errors, said already: EXIT_NOT_FINE no such host, plugin or data source, EXIT_UNUSABLE a bad span of time, no daemon.
 * Either way the caller ends out with series_close().
 */
CHECKED int series_ask(struct ctl *ctl, const struct series_asked *asked, struct series *out);
/*
 * The same for who copes with a plugin without values, or without a name: RC_ABSENT then, nothing said, EXIT_NOT_FINE.
 */
CHECKED int series_try(struct ctl *ctl, const struct series_asked *asked, struct series *out, enum rc *rc);
void series_close(struct series *s);

/* The slot's value; NAN: not known. */
double series_value(const struct series *s, size_t column, size_t slot);
/* As short as reads back: 3, 0.25, 1e+20; s == NULL: not known. */
struct text series_text(const struct series *s, size_t column, size_t slot);

/* The first of a comma list that no column has; TEXT_NONE: all are there, or list is NULL. */
struct text series_missing(const struct series *s, const char *list);

#endif

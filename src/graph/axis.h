/*
 * Axes: which values and times get a tick, and how they are written. Sans I/O; times in the zone of the process.
 */
#ifndef GRAPH_AXIS_H
#define GRAPH_AXIS_H

#include <stddef.h>
#include <stdint.h>

enum { AXIS_MAX_TICKS = 64, AXIS_LABEL_BYTES = 32 };

struct axis_tick {
	double at; /* a value, or Unix seconds */
	char label[AXIS_LABEL_BYTES];
};

struct axis {
	double low, high; /* the ends; high > low */
	struct axis_tick tick[AXIS_MAX_TICKS];
	size_t n_ticks;
};

/*
 * Ends that take low and high in, on ticks of which there are about `wanted`, at round numbers of base 1000 or 1024
 * (1, 2 or 5 times a power of ten, of 1024 a multiple of such). Finite, low ≤ high.
 */
void axis_of_values(double low, double high, unsigned base, unsigned wanted, struct axis *out);

/*
 * low_s and high_s are the ends; ticks at round times of the clock and calendar, at most `wanted`: minutes, hours, midnights,
 * Mondays, firsts of months, years.
 */
void axis_of_times(int64_t low_s, int64_t high_s, unsigned wanted, struct axis *out);

/* "1.23 k", "512 Mi" with base 1024 as munin: "512 M". At least three digits count; NAN is "-". */
void axis_print_value(double v, unsigned base, char out[AXIS_LABEL_BYTES]);

/* "2014-05-13 17:53" */
void axis_print_time(int64_t t_s, char out[AXIS_LABEL_BYTES]);

#endif

/*
 * The tables of options of numeter-poller, one a section; fields of struct poller_config.
 * Source: docs/spec/poller.md.
 */
#ifndef CONFIG_POLLER_OPTION_H
#define CONFIG_POLLER_OPTION_H

#include "config/option.h"

enum { POLLER_SECTIONS = 3 };

struct poller_section {
	const char *name;
	const struct option_table *table;
};

extern const struct poller_section poller_section[POLLER_SECTIONS];

#endif

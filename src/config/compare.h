/*
 * What differs between two configurations: for a reload, which takes over what it can and names the rest.
 */
#ifndef CONFIG_COMPARE_H
#define CONFIG_COMPARE_H

#include "config/config.h"

struct config_difference {
	const char *key;      /* of [global], or "[archives NAME]" for a whole section */
	const char *was, *is; /* as they would stand in a file; "***" of a secret. Of a section: both "" */
	bool reloadable;      /* as the table of options has it; sections are */
};

/* Texts are borrowed for the call. */
typedef void config_difference_fn(void *argument, const struct config_difference *d);

/*
 * Call fn for each option of [global] whose value differs, in the table's order, then for each [archives NAME] section that
 * is new, gone, or says something else, then once as "[archives]" when only their order differs.
 */
void config_compare(const struct config *was, const struct config *is, config_difference_fn *fn, void *argument);

#endif

/*
 * Which host, plugin or series somebody means, and where a host's files are. Private to upkeep/.
 */
#ifndef UPKEEP_TARGET_H
#define UPKEEP_TARGET_H

#include "upkeep/state.h"

/* "HOST", "HOST/PLUGIN" or "HOST/PLUGIN/DS" taken apart; what is not named is TEXT_NONE. */
struct target {
	struct text host, plugin, ds;
};
/* The i-th way to take it apart, 0 to 2 (a hostID may hold slashes); false: there is none, or a name is outside the rules. */
bool target_split(struct text what, unsigned i, struct target *out);

/*
 * The first way to read it of which the host is known. Errors: RC_ABSENT no such host, or a plugin that it has not; RC_PEER,
 * RC_DISK.
 */
CHECKED enum rc target_find(const struct upkeep *u, struct text what, struct target *out, struct why *why);

/* The folder of a host, by the rule when the metadata store has none. Errors: RC_PEER, RC_DISK. */
CHECKED enum rc target_folder(const struct upkeep *u, struct text host, char folder[FOLDER_MAX_BYTES], struct why *why);
/* Errors: RC_REFUSED another host's folder is this one, or lies in it · RC_PEER, RC_DISK */
CHECKED enum rc target_folder_is_alone(const struct upkeep *u, struct text host, struct text folder, struct why *why);
/* The same, and it lies in no other host's either. */
CHECKED enum rc target_folder_is_free(const struct upkeep *u, struct text host, struct text folder, struct why *why);

#endif

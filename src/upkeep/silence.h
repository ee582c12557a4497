/*
 * When hosts, plugins and files were last heard of: by what was accepted since the start (journal and cache are in that),
 * by infos, and where that does not do, by the newest slots of the files. The time of a file's last change is never asked.
 * Private to upkeep/.
 */
#ifndef UPKEEP_SILENCE_H
#define UPKEEP_SILENCE_H

#include "base/map.h"
#include "upkeep/state.h"

/* All series' newest times, taken once for many questions. */
struct silence {
	const struct upkeep *u;
	int64_t *source_s; /* by source */
	struct map host;   /* → element of source_s */
	struct map plugin; /* host NUL plugin → element of source_s */
};

void silence_take(struct silence *s, const struct upkeep *u);
void silence_fini(struct silence *s);

/* Since the start, infos included; 0: not. */
int64_t silence_host_since_start(const struct silence *s, struct text host);
int64_t silence_plugin_since_start(const struct silence *s, struct text host, struct text plugin);

/* The same of one host, or one of its plugins, as of this moment. */
int64_t silence_host_now(const struct upkeep *u, struct text host);
int64_t silence_plugin_now(const struct upkeep *u, struct text host, struct text plugin);
int64_t silence_series_now(const struct upkeep *u, struct text host, struct text plugin, struct text ds);

/*
 * The newest time in the files below a folder of the tree, "0c/myhost" or "0c/myhost/plugin"; the first that is not before
 * enough_s ends it. 0: none, also where a link stands in the way.
 * Errors   RC_DISK
 */
CHECKED enum rc silence_in_files(const struct upkeep *u, struct text folder, int64_t enough_s, int64_t *newest_s,
				 struct why *why);
/* Of one file. What is damaged holds nothing. */
int64_t silence_in_file(int dir_fd, const char *name);

#endif

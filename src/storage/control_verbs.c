#include "storage/control_verbs.h"

#include "base/mem.h"

const struct control_verb *const control_verbs[] = {
	&verb_status,
	&verb_flush,
	&verb_reload,
	/* verbs_query.c */
	&verb_hosts,
	&verb_list,
	&verb_info,
	&verb_data,
	&verb_values,
	&verb_last_seen,
	&verb_plugin_counts,
	/* verbs_files.c */
	&verb_resize,
	&verb_repair,
	&verb_copy,
	/* verbs_metadata.c */
	&verb_metadata,
	&verb_metadata_set,
	/* verbs_import.c */
	&verb_adopt,
	&verb_adopt_metadata,
	/* verbs_describe.c */
	&verb_describe,
	/* verbs_upkeep.c */
	&verb_clean,
	&verb_delete,
	&verb_restore,
	&verb_rename,
};

const size_t control_n_verbs = ARRAY_LEN(control_verbs);

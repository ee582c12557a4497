#include "storage/control_verbs.h"

const struct control_verb *const control_verbs[CONTROL_N_VERBS] = {
	&verb_status, &verb_flush,  &verb_hosts,     &verb_list,          &verb_info,
	&verb_data,   &verb_values, &verb_last_seen, &verb_plugin_counts,
};

#include "storage/control_verbs.h"

const struct control_verb *const control_verbs[CONTROL_N_VERBS] = {
	&verb_status, &verb_flush, &verb_resize, &verb_repair, &verb_copy, &verb_metadata, &verb_metadata_set,
};

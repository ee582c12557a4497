#include "storage/control_verbs.h"

const struct control_verb *const control_verbs[CONTROL_N_VERBS] = {
	&verb_status, &verb_flush, &verb_clean, &verb_delete, &verb_restore, &verb_rename,
};

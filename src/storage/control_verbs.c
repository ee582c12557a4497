#include "storage/control_verbs.h"

const struct control_verb *const control_verbs[CONTROL_N_VERBS] = {
	&verb_status, &verb_flush, &verb_adopt, &verb_adopt_metadata, &verb_describe,
};

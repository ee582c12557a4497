#include "model/reason.h"

static const struct {
	const char *code, *help;
} row[] = { { "", "" },
#define REASON_ROW(id, code, help) { code, help },
	    REASON_TABLE(REASON_ROW)
#undef REASON_ROW
};

const char *reason_code(enum reason r)
{
	return row[r].code;
}

const char *reason_help(enum reason r)
{
	return row[r].help;
}

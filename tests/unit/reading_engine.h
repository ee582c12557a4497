/* An engine that has accepted nothing, in a folder of its own: all is read from the values below it. */
#ifndef TESTS_UNIT_READING_ENGINE_H
#define TESTS_UNIT_READING_ENGINE_H

#include <stdio.h>
#include <stdlib.h>

#include "engine/engine.h"
#include "test.h"

struct reading_engine {
	char path[32];
	struct engine *engine;
};

static inline void reading_engine_open(struct reading_engine *r, struct values *values)
{
	strcpy(r->path, "/tmp/numeter-read-XXXXXX");
	assert_non_null(mkdtemp(r->path));
	assert_int_equal(engine_open(&(struct engine_options){ .values = values,
							       .journal_path = r->path,
							       .journal_commit_ms = 10,
							       .journal_commit_bytes = 1,
							       .journal_max_bytes = 1 << 20,
							       .cache_max_bytes = 1 << 20 },
				     &r->engine, NULL),
			 RC_OK);
}

static inline void reading_engine_close(struct reading_engine *r)
{
	char command[64];

	engine_close(r->engine);
	snprintf(command, sizeof(command), "rm -rf '%s'", r->path);
	assert_int_equal(system(command), 0);
}

#endif

/* Any bytes as a data message: what the short way takes, in every variant, the general way reads alike. */
#include "support/same_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;

	arena_init(&a);
	must_agree(&a, (struct text){ (const char *)data, size });
	arena_fini(&a);
	return 0;
}

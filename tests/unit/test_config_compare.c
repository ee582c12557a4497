#include "test.h"

#include <string.h>

#include "base/mem.h"
#include "config/compare.h"

static void note(void *argument, const struct config_difference *d)
{
	char *at = (char *)argument + strlen(argument);

	snprintf(at, 300, "%s: %s -> %s%s\n", d->key, d->was, d->is, d->reloadable ? " now" : "");
}

static void check(const char *was, const char *is, const char *expected)
{
	char said[4096] = "";
	struct config a, b;

	assert_int_equal(config_parse(text_of(was), "a", &a, NULL, NULL, NULL), RC_OK);
	assert_int_equal(config_parse(text_of(is), "b", &b, NULL, NULL, NULL), RC_OK);
	config_compare(&a, &b, note, said);
	assert_string_equal(said, expected);
	config_fini(&a);
	config_fini(&b);
}

static const struct {
	const char *was, *is, *expected;
} pairs[] = {
	{ "", "[global]\nenable = false\nlog_level = WARNING\n", "" },
	{ "[global]\nlog_level = debug\n", "[global]\nwsp_path = /x\n",
	  "log_level: debug -> warning now\nwsp_path: /var/lib/numeter/wsps -> /x\n" },
	{ "[global]\nrpc_password = secret1\n", "[global]\nrpc_password = secret2\nhttp_ingest_token = secret3\n",
	  "rpc_password: *** -> ***\nhttp_ingest_token:  -> *** now\n" },
	{ "[global]\nrpc_queue_type = quorum\nhttp_listen = unix:/a\n", "[global]\nhttp_listen = unix:/b\n",
	  "rpc_queue_type: quorum -> classic\nhttp_listen: unix:/a -> unix:/b\n" },
	{ "[global]\n[archives a]\nhost = x\n[archives b]\nhost = y\n",
	  "[global]\n[archives a]\nhost = z\n[archives c]\nhost = y\n",
	  "[archives a]:  ->  now\n[archives c]:  ->  now\n[archives b]:  ->  now\n" },
	{ "[archives a]\nhost = x\n[archives b]\nhost = y\n", "[archives b]\nhost = y\n[archives a]\nhost = x\n",
	  "[archives]:  ->  now\n" },
	{ "[archives a]\nhost = x\n", "[archives a]\nhost = x\nxff = 0.5\n", "" },
};

static void names_what_differs_and_no_secret(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		check(pairs[i].was, pairs[i].is, pairs[i].expected);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_what_differs_and_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

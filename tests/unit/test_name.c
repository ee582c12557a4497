#include "test.h"

#include <stdio.h>
#include <string.h>

#include "model/name.h"

static void names_by_the_rules(void **state)
{
	char long_name[253];

	memset(long_name, 'x', sizeof(long_name));
	assert_int_equal(name_check_host(TEXT("host \"two\".example/dc'1"), NULL), RC_OK);
	assert_int_equal(name_check_plugin_or_ds(TEXT("ip_127.0.0.1"), NULL), RC_OK);
	assert_int_equal(name_check_plugin_or_ds(TEXT("caf\xC3\xA9"), NULL), RC_OK);
	assert_int_equal(name_check_plugin_or_ds((struct text){ long_name, 251 }, NULL), RC_OK);
	assert_int_equal(name_check_plugin_or_ds((struct text){ long_name, 252 }, NULL), RC_REFUSED);

	static const struct text refused[] = { TEXT_INIT(""),        TEXT_INIT("."),     TEXT_INIT(".."),
					       TEXT_INIT("a/b"),     TEXT_INIT("../up"), TEXT_INIT("a\nb"),
					       TEXT_INIT("n\0ul"),   TEXT_INIT("a\x7F"), TEXT_INIT("\xFF"),
					       TEXT_INIT("\xC2\x85") };

	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_int_equal(name_check_plugin_or_ds(refused[i], NULL), RC_REFUSED);
	assert_int_equal(name_check_host(TEXT("."), NULL), RC_REFUSED);
	assert_int_equal(name_check_host(TEXT(".."), NULL), RC_REFUSED);
	assert_int_equal(name_check_host(TEXT("..."), NULL), RC_OK);
	(void)state;
}

static void folders_by_the_rule(void **state)
{
	char folder[FOLDER_MAX_BYTES], long_name[251];

	name_folder(TEXT("myhost-123456"), 2, false, folder);
	assert_string_equal(folder, "0c/myhost-123456");
	name_folder(TEXT("host \"two\".example/dc'1"), 2, false, folder);
	assert_string_equal(folder, "cc/hosttwoexampledc1");
	name_folder(TEXT("h39.x"), 2, false, folder);
	assert_string_equal(folder, "a7/h39x");
	name_folder(TEXT("h.39x"), 2, false, folder);
	assert_string_equal(folder, "a7/h39x");
	name_folder(TEXT("h.39x"), 2, true, folder);
	assert_memory_equal(folder, "a7/h39x-a7", 10);
	assert_int_equal(strlen(folder), strlen("a7/h39x-") + 8);
	name_folder(TEXT("..."), 32, false, folder);
	assert_int_equal(folder[33], '-');
	memset(long_name, 'x', sizeof(long_name));
	name_folder((struct text){ long_name, sizeof(long_name) }, 2, true, folder);
	assert_int_equal(strlen(folder), 3 + 255);
	(void)state;
}

static void folder_below_the_root(void **state)
{
	static const struct {
		const char *path, *root, *below;
	} cases[] = {
		{ "/srv/wsps/0c/h", "/srv/wsps", "0c/h" },
		{ "/srv/wsps/0c/h/", "/srv/wsps/", "0c/h" },
		{ "/srv/wsps//0c/h", "/srv/wsps/", "0c/h" },
		{ "/srv//wsps/0c/h", "/srv/wsps", "0c/h" },
		{ "/srv/wsps/0c/h", "//srv//wsps//", "0c/h" },
		{ "/0c/h", "/", "0c/h" },
		{ "/srvwsps/0c/h", "/srv/wsps", NULL },
		{ "/srv/wsps2/0c/h", "/srv/wsps", NULL },
		{ "/srv/wsps", "/srv/wsps", NULL },
		{ "/srv/wsps/", "/srv/wsps", NULL },
		{ "/srv/wsps/../x", "/srv/wsps", NULL },
		{ "/srv/wsps/0c//h", "/srv/wsps", NULL },
		{ "/srv/wsps/.tmp/h", "/srv/wsps", NULL },
		{ "0c/h", "/srv/wsps", NULL },
		{ "", "/srv/wsps", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct text t = name_folder_below(text_of(cases[i].path), text_of(cases[i].root));

		if (cases[i].below == NULL ? t.n != 0 : !text_is(t, cases[i].below))
			fail_msg("%s below %s gave \"%.*s\"", cases[i].path, cases[i].root, TEXT_ARG(t));
	}
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_by_the_rules),
		cmocka_unit_test(folders_by_the_rule),
		cmocka_unit_test(folder_below_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

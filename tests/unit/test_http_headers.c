#include "test.h"

#include "http/headers.h"

static void gzip_when_asked(void **state)
{
	static const struct {
		const char *accept;
		bool gzip;
	} cases[] = {
		{ NULL, false },
		{ "", false },
		{ "gzip", true },
		{ "GZIP", true },
		{ "deflate, gzip;q=1.0, *;q=0.5", true },
		{ "gzip;q=0", false },
		{ "gzip; q=0.000", false },
		{ "gzip;q=0.001", true },
		{ "x-gzip", true },
		{ "gzipped", false },
		{ "identity", false },
		{ "identity;q=1, gzip;q=0.5", false },
		{ "identity;q=0.5, gzip;q=1", true },
		{ "identity;q=0, *", true },
		{ "*", true },
		{ "*;q=0", false },
		{ "br, *;q=0.1", true },
		{ "gzip;q=0, *", false },
		{ "br;q=1.0, gzip;q=0.8, *;q=0.1", true },
		{ "gzip;q=nonsense", true },
		{ ",,;,gzip", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (headers_want_gzip(text_of(cases[i].accept)) != cases[i].gzip)
			fail_msg("Accept-Encoding: %s", cases[i].accept);
	(void)state;
}

static void etags_are_compared_weakly(void **state)
{
	static const struct {
		const char *if_none_match;
		bool named;
	} cases[] = {
		{ "W/\"12\"", true }, { "\"12\"", true }, { "\"11\", W/\"12\" , \"13\"", true },
		{ "*", true },        { "\"1\"", false }, { "\"123\"", false },
		{ "12", false },      { "", false },      { NULL, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (headers_names_etag(text_of(cases[i].if_none_match), TEXT("W/\"12\"")) != cases[i].named)
			fail_msg("If-None-Match: %s", cases[i].if_none_match);
	(void)state;
}

static void media_types(void **state)
{
	static const struct {
		const char *type;
		enum media media;
	} cases[] = {
		{ NULL, MEDIA_NONE },
		{ "application/json", MEDIA_JSON },
		{ "Application/JSON ; charset=UTF-8", MEDIA_JSON },
		{ "application/json; charset=\"utf-8\"; x=y", MEDIA_JSON },
		{ "application/json; charset=latin-1", MEDIA_OTHER },
		{ "application/x-ndjson", MEDIA_NDJSON },
		{ "application/ndjson; charset=utf8", MEDIA_NDJSON },
		{ "application/x-www-form-urlencoded", MEDIA_OTHER },
		{ "text/plain", MEDIA_OTHER },
		{ "", MEDIA_OTHER },
		{ "application/jsonp", MEDIA_OTHER },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (headers_media(text_of(cases[i].type)) != cases[i].media)
			fail_msg("Content-Type: %s", cases[i].type);
	(void)state;
}

static void request_codings(void **state)
{
	assert_int_equal(headers_coding(TEXT_NONE), CODING_NONE);
	assert_int_equal(headers_coding(TEXT("identity")), CODING_NONE);
	assert_int_equal(headers_coding(TEXT(" gzip ")), CODING_GZIP);
	assert_int_equal(headers_coding(TEXT("X-Gzip")), CODING_GZIP);
	assert_int_equal(headers_coding(TEXT("gzip, gzip")), CODING_OTHER);
	assert_int_equal(headers_coding(TEXT("br")), CODING_OTHER);
	(void)state;
}

static void bearers(void **state)
{
	static const struct {
		const char *authorization;
		bool good;
	} cases[] = {
		{ "Bearer s3cret", true },
		{ "bearer   s3cret ", true },
		{ "Bearer s3cre", false },
		{ "Bearer s3crets", false },
		{ "Bearer S3cret", false },
		{ "Basic s3cret", false },
		{ "Bearer", false },
		{ "s3cret", false },
		{ "", false },
		{ NULL, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (headers_bear(text_of(cases[i].authorization), TEXT("s3cret")) != cases[i].good)
			fail_msg("Authorization: %s", cases[i].authorization);
	(void)state;
}

static void html_when_it_is_named(void **state)
{
	static const struct {
		const char *accept;
		bool html;
	} cases[] = {
		{ NULL, false },
		{ "", false },
		{ "*/*", false },
		{ "text/*", false },
		{ "text/html", true },
		{ "text/html;q=0", false },
		{ "text/htmlx", false },
		{ "image/png, Text/HTML ; q=0.1", true },
		{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (headers_want_html(text_of(cases[i].accept)) != cases[i].html)
			fail_msg("%s", cases[i].accept);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip_when_asked),           cmocka_unit_test(html_when_it_is_named),
		cmocka_unit_test(etags_are_compared_weakly), cmocka_unit_test(media_types),
		cmocka_unit_test(request_codings),           cmocka_unit_test(bearers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

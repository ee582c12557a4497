#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

struct warnings {
	char text[4096];
};

static void keep_warning(void *argument, const char *text)
{
	struct warnings *w = argument;

	strncat(w->text, text, sizeof(w->text) - strlen(w->text) - 1);
	strncat(w->text, "\n", sizeof(w->text) - strlen(w->text) - 1);
}

/* What config_print() says; the caller frees it. */
static char *printed(const struct config *c, bool with_secrets)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	config_print(c, with_secrets, out);
	fclose(out);
	return text;
}

static struct config parsed(const char *content)
{
	struct config c;
	struct why why = { "" };

	if (config_parse(text_of(content), "f", &c, NULL, NULL, &why) != RC_OK)
		fail_msg("refused: %s", why.text);
	return c;
}

static void check_refused(const char *content, const char *expected)
{
	struct config c = { .rpc_hosts.n = 77 };
	struct why why = { "" };

	if (config_parse(text_of(content), "f", &c, NULL, NULL, &why) != RC_REFUSED)
		fail_msg("taken: %s", content);
	assert_string_equal(why.text, expected);
	assert_int_equal(c.rpc_hosts.n, 77); /* untouched */
}

/* The defaults, but for storage_name. */
static const char *const defaults[] = {
	"enable = false",
	"user = numeter",
	"group = numeter",
	"log_level = warning",
	"log_level_stdr = critical",
	"log_path = /var/log/numeter/numeter-storage.log",
	"rpc_hosts = 127.0.0.1",
	"rpc_user = guest",
	"rpc_password = guest",
	"rpc_vhost = /",
	"rpc_exchange = numeter",
	"rpc_prefetch = 2000",
	"rpc_durable = false",
	"rpc_queue_type = classic",
	"rpc_ssl = false",
	"rpc_ssl_ca =",
	"rpc_ssl_cert =",
	"rpc_ssl_key =",
	"rpc_ssl_verify = true",
	"host_list_file = /etc/numeter/host-list",
	"unbind_delay_s = 10",
	"metadata = redis",
	"redis_storage_host = 127.0.0.1",
	"redis_storage_port = 6379",
	"redis_storage_timeout = 5",
	"redis_storage_password =",
	"redis_storage_db = 2",
	"wsp_path = /var/lib/numeter/wsps",
	"wsp_path_md5_char = 2",
	"wsp_clean_time = 48",
	"wsp_delete = false",
	"host_gone_days = 400",
	"trash_path =",
	"trash_days = 7",
	"archives = 60:1440, 300:2016, 600:4608, 3600:8784",
	"wsp_allocate = reserve",
	"max_future_s = 600",
	"max_series_per_host = 0",
	"max_series = 0",
	"max_new_series_per_minute = 0",
	"rejected_path = /var/lib/numeter/rejected",
	"rejected_max_bytes = 100MB",
	"quarantine_path =",
	"journal_path = /var/lib/numeter/journal",
	"journal_commit_ms = 10",
	"journal_commit_bytes = 256k",
	"journal_max_bytes = 4G",
	"cache_max_bytes = 1G",
	"flush_interval_s = 600",
	"coarse_delay_s = 0",
	"http_listen = 127.0.0.1:8081",
	"http_socket_mode = 0660",
	"http_cors_origin =",
	"access_log =",
	"http_ingest = false",
	"http_ingest_token =",
	"http_ingest_max_bytes = 16M",
	"res_windows = intended",
	"carbon_listen =",
	"control_socket = /run/numeter/numeter-storage.sock",
	"self_metrics = false",
};

static bool has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line))
		if ((at == text || at[-1] == '\n') && at[n] == '\n')
			return true;
	return false;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void absent_keys_are_their_defaults(void **state)
{
	struct config c = parsed("");
	char *text = printed(&c, true), host[256];

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		if (!has_line(text, defaults[i]))
			fail_msg("no line \"%s\" in:\n%s", defaults[i], text);
	assert_int_equal(count_lines(text), ARRAY_LEN(defaults) + 2); /* [global], storage_name */
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	assert_string_equal(c.storage_name, host);
	free(text);
	config_fini(&c);
	(void)state;
}

static void fields_hold_the_defaults(void **state)
{
	struct config c = parsed("");

	assert_false(c.enable);
	assert_int_equal(c.log_level, LOG_LEVEL_WARNING);
	assert_int_equal(c.log_level_stdr, LOG_LEVEL_CRITICAL);
	assert_int_equal(c.rpc_hosts.n, 1);
	assert_string_equal(c.rpc_hosts.at[0].host, "127.0.0.1");
	assert_int_equal(c.rpc_hosts.at[0].port, 0);
	assert_string_equal(c.rpc_password, "guest");
	assert_false(c.rpc_quorum);
	assert_true(c.rpc_ssl_verify);
	assert_null(c.rpc_ssl_ca);
	assert_int_equal(c.redis_timeout_s, 5);
	assert_int_equal(c.redis_db, 2);
	assert_null(c.redis_password);
	assert_int_equal(c.metadata, CONFIG_METADATA_REDIS);
	assert_null(c.sqlite_path);
	assert_int_equal(c.wsp_clean_time_h, 48);
	assert_false(c.wsp_sparse);
	assert_int_equal(c.n_http_listen, 1);
	assert_string_equal(c.http_listen[0].address, "127.0.0.1");
	assert_int_equal(c.http_listen[0].port, 8081);
	assert_null(c.http_listen[0].unix_path);
	assert_int_equal(c.http_socket_mode, 0660);
	assert_null(c.http_ingest_token);
	assert_int_equal(c.http_ingest_max_bytes, 16 * 1024 * 1024);
	assert_null(c.carbon_listen);
	assert_int_equal(c.rejected_max_bytes, 100000000);
	assert_null(c.quarantine_path);
	assert_int_equal(c.journal_commit_bytes, 256 * 1024);
	assert_int_equal(c.journal_max_bytes, INT64_C(4) << 30);
	assert_int_equal(c.cache_max_bytes, 1 << 30);
	assert_int_equal(c.res_windows, CONFIG_RES_INTENDED);
	assert_int_equal(c.schema.n_rules, 0);
	assert_memory_equal(&c.schema.otherwise, &retention_default, sizeof(retention_default));
	config_fini(&c);
	(void)state;
}

/* of 107 bytes: the longest of a Unix socket */
#define LONG_PATH                                                                                                      \
	"/45678901234567890123456789012345678901234567890123456789"                                                    \
	"01234567890123456789012345678901234567890123456789"

static const struct {
	const char *line;    /* as in [global] */
	const char *printed; /* as config_print() writes it */
} taken[] = {
	{ "enable = TRUE", "enable = true" },
	{ "enable = Yes", "enable = true" },
	{ "enable = on", "enable = true" },
	{ "enable = 1", "enable = true" },
	{ "rpc_ssl_verify = OFF", "rpc_ssl_verify = false" },
	{ "rpc_ssl_verify = no", "rpc_ssl_verify = false" },
	{ "rpc_ssl_verify = 0", "rpc_ssl_verify = false" },
	{ "rpc_ssl_verify = False", "rpc_ssl_verify = false" },
	{ "user = root", "user = root" },
	{ "group = root", "group = root" },
	{ "log_level = DEBUG", "log_level = debug" },
	{ "log_level_stdr = info", "log_level_stdr = info" },
	{ "log_path = /l", "log_path = /l" },
	{ "storage_name = storage1", "storage_name = storage1" },
	{ "rpc_hosts = a:5672, b, [::1]:5673", "rpc_hosts = a:5672, b, [::1]:5673" },
	{ "rpc_hosts = ::1", "rpc_hosts = [::1]" },
	{ "rpc_hosts = [fe80::1%eth0]:1,x:65535", "rpc_hosts = [fe80::1%eth0]:1, x:65535" },
	{ "rpc_hosts =", "rpc_hosts =" },
	{ "rpc_hosts = \"\"", "rpc_hosts =" },
	{ "rpc_user = u", "rpc_user = u" },
	{ "rpc_password = a#b;c%(d)s=e", "rpc_password = a#b;c%(d)s=e" },
	{ "rpc_vhost = v", "rpc_vhost = v" },
	{ "rpc_exchange = caf\xC3\xA9", "rpc_exchange = caf\xC3\xA9" },
	{ "rpc_prefetch = 1", "rpc_prefetch = 1" },
	{ "rpc_prefetch = 65535", "rpc_prefetch = 65535" },
	{ "rpc_durable = true", "rpc_durable = true" },
	{ "rpc_queue_type = Quorum", "rpc_queue_type = quorum" },
	{ "rpc_ssl = true", "rpc_ssl = true" },
	{ "rpc_ssl_ca = /ca", "rpc_ssl_ca = /ca" },
	{ "host_list_file = /h", "host_list_file = /h" },
	{ "metadata = REDIS", "metadata = redis" },
	{ "metadata = sqlite:/x/y z.db", "metadata = sqlite:/x/y z.db" },
	{ "redis_storage_host = /run/redis.sock", "redis_storage_host = /run/redis.sock" },
	{ "redis_storage_host = ::1", "redis_storage_host = ::1" },
	{ "redis_storage_port = 1", "redis_storage_port = 1" },
	{ "redis_storage_port = 65535", "redis_storage_port = 65535" },
	{ "redis_storage_timeout = 1", "redis_storage_timeout = 1" },
	{ "redis_storage_timeout = 3600", "redis_storage_timeout = 3600" },
	{ "redis_storage_password = p w", "redis_storage_password = p w" },
	{ "redis_storage_db = 0", "redis_storage_db = 0" },
	{ "redis_storage_db = 65535", "redis_storage_db = 65535" },
	{ "wsp_path = /w", "wsp_path = /w" },
	{ "wsp_path_md5_char = 1", "wsp_path_md5_char = 1" },
	{ "wsp_path_md5_char = 032", "wsp_path_md5_char = 32" },
	{ "wsp_clean_time = 1", "wsp_clean_time = 1" },
	{ "wsp_clean_time = 87600", "wsp_clean_time = 87600" },
	{ "wsp_delete = true", "wsp_delete = true" },
	{ "host_gone_days = 36500", "host_gone_days = 36500" },
	{ "trash_days = 0", "trash_days = 0" },
	{ "archives = 1h:366d 10s:6h,\t1min:7d", "archives = 10:2160, 60:10080, 3600:8784" },
	{ "wsp_allocate = sparse", "wsp_allocate = sparse" },
	{ "max_future_s = 0", "max_future_s = 0" },
	{ "max_future_s = 31622400", "max_future_s = 31622400" },
	{ "rejected_path = /r", "rejected_path = /r" },
	{ "rejected_max_bytes = 4096", "rejected_max_bytes = 4k" },
	{ "rejected_max_bytes = 4097", "rejected_max_bytes = 4097" },
	{ "rejected_max_bytes = 1024g", "rejected_max_bytes = 1024G" },
	{ "rejected_max_bytes = 5 MiB", "rejected_max_bytes = 5M" },
	{ "rejected_max_bytes = 7kb", "rejected_max_bytes = 7kB" },
	{ "rejected_max_bytes = 1gb", "rejected_max_bytes = 1GB" },
	{ "quarantine_path = /q/", "quarantine_path = /q" },
	{ "journal_path = /j", "journal_path = /j" },
	{ "journal_commit_ms = 1", "journal_commit_ms = 1" },
	{ "journal_commit_ms = 10000", "journal_commit_ms = 10000" },
	{ "journal_commit_bytes = 4096", "journal_commit_bytes = 4k" },
	{ "journal_commit_bytes = 32M", "journal_commit_bytes = 32M" },
	{ "journal_max_bytes = 4M", "journal_max_bytes = 4M" },
	{ "journal_max_bytes = 1024G", "journal_max_bytes = 1024G" },
	{ "cache_max_bytes = 1048576", "cache_max_bytes = 1M" },
	{ "cache_max_bytes = 1024G", "cache_max_bytes = 1024G" },
	{ "flush_interval_s = 1", "flush_interval_s = 1" },
	{ "flush_interval_s = 86400", "flush_interval_s = 86400" },
	{ "coarse_delay_s = 3600", "coarse_delay_s = 3600" },
	{ "coarse_delay_s = 86400", "coarse_delay_s = 86400" },
	{ "control_socket = /c", "control_socket = /c" },
	{ "control_socket =", "control_socket =" },
	{ "control_socket = " LONG_PATH, "control_socket = " LONG_PATH },
	{ "http_listen = 0.0.0.0:80,[::]:8080 , unix:/run/x", "http_listen = 0.0.0.0:80, [::]:8080, unix:/run/x" },
	{ "http_listen = localhost:0", "http_listen = localhost:0" },
	{ "http_listen =", "http_listen =" },
	{ "http_socket_mode = 0", "http_socket_mode = 0000" },
	{ "http_socket_mode = 777", "http_socket_mode = 0777" },
	{ "http_cors_origin = *", "http_cors_origin = *" },
	{ "http_cors_origin = https://g.example.org:8443", "http_cors_origin = https://g.example.org:8443" },
	{ "http_ingest = true", "http_ingest = true" },
	{ "http_ingest_token = ~a=/+.", "http_ingest_token = ~a=/+." },
	{ "http_ingest_max_bytes = 1k", "http_ingest_max_bytes = 1k" },
	{ "http_ingest_max_bytes = 1073741824", "http_ingest_max_bytes = 1G" },
	{ "res_windows = original", "res_windows = original" },
	{ "carbon_listen = 127.0.0.1:2003,[::1]:2003", "carbon_listen = 127.0.0.1:2003, [::1]:2003" },
	/* empty is the default */
	{ "rpc_prefetch =", "rpc_prefetch = 2000" },
	{ "rpc_prefetch = ; none", "rpc_prefetch = 2000" },
	{ "wsp_path = \"\"", "wsp_path = /var/lib/numeter/wsps" },
};

/* The lines of b that are not in a. */
static size_t count_new_lines(const char *a, char *b)
{
	size_t n = 0;

	for (char *line = strtok(b, "\n"); line != NULL; line = strtok(NULL, "\n"))
		n += !has_line(a, line);
	return n;
}

static void takes_what_fits_and_changes_nothing_else(void **state)
{
	struct config none = parsed("");
	char *before = printed(&none, true);

	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		char content[256], *after;
		struct config c;

		snprintf(content, sizeof(content), "[global]\n%s\n", taken[i].line);
		c = parsed(content);
		after = printed(&c, true);
		if (!has_line(after, taken[i].printed))
			fail_msg("\"%s\" is not \"%s\" in:\n%s", taken[i].line, taken[i].printed, after);
		assert_true(count_new_lines(before, after) <= 1);
		free(after);
		config_fini(&c);
	}
	free(before);
	config_fini(&none);
	(void)state;
}

static void lists_fill_their_fields(void **state)
{
	struct config c = parsed("[global]\nrpc_hosts = a:5672, b, [::1]:5673\nhttp_listen = [::1]:80, unix:/run/s\n"
				 "metadata = sqlite:/m.db\nrpc_queue_type = quorum\nres_windows = original\n"
				 "wsp_allocate = sparse\n");

	assert_int_equal(c.rpc_hosts.n, 3);
	assert_string_equal(c.rpc_hosts.at[0].host, "a");
	assert_int_equal(c.rpc_hosts.at[0].port, 5672);
	assert_string_equal(c.rpc_hosts.at[1].host, "b");
	assert_int_equal(c.rpc_hosts.at[1].port, 0);
	assert_string_equal(c.rpc_hosts.at[2].host, "::1");
	assert_int_equal(c.rpc_hosts.at[2].port, 5673);
	assert_int_equal(c.n_http_listen, 2);
	assert_string_equal(c.http_listen[0].address, "::1");
	assert_null(c.http_listen[1].address);
	assert_string_equal(c.http_listen[1].unix_path, "/run/s");
	assert_int_equal(c.metadata, CONFIG_METADATA_SQLITE);
	assert_string_equal(c.sqlite_path, "/m.db");
	assert_true(c.rpc_quorum);
	assert_int_equal(c.res_windows, CONFIG_RES_ORIGINAL);
	assert_true(c.wsp_sparse);
	config_fini(&c);
	(void)state;
}

#define SIZES ", plain or with k, M, G (1024) or kB, MB, GB (1000)"
#define BOOLS "expected true or false (also yes, no, on, off, 1, 0)"
#define LEVELS "expected debug, info, warning, error or critical"
#define SERVERS "expected HOST, HOST:PORT or [V6]:PORT, several with commas between"
#define LISTENS "expected ADDRESS:PORT, [V6]:PORT or unix:/PATH, several with commas between"
#define TCP_LISTENS "expected ADDRESS:PORT or [V6]:PORT, several with commas between"
#define ORIGINS "expected * or one origin such as https://graphs.example.org, without a path"
#define STORES "expected redis or sqlite:/PATH"

static const struct {
	const char *line;
	const char *why; /* behind "f:2: " */
} refused[] = {
	{ "enable = ja", "enable: \"ja\": " BOOLS },
	{ "enable = 2", "enable: \"2\": " BOOLS },
	{ "log_level = loud", "log_level: \"loud\": " LEVELS },
	{ "log_level_stdr = warn", "log_level_stdr: \"warn\": " LEVELS },
	{ "log_path = l", "log_path: \"l\": expected an absolute path" },
	{ "host_list_file = ./h", "host_list_file: \"./h\": expected an absolute path" },
	{ "wsp_path = wsps", "wsp_path: \"wsps\": expected an absolute path" },
	{ "rejected_path = r", "rejected_path: \"r\": expected an absolute path" },
	{ "quarantine_path = .quarantine", "quarantine_path: \".quarantine\": expected an absolute path" },
	{ "journal_path = j", "journal_path: \"j\": expected an absolute path" },
	{ "control_socket = s", "control_socket: \"s\": expected an absolute path of at most 107 bytes" },
	{ "control_socket = " LONG_PATH "y",
	  "control_socket: \"/45678901234567890123456789012345678901234567890123456789012...\": expected an absolute "
	  "path of at most 107 bytes" },
	{ "journal_commit_ms = 0", "journal_commit_ms: \"0\": expected a whole number from 1 to 10000" },
	{ "journal_commit_ms = 10001", "journal_commit_ms: \"10001\": expected a whole number from 1 to 10000" },
	{ "journal_commit_bytes = 4095", "journal_commit_bytes: \"4095\": expected bytes from 4k to 32M" SIZES },
	{ "journal_commit_bytes = 33M", "journal_commit_bytes: \"33M\": expected bytes from 4k to 32M" SIZES },
	{ "journal_max_bytes = 4194303", "journal_max_bytes: \"4194303\": expected bytes from 4M to 1024G" SIZES },
	{ "cache_max_bytes = 1023k", "cache_max_bytes: \"1023k\": expected bytes from 1M to 1024G" SIZES },
	{ "flush_interval_s = 0", "flush_interval_s: \"0\": expected a whole number from 1 to 86400" },
	{ "flush_interval_s = 86401", "flush_interval_s: \"86401\": expected a whole number from 1 to 86400" },
	{ "coarse_delay_s = 86401", "coarse_delay_s: \"86401\": expected a whole number from 0 to 86400" },
	{ "rpc_ssl_ca = ca.pem", "rpc_ssl_ca: \"ca.pem\": expected an absolute path" },
	{ "rpc_ssl_cert = /c", "rpc_ssl_cert: expected rpc_ssl_key as well" },
	{ "rpc_ssl_key = /k", "rpc_ssl_key: expected rpc_ssl_cert as well" },
	{ "rpc_user = a\x01"
	  "b",
	  "rpc_user: \"a?b\": expected text of at most 255 bytes without control characters" },
	{ "rpc_hosts = a,,b", "rpc_hosts: \"\": " SERVERS },
	{ "rpc_hosts = a,", "rpc_hosts: \"\": " SERVERS },
	{ "rpc_hosts = a b", "rpc_hosts: \"a b\": " SERVERS },
	{ "rpc_hosts = ok, a:0", "rpc_hosts: \"a:0\": " SERVERS },
	{ "rpc_hosts = a:65536", "rpc_hosts: \"a:65536\": " SERVERS },
	{ "rpc_hosts = a:", "rpc_hosts: \"a:\": " SERVERS },
	{ "rpc_hosts = a:b:c", "rpc_hosts: \"a:b:c\": " SERVERS },
	{ "rpc_hosts = [::1", "rpc_hosts: \"[::1\": " SERVERS },
	{ "rpc_hosts = []", "rpc_hosts: \"[]\": " SERVERS },
	{ "rpc_hosts = [a]:1", "rpc_hosts: \"[a]:1\": " SERVERS },
	{ "rpc_hosts = [::1]1", "rpc_hosts: \"[::1]1\": " SERVERS },
	{ "rpc_hosts = guest:secret@a", "rpc_hosts: " SERVERS },
	{ "rpc_prefetch = 0", "rpc_prefetch: \"0\": expected a whole number from 1 to 65535" },
	{ "rpc_prefetch = 65536", "rpc_prefetch: \"65536\": expected a whole number from 1 to 65535" },
	{ "rpc_prefetch = -1", "rpc_prefetch: \"-1\": expected a whole number from 1 to 65535" },
	{ "rpc_prefetch = 2e3", "rpc_prefetch: \"2e3\": expected a whole number from 1 to 65535" },
	{ "rpc_prefetch = 18446744073709551617",
	  "rpc_prefetch: \"18446744073709551617\": expected a whole number from 1 to 65535" },
	{ "rpc_queue_type = lazy", "rpc_queue_type: \"lazy\": expected classic or quorum" },
	{ "metadata = sqlite:", "metadata: \"sqlite:\": " STORES },
	{ "metadata = sqlite:m.db", "metadata: \"sqlite:m.db\": " STORES },
	{ "metadata = memory", "metadata: \"memory\": " STORES },
	{ "redis_storage_host = a:6379",
	  "redis_storage_host: \"a:6379\": expected a host name, an address or the absolute path of a Unix socket" },
	{ "redis_storage_port = 0", "redis_storage_port: \"0\": expected a whole number from 1 to 65535" },
	{ "redis_storage_port = 65536", "redis_storage_port: \"65536\": expected a whole number from 1 to 65535" },
	{ "redis_storage_timeout = 0", "redis_storage_timeout: \"0\": expected a whole number from 1 to 3600" },
	{ "redis_storage_timeout = 3601", "redis_storage_timeout: \"3601\": expected a whole number from 1 to 3600" },
	{ "redis_storage_db = 65536", "redis_storage_db: \"65536\": expected a whole number from 0 to 65535" },
	{ "wsp_path_md5_char = 0", "wsp_path_md5_char: \"0\": expected a whole number from 1 to 32" },
	{ "wsp_path_md5_char = 33", "wsp_path_md5_char: \"33\": expected a whole number from 1 to 32" },
	{ "wsp_clean_time = 0", "wsp_clean_time: \"0\": expected a whole number from 1 to 87600" },
	{ "wsp_clean_time = 87601", "wsp_clean_time: \"87601\": expected a whole number from 1 to 87600" },
	{ "wsp_allocate = full", "wsp_allocate: \"full\": expected reserve or sparse" },
	{ "max_future_s = 31622401", "max_future_s: \"31622401\": expected a whole number from 0 to 31622400" },
	{ "archives = 60:1440, 90:2000",
	  "archives: \"60:1440, 90:2000\": step 90 is not a multiple of the finer step 60" },
	{ "archives = ,", "archives: \",\": no archive: expected at least one STEP:POINTS" },
	{ "rejected_max_bytes = 4095", "rejected_max_bytes: \"4095\": expected bytes from 4k to 1024G" SIZES },
	{ "rejected_max_bytes = 1025G", "rejected_max_bytes: \"1025G\": expected bytes from 4k to 1024G" SIZES },
	{ "rejected_max_bytes = 9999999999G",
	  "rejected_max_bytes: \"9999999999G\": expected bytes from 4k to 1024G" SIZES },
	{ "rejected_max_bytes = 5T", "rejected_max_bytes: \"5T\": expected bytes from 4k to 1024G" SIZES },
	{ "rejected_max_bytes = M", "rejected_max_bytes: \"M\": expected bytes from 4k to 1024G" SIZES },
	{ "http_ingest_max_bytes = 1023", "http_ingest_max_bytes: \"1023\": expected bytes from 1k to 1G" SIZES },
	{ "http_ingest_max_bytes = 1073741825",
	  "http_ingest_max_bytes: \"1073741825\": expected bytes from 1k to 1G" SIZES },
	{ "http_listen = 8081", "http_listen: \"8081\": " LISTENS },
	{ "http_listen = :8081", "http_listen: \":8081\": " LISTENS },
	{ "http_listen = unix:x", "http_listen: \"unix:x\": " LISTENS },
	{ "http_listen = ::1", "http_listen: \"::1\": " LISTENS },
	{ "http_socket_mode = 0778", "http_socket_mode: \"0778\": expected octal permission bits from 0000 to 0777" },
	{ "http_socket_mode = 1000", "http_socket_mode: \"1000\": expected octal permission bits from 0000 to 0777" },
	{ "http_cors_origin = g.example.org", "http_cors_origin: \"g.example.org\": " ORIGINS },
	{ "http_cors_origin = https://g/", "http_cors_origin: \"https://g/\": " ORIGINS },
	{ "http_cors_origin = ://g", "http_cors_origin: \"://g\": " ORIGINS },
	{ "res_windows = both", "res_windows: \"both\": expected intended or original" },
	{ "carbon_listen = unix:/c", "carbon_listen: \"unix:/c\": " TCP_LISTENS },
	/* secrets are not shown */
	{ "rpc_password = hunter\x02", "rpc_password: expected text of at most 1024 bytes without control characters" },
	{ "redis_storage_password = hunter\x02",
	  "redis_storage_password: expected text of at most 1024 bytes without control characters" },
	{ "http_ingest_token = hunter two",
	  "http_ingest_token: expected at most 1024 visible ASCII characters without blanks" },
	/* lines */
	{ "enable", "expected key = value, a [section] or a comment" },
	{ "rpc_password hunter2", "expected key = value, a [section] or a comment" },
	{ "= true", "expected key = value, a [section] or a comment" },
	{ "[global", "expected a section's name between [ and ]" },
	{ "[]", "expected a section's name between [ and ]" },
	{ "  enable = true", "an indented line with nothing to go on with: expected it at the line's beginning" },
	{ "log_path = /\xC3(", "bytes that are not UTF-8: expected text in UTF-8" },
	{ "[archives]", "[archives]: expected [archives NAME]" },
};

static void refuses_with_one_line(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		char content[256], expected[512];

		snprintf(content, sizeof(content), "[global]\n%s\n", refused[i].line);
		snprintf(expected, sizeof(expected), "f:2: %s", refused[i].why);
		check_refused(content, expected);
	}
	(void)state;
}

static void refuses_by_line(void **state)
{
	static const char nul[] = "[global]\n\nenable = true\nlog_path = /a\0b\n";
	struct config c;
	struct why why;

	assert_int_equal(config_parse((struct text){ nul, sizeof(nul) - 1 }, "f", &c, NULL, NULL, &why), RC_REFUSED);
	assert_string_equal(why.text, "f:4: a NUL byte: expected text in UTF-8");
	check_refused("# x\nenable = true\n", "f:2: enable: stands before any section; expected [global] first");
	check_refused("  enable = true\n",
		      "f:1: an indented line with nothing to go on with: expected it at the line's beginning");
	/* the first of several, in the file's order */
	check_refused("[global]\nwsp_path = x\nenable = maybe\n", "f:2: wsp_path: \"x\": expected an absolute path");
	/* only the last of a repeated key counts */
	check_refused("[global]\nwsp_path = x\nenable = maybe\nwsp_path = /x\n", "f:3: enable: \"maybe\": " BOOLS);
	/* an indented key */
	check_refused(
		"[global]\nenable = true\n  rpc_password = hunter2\n",
		"f:3: enable: an indented line goes on with the value above; expected a value of one line, and a new "
		"key at the line's beginning");
	check_refused(
		"[global]\nrpc_hosts = a\n  rpc_password = hunter2\n",
		"f:3: rpc_hosts: an indented line goes on with the value above; expected more of the list, or a new "
		"key at the line's beginning");
	check_refused("[global]\nrpc_hosts = a\n  rpc_password: hunter2\n", "f:2: rpc_hosts: " SERVERS);
	check_refused("[global]\narchives = 60:10\n  rpc_password: hunter2\n",
		      "f:2: archives: expected STEP:POINTS or forms such as 10s:6h, several with commas between");
	/* long values are cut, between characters */
	check_refused("[global]\nlog_level = 12345678901234567890123456789012345678901234567890123456789\xC3\xA9xyz\n",
		      "f:2: log_level: \"12345678901234567890123456789012345678901234567890123456789...\": " LEVELS);
	(void)state;
}

static void reads_lines_as_the_original_did(void **state)
{
	struct config c = parsed("\xEF\xBB\xBF; comment\r\n"
				 "REM another = one\r\n"
				 "[global]   ; the section\r\n"
				 "ENABLE:true;\t\r\n"
				 "enable = yes\t; Activer\r\n"
				 "\r\n"
				 "rpc_user : name=x:y   \r\n"
				 "  ; an indented comment\r\n"
				 "\t# another\r\n"
				 "rpc_password = a;b#c ; d ; e\r\n"
				 "rpc_hosts = a,\r\n"
				 "\r\n"
				 "    b:1 ; second\r\n"
				 "# between\r\n"
				 "    , c\r\n"
				 "archives = 60:1440\r\n"
				 " 300:2016\r\n"
				 "storage_name=#1");

	assert_true(c.enable);
	assert_string_equal(c.rpc_user, "name=x:y");
	assert_string_equal(c.rpc_password, "a;b#c");
	assert_int_equal(c.rpc_hosts.n, 3);
	assert_string_equal(c.rpc_hosts.at[1].host, "b");
	assert_int_equal(c.rpc_hosts.at[1].port, 1);
	assert_string_equal(c.rpc_hosts.at[2].host, "c");
	assert_int_equal(c.schema.otherwise.n_archives, 2);
	assert_string_equal(c.storage_name, "#1");
	config_fini(&c);
	(void)state;
}

static void knows_the_line_of_a_key(void **state)
{
	struct config c = parsed("[global]\nwsp_path = /a\n\nenable = true\nwsp_path = /b\n[archives x]\nhost = a\n");

	assert_int_equal(config_line(&c, "enable"), 4);
	assert_int_equal(config_line(&c, "wsp_path"), 5);
	assert_int_equal(config_line(&c, "log_path"), 0);
	assert_int_equal(config_line(&c, "host"), 0);
	config_fini(&c);
	(void)state;
}

static void long_lines_are_read_whole(void **state)
{
	static char content[100000];
	struct config c;
	size_t n = (size_t)sprintf(content, "[global]\n# ");

	memset(content + n, 'x', 50000);
	n += 50000;
	n += (size_t)sprintf(content + n, "\nrpc_hosts = h0");
	for (int i = 1; i < 4000; i++)
		n += (size_t)sprintf(content + n, ", h%d", i);
	sprintf(content + n, "\n");
	c = parsed(content);
	assert_int_equal(c.rpc_hosts.n, 4000);
	assert_string_equal(c.rpc_hosts.at[3999].host, "h3999");
	config_fini(&c);
	(void)state;
}

static void warns_of_keys_that_go_badly_together(void **state)
{
	static const struct {
		const char *text, *warning;
	} cases[] = {
		{ "[global]\nhttp_ingest = true\njournal_max_bytes = 48M\n", "" },
		{ "[global]\nhttp_ingest = true\njournal_max_bytes = 47M\n",
		  "f:3: journal_max_bytes: less than 3 times http_ingest_max_bytes: a long body may never be "
		  "accepted\n" },
		{ "[global]\njournal_max_bytes = 4M\n", "" }, /* nothing comes that way */
		{ "[global]\nhttp_ingest = true\njournal_max_bytes = 4M\nhttp_ingest_max_bytes = 1M\n", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct warnings w = { "" };
		struct config c;

		assert_int_equal(config_parse(text_of(cases[i].text), "f", &c, keep_warning, &w, NULL), RC_OK);
		assert_string_equal(w.text, cases[i].warning);
		config_fini(&c);
	}
	(void)state;
}

static void warns_of_what_does_not_count(void **state)
{
	struct warnings w = { "" };
	struct config c;

	assert_int_equal(config_parse(TEXT("[global] enable = true\n"
					   "wsp_pth = /x\n"
					   "simulate = false\n"
					   "enable = maybe\n"
					   "Enable = true\n"
					   "a_key_of_more_than_sixty_four_bytes_is_like_no_other_key_that_we_know = 1\n"
					   "[collector]\n"
					   "enable = never\n"
					   "[archives a]\n"
					   "aggregatoin = max\n"),
				      "f", &c, keep_warning, &w, NULL),
			 RC_OK);
	assert_true(c.enable);
	assert_string_equal(
		w.text,
		"f:1: [global]: what stands behind the ] is ignored\n"
		"f:2: wsp_pth: unknown option, ignored; did you mean wsp_path?\n"
		"f:3: simulate: an option of older versions, not used any more\n"
		"f:5: enable: set again; line 4 does not count\n"
		"f:6: a_key_of_more_than_sixty_four_bytes_is_like_no_other_key_tha...: unknown option, ignored\n"
		"f:7: [collector]: unknown section, ignored; expected [global] or [archives NAME]\n"
		"f:10: aggregatoin: unknown option, ignored; did you mean aggregation?\n");
	config_fini(&c);
	(void)state;
}

static void sections_make_rules_in_order(void **state)
{
	struct config c = parsed("[archives net]\n"
				 "plugin = if_*\n"
				 "archives = 10s:6h, 1min:7d\n"
				 "aggregation = max\n"
				 "xff = 0.25\n"
				 "[archives  rest of all ]\n"
				 "host =\n"
				 "ds = *\n"
				 "[global]\n"
				 "archives = 30:100\n"
				 "[archives net]\n"
				 "host = web?\n");
	const struct schema *s = &c.schema;
	const struct retention *r;

	assert_int_equal(s->n_rules, 2);
	assert_string_equal(s->rule[0].name, "net");
	assert_string_equal(s->rule[0].host, "web?");
	assert_null(s->rule[0].ds);
	assert_string_equal(s->rule[1].name, "rest of all");
	assert_null(s->rule[1].host);
	r = schema_pick(s, TEXT("web1"), TEXT("if_lo"), TEXT("up"));
	assert_int_equal(r->n_archives, 2);
	assert_int_equal(r->archive[0].step_s, 10);
	assert_int_equal(r->aggregation, AGGREGATION_MAX);
	assert_true(r->xff == 0.25F);
	/* the archives of [global], though it comes later */
	r = schema_pick(s, TEXT("db1"), TEXT("if_lo"), TEXT("up"));
	assert_ptr_equal(r, &s->rule[1].retention);
	assert_int_equal(r->n_archives, 1);
	assert_int_equal(r->archive[0].step_s, 30);
	assert_int_equal(r->aggregation, AGGREGATION_AVERAGE);
	assert_true(r->xff == 0.5F);
	config_fini(&c);
	check_refused("[archives a]\nxff = 1.01\n", "f:2: xff: \"1.01\": expected a share from 0 to 1");
	check_refused("[archives a]\nxff = .\n", "f:2: xff: \".\": expected a share from 0 to 1");
	check_refused("[archives a]\nxff = nan\n", "f:2: xff: \"nan\": expected a share from 0 to 1");
	check_refused("[archives a]\naggregation = avg\n",
		      "f:2: aggregation: \"avg\": expected average, sum, last, min or max");
	check_refused("[archives a]\narchives = 0:1\n",
		      "f:2: archives: \"0:1\": archive \"0:1\": the step must be 1 second or more");
	check_refused(
		"[archives a]\nhost = a\n b\n",
		"f:3: host: an indented line goes on with the value above; expected a value of one line, and a new key "
		"at the line's beginning");
	(void)state;
}

static void too_many_sections_are_refused(void **state)
{
	static char content[40000];
	char *at = content;

	for (int i = 0; i <= 1000; i++)
		at += sprintf(at, "[archives %d]\n", i);
	check_refused(content, "f:1001: [archives 1000]: expected at most 1000 such sections");
	(void)state;
}

static const char full[] =
	"[global]\nenable = true\nrpc_hosts = a:1, [::1]\nrpc_password = p#1\nredis_storage_password = q\n"
	"http_listen = unix:/x y, [::]:1\nhttp_ingest_token = t\nmetadata = sqlite:/m\nlog_level = debug\n"
	"rejected_max_bytes = 123456789\nhttp_socket_mode = 0600\ncarbon_listen = [::]:2003\n"
	"archives = 1:60, 60:60\nwsp_allocate = sparse\nrpc_queue_type = quorum\nstorage_name = s\n"
	"http_cors_origin = http://a\nrpc_ssl_cert = /c\nrpc_ssl_key = /k\n"
	"[archives one]\nhost = *.x\nxff = 0.1\naggregation = last\n[archives two]\nds = [a-z]\n"
	"archives = 5:5\nxff = .33333333\n";

static void what_is_printed_reads_back_the_same(void **state)
{
	struct config c = parsed(full), again;
	char *text = printed(&c, true), *text_again;

	assert_true(has_line(text, "rpc_password = p#1"));
	assert_true(has_line(text, "xff = 0.33333334"));
	again = parsed(text);
	text_again = printed(&again, true);
	assert_string_equal(text, text_again);
	assert_memory_equal(&c.schema.otherwise, &again.schema.otherwise, sizeof(struct retention));
	for (size_t i = 0; i < 2; i++)
		assert_memory_equal(&c.schema.rule[i].retention, &again.schema.rule[i].retention,
				    sizeof(struct retention));
	free(text);
	free(text_again);
	config_fini(&c);
	config_fini(&again);
	(void)state;
}

static void secrets_are_stars(void **state)
{
	struct config c = parsed(full);
	char *text = printed(&c, false);

	assert_true(has_line(text, "rpc_password = ***"));
	assert_true(has_line(text, "redis_storage_password = ***"));
	assert_true(has_line(text, "http_ingest_token = ***"));
	free(text);
	config_fini(&c);
	c = parsed("");
	text = printed(&c, false);
	assert_true(has_line(text, "rpc_password = ***"));
	assert_true(has_line(text, "redis_storage_password ="));
	free(text);
	config_fini(&c);
	(void)state;
}

static void print_sample(char **text)
{
	size_t n;
	FILE *out = open_memstream(text, &n);

	config_print_sample(out);
	fclose(out);
}

/* The sample as it is, and with every key that is commented out made active, is the defaults. */
static void sample_is_the_defaults(void **state)
{
	struct config c = parsed("");
	char *expected = printed(&c, true), *text = NULL, *got;
	struct warnings w = { "" };

	config_fini(&c);
	print_sample(&text);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(config_parse(text_of(text), "f", &c, keep_warning, &w, NULL), RC_OK);
		assert_string_equal(w.text, "");
		assert_int_equal(c.schema.n_rules, (size_t)round);
		got = printed(&c, true);
		assert_memory_equal(got, expected, strlen(expected));
		assert_int_equal(strncmp(got + strlen(expected), round == 0 ? "" : "\n[archives NAME]\n", 17), 0);
		free(got);
		config_fini(&c);
		for (char *at = text; (at = strstr(at, "\n#")) != NULL; at++)
			if ((at[2] >= 'a' && at[2] <= 'z') || at[2] == '[')
				memmove(at + 1, at + 2, strlen(at + 2) + 1);
	}
	assert_non_null(strstr(text, "\nenable = false "));
	free(text);
	free(expected);
	(void)state;
}

/* Every beginning of a file and every changed byte of it gives a code; a config that is taken can be printed. */
static void survives_torn_files(void **state)
{
	char copy[sizeof(full)];

	for (size_t i = 0; i < 2 * sizeof(full); i++) {
		struct config c;
		struct text t = { copy, i < sizeof(full) ? i : sizeof(full) - 1 };

		memcpy(copy, full, sizeof(full));
		if (i >= sizeof(full))
			copy[i - sizeof(full)] ^= 0x1F;
		if (config_parse(t, "f", &c, NULL, NULL, NULL) == RC_OK) {
			free(printed(&c, true));
			config_fini(&c);
		}
	}
	(void)state;
}

static void names_the_file_that_cannot_be_read(void **state)
{
	char path[] = "/tmp/test_config_XXXXXX", expected[128], big[4096];
	int fd = mkstemp(path);
	struct config c;
	struct why why;

	assert_true(fd >= 0);
	assert_int_equal(config_read("/nonexistent/f", &c, NULL, NULL, &why), RC_ABSENT);
	assert_string_equal(why.text, "/nonexistent/f: No such file or directory");
	assert_int_equal(config_read("/", &c, NULL, NULL, &why), RC_DISK);
	assert_string_equal(why.text, "/: Is a directory");
	assert_int_equal(write(fd, "[global]\nenable=x\n", 18), 18);
	assert_int_equal(config_read(path, &c, NULL, NULL, &why), RC_REFUSED);
	snprintf(expected, sizeof(expected), "%s:2: enable: \"x\": " BOOLS, path);
	assert_string_equal(why.text, expected);
	memset(big, '\n', sizeof(big));
	for (int i = 0; i < 256; i++)
		assert_int_equal(write(fd, big, sizeof(big)), sizeof(big));
	assert_int_equal(config_read(path, &c, NULL, NULL, &why), RC_REFUSED);
	snprintf(expected, sizeof(expected), "%s: longer than 1048576 bytes", path);
	assert_string_equal(why.text, expected);
	close(fd);
	unlink(path);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_keys_are_their_defaults),
		cmocka_unit_test(fields_hold_the_defaults),
		cmocka_unit_test(takes_what_fits_and_changes_nothing_else),
		cmocka_unit_test(lists_fill_their_fields),
		cmocka_unit_test(refuses_with_one_line),
		cmocka_unit_test(refuses_by_line),
		cmocka_unit_test(reads_lines_as_the_original_did),
		cmocka_unit_test(knows_the_line_of_a_key),
		cmocka_unit_test(long_lines_are_read_whole),
		cmocka_unit_test(warns_of_what_does_not_count),
		cmocka_unit_test(warns_of_keys_that_go_badly_together),
		cmocka_unit_test(sections_make_rules_in_order),
		cmocka_unit_test(too_many_sections_are_refused),
		cmocka_unit_test(what_is_printed_reads_back_the_same),
		cmocka_unit_test(secrets_are_stars),
		cmocka_unit_test(sample_is_the_defaults),
		cmocka_unit_test(survives_torn_files),
		cmocka_unit_test(names_the_file_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

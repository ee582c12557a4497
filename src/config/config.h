/*
 * The configuration: one table of options from which come the parser, --check-config, the sample file and the manual.
 * Source: docs/spec/system.md "Configuration"; docs/spec/wire.md H.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"
#include "base/rc.h"
#include "model/schema.h"

struct config_server {
	char *host; /* name or address; v6 without brackets */
	int port;   /* 0: the default of the protocol */
};

struct config_servers {
	struct config_server *at;
	size_t n;
};

/* One of http_listen: a TCP address and port, or a Unix socket's path. */
struct config_listen {
	char *address;   /* NULL for a Unix socket; v6 without brackets */
	int port;        /* 0: any free one */
	char *unix_path; /* NULL for TCP */
};

enum config_metadata { CONFIG_METADATA_REDIS, CONFIG_METADATA_SQLITE };
enum config_res_windows { CONFIG_RES_INTENDED, CONFIG_RES_ORIGINAL };

/* Every text is heap, owned by the config; NULL where "none". */
struct config {
	bool enable;
	enum log_level log_level, log_level_stdr;
	char *log_path;
	char *storage_name;
	struct config_servers rpc_hosts;
	char *rpc_user, *rpc_password, *rpc_vhost, *rpc_exchange;
	int64_t rpc_prefetch;
	bool rpc_durable, rpc_quorum;
	bool rpc_ssl, rpc_ssl_verify;
	char *rpc_ssl_ca, *rpc_ssl_cert, *rpc_ssl_key;
	char *redis_host; /* starts with `/`: a Unix socket */
	int64_t redis_port, redis_timeout_s, redis_db;
	char *redis_password;
	enum config_metadata metadata;
	char *sqlite_path; /* with CONFIG_METADATA_SQLITE */
	char *host_list_file;
	int64_t unbind_delay_s;
	char *user, *group;
	char *wsp_path;
	int64_t wsp_path_md5_char, wsp_clean_time_h;
	bool wsp_delete;
	int64_t host_gone_days, trash_days;
	char *trash_path; /* NULL: <wsp_path>/.trash */
	bool wsp_sparse;
	char *quarantine_path; /* NULL: <wsp_path>/.quarantine */
	char *journal_path;
	int64_t journal_commit_ms, journal_commit_bytes, journal_max_bytes;
	int64_t cache_max_bytes;
	int64_t flush_interval_s, coarse_delay_s;
	struct config_listen *http_listen;
	size_t n_http_listen;
	int64_t http_socket_mode; /* permission bits */
	char *http_cors_origin;
	char *access_log; /* NULL: none */
	bool http_ingest;
	char *http_ingest_token;
	int64_t http_ingest_max_bytes;
	char *carbon_listen; /* "ADDRESS:PORT, [V6]:PORT" */
	char *rejected_path;
	int64_t rejected_max_bytes, max_future_s;
	int64_t max_series_per_host, max_series, max_new_series_per_minute; /* 0: no limit */
	enum config_res_windows res_windows;
	char *control_socket; /* NULL: none */
	bool self_metrics;
	struct schema schema; /* archives and the [archives NAME] sections */
	unsigned *key_line;   /* for config_line() alone */
};

/* For each warning ("file:line: key: unknown option, did you mean …?"), in the file's order. */
typedef void config_warn_fn(void *argument, const char *text);

/*
 * Read a configuration file: INI as the original's (ini.h), `[global]` and `[archives NAME]` sections. A key that is not
 * there, or has no value, is its default. Of a key that is set twice the last counts, with a warning. At most 1 MiB.
 * Errors   RC_REFUSED a bad value: why is one line "file:line: key: why" · RC_ABSENT, RC_DISK not readable: "file: why"
 *          Secrets are never in why nor in a warning.
 * Owner    *out is filled on RC_OK only; ended by config_fini(). warn may be NULL.
 */
CHECKED enum rc config_read(const char *path, struct config *out, config_warn_fn *warn, void *argument,
			    struct why *why);
/* The same from memory; name stands for the file in messages. */
CHECKED enum rc config_parse(struct text content, const char *name, struct config *out, config_warn_fn *warn,
			     void *argument, struct why *why);
void config_fini(struct config *c);

/* The line of the file on which this key of [global] stands last; 0 when it is not there, or is no key of ours. */
unsigned config_line(const struct config *c, const char *key);

/* Every option with its value now, as a file that reads back to the same; secrets as "***" unless with_secrets. */
void config_print(const struct config *c, bool with_secrets, FILE *out);
/* The commented sample file that the package ships. */
void config_print_sample(FILE *out);
/* The options of [global], and of [archives NAME], as mdoc lists for the manual page. */
void config_print_man(FILE *out);
void config_print_man_archives(FILE *out);
/* The same as Markdown tables. */
void config_print_markdown(FILE *out);
void config_print_markdown_archives(FILE *out);

#endif

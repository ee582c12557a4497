/*
 * The configuration of numeter-poller: [global], [MuninModule] and [MyInfo], read as that of the storage is.
 * Source: docs/spec/poller.md.
 */
#ifndef CONFIG_POLLER_CONFIG_H
#define CONFIG_POLLER_CONFIG_H

#include "config/config.h"

/* Where storage_url points: http://HOST[:PORT][/PATH] or unix:/SOCKET. */
struct config_url {
	char *host;      /* NULL for a Unix socket, and when there is no URL */
	int port;        /* 80 when none was given */
	char *path;      /* on the server, begins with `/` */
	char *unix_path; /* NULL for TCP */
};

/* Every text is heap, owned by the config; NULL where "none". */
struct poller_config {
	bool enable;
	char *user, *group;
	bool simulate;
	char *simulate_file;
	int64_t poller_time_s, plugins_refresh_time_s;
	char *poller_time_file;
	enum log_level log_level, log_level_stdr;
	char *log_path;
	char *modules; /* as written, `|` between */
	struct config_servers rpc_hosts;
	char *rpc_user, *rpc_password, *rpc_vhost, *rpc_exchange;
	bool rpc_durable, rpc_ssl, rpc_ssl_verify;
	char *rpc_ssl_ca, *rpc_ssl_cert, *rpc_ssl_key;
	struct config_url storage_url;
	char *storage_token;
	char *spool_path;
	int64_t spool_max_bytes;
	char *plugins_enable; /* not compiled here */
	char *munin_host;
	int64_t munin_port, munin_timeout_s;
	char *name, *description, *host_id; /* host_id NULL: not set */
	unsigned *key_line;                 /* for poller_config_line() alone */
};

/* As config_read(), config_parse(), config_fini(). A key of one section that stands in another is unknown there. */
CHECKED enum rc poller_config_read(const char *path, struct poller_config *out, config_warn_fn *warn, void *argument,
				   struct why *why);
CHECKED enum rc poller_config_parse(struct text content, const char *name, struct poller_config *out,
				    config_warn_fn *warn, void *argument, struct why *why);
void poller_config_fini(struct poller_config *c);

/* The line of the file on which this key stands last; 0 when it is not there, or is no key of ours. */
unsigned poller_config_line(const struct poller_config *c, const char *key);

/* Every option with its value now; secrets as "***". */
void poller_config_print(const struct poller_config *c, FILE *out);
/* The commented sample file that the package ships. */
void poller_config_print_sample(FILE *out);
/* The options of each section as mdoc lists for the manual page. */
void poller_config_print_man_global(FILE *out);
void poller_config_print_man_munin(FILE *out);
void poller_config_print_man_myinfo(FILE *out);

#endif

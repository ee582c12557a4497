#include "ctl/config_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/address.h"

enum { ANY_DEPTH = 1000 };

void remarks_add(struct remarks *f, enum finding_level level, const char *key, const char *format, ...)
{
	unsigned line = key == NULL || f->c == NULL ? 0 : config_line(f->c, key);
	struct finding *new;
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	array_grow(&f->finding, &f->capacity, f->n, sizeof(*f->finding));
	new = &f->finding[f->n++];
	new->level = level;
	new->text = key == NULL ? must_strdup(text)
		    : line == 0 ? must_format("%s: %s: %s", f->path, key, text)
				: must_format("%s:%u: %s: %s", f->path, line, key, text);
	f->n_errors += level == FINDING_ERROR;
}

void remarks_fini(struct remarks *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->finding[i].text);
	free(f->finding);
}

/* ---- folders ---- */

/* Cut the last part off; false: there is none left but the root. */
static bool cut(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == NULL || path[1] == '\0')
		return false;
	slash[slash == path ? 1 : 0] = '\0';
	return true;
}

/* There and writable, or to be made by a daemon that makes at most so many levels. */
static void check_folder(struct remarks *f, const char *key, const char *path, int levels)
{
	char *at = must_strdup(path);
	struct stat st;
	int missing = 0;

	while (stat(at, &st) < 0 && errno == ENOENT && cut(at))
		missing++;
	if (stat(at, &st) < 0)
		remarks_add(f, FINDING_ERROR, key, "%s: %s", at, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		remarks_add(f, FINDING_ERROR, key, "%s is not a folder", at);
	else if (missing > levels)
		remarks_add(f, FINDING_ERROR, key, "no folder %s", path);
	else if (faccessat(AT_FDCWD, at, W_OK | X_OK, AT_EACCESS) < 0)
		remarks_add(f, FINDING_ERROR, key, missing > 0 ? "%s cannot be made: %s: %s" : "%s%.0s: %s", path, at,
			    strerror(errno));
	free(at);
}

static void check_folder_of(struct remarks *f, const char *key, const char *file, int levels)
{
	char *folder = must_strdup(file);

	if (cut(folder))
		check_folder(f, key, folder, levels);
	free(folder);
}

static void check_file(struct remarks *f, const char *key, const char *path)
{
	if (access(path, F_OK) == 0 && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0)
		remarks_add(f, FINDING_ERROR, key, "%s cannot be written: %s", path, strerror(errno));
	else if (access(path, F_OK) < 0)
		check_folder_of(f, key, path, 0);
}

void check_folders(struct remarks *f)
{
	const struct config *c = f->c;

	check_folder(f, "wsp_path", c->wsp_path, ANY_DEPTH);
	check_folder(f, "journal_path", c->journal_path, 1);
	check_folder(f, "rejected_path", c->rejected_path, ANY_DEPTH);
	if (c->quarantine_path != NULL)
		check_folder(f, "quarantine_path", c->quarantine_path, ANY_DEPTH);
	if (c->log_path != NULL)
		check_file(f, "log_path", c->log_path);
	if (c->control_socket != NULL)
		check_folder_of(f, "control_socket", c->control_socket, 1);
	if (c->metadata == CONFIG_METADATA_SQLITE)
		check_file(f, "metadata", c->sqlite_path);
	for (size_t i = 0; i < c->n_http_listen; i++)
		if (c->http_listen[i].unix_path != NULL)
			check_folder_of(f, "http_listen", c->http_listen[i].unix_path, 0);
}

/* ---- TLS ---- */

/* Readable, and PEM as OpenSSL wants it. */
static void check_pem(struct remarks *f, const char *key, const char *path)
{
	char line[4096];
	bool found = false;
	FILE *file;

	if (path == NULL)
		return;
	file = fopen(path, "re");
	if (file == NULL) {
		remarks_add(f, FINDING_ERROR, key, "%s: %s", path, strerror(errno));
		return;
	}
	while (!found && fgets(line, sizeof(line), file) != NULL)
		found = strncmp(line, "-----BEGIN ", 11) == 0;
	fclose(file);
	if (!found)
		remarks_add(f, FINDING_ERROR, key, "%s is no PEM file: no line begins with -----BEGIN", path);
}

void check_tls_files(struct remarks *f)
{
	struct stat st;

	if (!f->c->rpc_ssl || f->c->rpc_hosts.n == 0)
		return;
	check_pem(f, "rpc_ssl_ca", f->c->rpc_ssl_ca);
	check_pem(f, "rpc_ssl_cert", f->c->rpc_ssl_cert);
	check_pem(f, "rpc_ssl_key", f->c->rpc_ssl_key);
	if (f->c->rpc_ssl_key != NULL && stat(f->c->rpc_ssl_key, &st) == 0 && (st.st_mode & S_IRWXO) != 0)
		remarks_add(f, FINDING_WARNING, "rpc_ssl_key", "%s can be read by everybody (mode %03o)",
			    f->c->rpc_ssl_key, (unsigned)st.st_mode & 0777);
}

/* ---- addresses ---- */

/* Could it be listened on? Nothing is: the socket goes at once. */
static void check_address(struct remarks *f, const char *key, const char *host, int port, bool is_running)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *list = NULL;
	char service[8];
	int fd, one = 1, failed, problem = 0;

	snprintf(service, sizeof(service), "%d", port);
	failed = getaddrinfo(host, service, &hints, &list);
	if (failed != 0) {
		remarks_add(f, FINDING_ERROR, key, "%s: %s", host, gai_strerror(failed));
		return;
	}
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, list->ai_addr, list->ai_addrlen) < 0)
		problem = errno;
	if (fd >= 0)
		close(fd);
	freeaddrinfo(list);
	if (problem != 0 && !(problem == EADDRINUSE && is_running))
		remarks_add(f, FINDING_ERROR, key, "%s, port %d: %s", host, port, strerror(problem));
}

static void check_carbon(struct remarks *f, bool is_running)
{
	char *list = must_strdup(f->c->carbon_listen), *rest = list, *one;
	struct address address;

	while ((one = strsep(&rest, ",")) != NULL) {
		if (!address_read(text_trim(text_of(one)), &address))
			continue;
		char *host = must_strndup(address.host.s, address.host.n);

		check_address(f, "carbon_listen", host, address.port, is_running);
		free(host);
	}
	free(list);
}

void check_addresses(struct remarks *f, bool is_running)
{
	const struct config *c = f->c;

	for (size_t i = 0; i < c->n_http_listen; i++)
		if (c->http_listen[i].unix_path == NULL)
			check_address(f, "http_listen", c->http_listen[i].address, c->http_listen[i].port, is_running);
	if (c->carbon_listen != NULL)
		check_carbon(f, is_running);
	if (c->n_http_listen == 0 && c->rpc_hosts.n == 0 && c->carbon_listen == NULL)
		remarks_add(f, FINDING_WARNING, "http_listen",
			    "no input and nobody to ask: rpc_hosts, http_listen and "
			    "carbon_listen are all empty");
}

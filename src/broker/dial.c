#include "broker/dial.h"

#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECEIVE_BYTES = 1 << 20 };
enum { CHANNEL_MAX = 8, FRAME_MAX_BYTES = 131072 };

static int64_t left_ms(struct mono deadline)
{
	int64_t ms = mono_ms_between(mono_now(), deadline);

	return ms > 0 ? ms : 0;
}

static struct timeval timeval_of_ms(int64_t ms)
{
	if (ms < 1)
		ms = 1;
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

/* 0 when connected by the deadline, else an errno. */
static int finish_connect(int fd, struct mono deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t n = sizeof(int);
	int error = 0;

	for (;;) {
		int ready = poll(&p, 1, (int)left_ms(deadline));

		if (ready > 0)
			break;
		if (ready == 0)
			return ETIMEDOUT;
		if (errno != EINTR)
			return errno;
	}
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? errno : error;
}

static int connect_address(const struct addrinfo *address, struct mono deadline, int *error)
{
	int one = 1, receive_bytes = RECEIVE_BYTES, fd;

	fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
	if (fd < 0) {
		*error = errno;
		return -1;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	*error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
	if (*error == EINPROGRESS)
		*error = finish_connect(fd, deadline);
	if (*error == 0)
		return fd;
	close(fd);
	return -1;
}

static enum rc connect_tcp(const struct broker_server *server, struct mono deadline, int *out, struct why *why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int error, fd = -1;
	char port[16];

	snprintf(port, sizeof(port), "%d", server->port);
	error = getaddrinfo(server->host, port, &hints, &list);
	if (error != 0)
		return because(why, RC_PEER, "%s", error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
	for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next)
		fd = connect_address(a, deadline, &error);
	freeaddrinfo(list);
	if (fd < 0)
		return because(why, RC_PEER, "%s", strerror(error));
	*out = fd;
	return RC_OK;
}

static enum rc open_tcp(amqp_connection_state_t c, const struct broker_server *server, struct mono deadline,
			struct why *why)
{
	amqp_socket_t *s = amqp_tcp_socket_new(c);
	enum rc rc;
	int fd = -1;

	must(s != NULL);
	rc = connect_tcp(server, deadline, &fd, why);
	if (rc == RC_OK)
		amqp_tcp_socket_set_sockfd(s, fd);
	return rc;
}

/*
 * librabbitmq compares only host names with a certificate, and trusts nobody unless told. An address is compared by
 * OpenSSL itself, and the system's CAs are those of OpenSSL's own folder.
 */
static enum rc set_trust(amqp_socket_t *s, const struct broker_options *o, const char *host, struct why *why)
{
	SSL_CTX *ctx = amqp_ssl_socket_get_context(s);
	unsigned char address[sizeof(struct in6_addr)];

	amqp_ssl_socket_set_verify_peer(s, o->ssl_verify);
	amqp_ssl_socket_set_verify_hostname(s, o->ssl_verify);
	if (o->ssl_ca != NULL && amqp_ssl_socket_set_cacert(s, o->ssl_ca) != AMQP_STATUS_OK)
		return because(why, RC_PEER, "cannot use %s as CA certificates", o->ssl_ca);
	if (o->ssl_ca == NULL)
		(void)SSL_CTX_set_default_verify_paths(ctx);
	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
		amqp_ssl_socket_set_verify_hostname(s, 0);
		(void)X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(ctx), host);
	}
	return RC_OK;
}

static enum rc open_ssl(amqp_connection_state_t c, const struct broker_options *o, const struct broker_server *server,
			struct mono deadline, struct why *why)
{
	amqp_socket_t *s = amqp_ssl_socket_new(c);
	struct timeval timeout;
	int status, fd = -1;
	enum rc rc;

	if (s == NULL)
		return because(why, RC_PEER, "cannot start TLS");
	rc = set_trust(s, o, server->host, why);
	if (rc != RC_OK)
		return rc;
	if (o->ssl_cert != NULL && amqp_ssl_socket_set_key(s, o->ssl_cert, o->ssl_key) != AMQP_STATUS_OK)
		return because(why, RC_PEER, "cannot use %s and its key as certificate", o->ssl_cert);
	timeout = timeval_of_ms(left_ms(deadline));
	status = amqp_socket_open_noblock(s, server->host, server->port, &timeout);
	if (status == AMQP_STATUS_OK)
		return RC_OK;
	/* librabbitmq only says that connecting failed: try again without TLS to learn why. */
	if (status == AMQP_STATUS_SOCKET_ERROR || status == AMQP_STATUS_HOSTNAME_RESOLUTION_FAILED) {
		rc = connect_tcp(server, deadline, &fd, why);
		if (rc != RC_OK)
			return rc;
		close(fd);
	}
	return because(why, RC_PEER, "%s", amqp_error_string2(status));
}

enum rc dial_failed(amqp_rpc_reply_t reply, struct why *why)
{
	const amqp_connection_close_t *c = reply.reply.decoded;

	if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD)
		return because(why, RC_PEER, "%.*s", (int)c->reply_text.len, (const char *)c->reply_text.bytes);
	return because(why, RC_PEER, "%s", amqp_error_string2(reply.library_error));
}

static amqp_table_entry_t entry_text(const char *key, const char *value)
{
	return (amqp_table_entry_t){ .key = amqp_cstring_bytes(key),
				     .value = { .kind = AMQP_FIELD_KIND_UTF8,
						.value.bytes = amqp_cstring_bytes(value) } };
}

static amqp_table_entry_t entry_true(const char *key)
{
	return (amqp_table_entry_t){ .key = amqp_cstring_bytes(key),
				     .value = { .kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1 } };
}

static enum rc log_in(amqp_connection_state_t c, const struct broker_options *o, struct mono deadline,
		      const char *purpose, struct why *why)
{
	amqp_table_entry_t capability[] = { entry_true("consumer_cancel_notify"), entry_true("connection.blocked") };
	amqp_table_t capabilities = { .num_entries = ARRAY_LEN(capability), .entries = capability };
	char name[300];
	amqp_table_entry_t property[] = {
		entry_text("product", o->product == NULL ? "numeter-storage" : o->product),
		entry_text("version", NUMETER_VERSION),
		entry_text("connection_name", name),
		{ .key = amqp_cstring_bytes("capabilities"),
		  .value = { .kind = AMQP_FIELD_KIND_TABLE, .value.table = capabilities } },
	};
	amqp_table_t properties = { .num_entries = ARRAY_LEN(property), .entries = property };
	struct timeval timeout = timeval_of_ms(left_ms(deadline));
	amqp_rpc_reply_t reply;

	snprintf(name, sizeof(name), "%s %s", o->queue, purpose);
	property[2] = entry_text("connection_name", name);
	if (amqp_set_handshake_timeout(c, &timeout) != AMQP_STATUS_OK)
		return because(why, RC_PEER, "cannot set a timeout");
	reply = amqp_login_with_properties(c, o->vhost, CHANNEL_MAX, FRAME_MAX_BYTES, o->heartbeat_s, &properties,
					   AMQP_SASL_METHOD_PLAIN, o->user, o->password);
	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		return dial_failed(reply, why);
	return RC_OK;
}

enum rc dial(const struct broker_options *options, const struct broker_server *server, int64_t timeout_ms,
	     const char *purpose, amqp_connection_state_t *out, struct why *why)
{
	struct mono deadline = mono_after_ms(mono_now(), timeout_ms);
	amqp_connection_state_t c = amqp_new_connection();
	enum rc rc;

	must(c != NULL);
	if (options->ssl)
		rc = open_ssl(c, options, server, deadline, why);
	else
		rc = open_tcp(c, server, deadline, why);
	if (rc != RC_OK)
		goto out;
	rc = log_in(c, options, deadline, purpose, why);
	if (rc != RC_OK)
		goto out;
	*out = c;
	c = NULL;
out:
	if (c != NULL)
		amqp_destroy_connection(c);
	return rc;
}

#include "config/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include "config/kind.h"

enum { HOST_MAX = 253, UNIX_PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

bool address_is_v6(struct text t)
{
	char copy[HOST_MAX + 1];
	struct in6_addr ignored;
	char *zone;

	if (t.n > HOST_MAX)
		return false;
	memcpy(copy, t.s, t.n);
	copy[t.n] = '\0';
	zone = strchr(copy, '%'); /* fe80::1%eth0 */
	if (zone != NULL) {
		if (zone[1] == '\0' ||
		    strspn(zone + 1, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-") !=
			    strlen(zone + 1))
			return false;
		*zone = '\0';
	}
	return inet_pton(AF_INET6, copy, &ignored) == 1;
}

bool address_is_name(struct text t)
{
	for (size_t i = 0; i < t.n; i++) {
		char c = t.s[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
		      c == '-' || c == '_'))
			return false;
	}
	return t.n > 0 && t.n <= HOST_MAX;
}

static bool read_port(struct text t, struct address *out)
{
	int port = 0;

	if (t.n == 0 || t.n > 5)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		if (t.s[i] < '0' || t.s[i] > '9')
			return false;
		port = port * 10 + (t.s[i] - '0');
	}
	out->port = port;
	out->has_port = true;
	return port <= 65535;
}

bool address_read(struct text t, struct address *out)
{
	const char *end;

	*out = (struct address){ .host = t };
	if (t.n > 0 && t.s[0] == '[') {
		end = memchr(t.s, ']', t.n);
		if (end == NULL)
			return false;
		out->host = (struct text){ t.s + 1, (size_t)(end - t.s) - 1 };
		t = (struct text){ end + 1, t.n - out->host.n - 2 };
		if (t.n > 0 && (t.s[0] != ':' || !read_port((struct text){ t.s + 1, t.n - 1 }, out)))
			return false;
		return address_is_v6(out->host);
	}
	if (address_is_v6(t))
		return true;
	end = t.n == 0 ? NULL : memchr(t.s, ':', t.n);
	if (end != NULL) {
		out->host.n = (size_t)(end - t.s);
		if (!read_port((struct text){ end + 1, t.n - out->host.n - 1 }, out))
			return false;
	}
	return address_is_name(out->host);
}

void address_print(const char *host, int port, bool with_port, struct buf *out)
{
	buf_addf(out, strchr(host, ':') == NULL ? "%s" : "[%s]", host);
	if (with_port)
		buf_addf(out, ":%d", port);
}

bool address_is_unix_path(struct text t)
{
	return t.n > 0 && t.n <= UNIX_PATH_MAX_BYTES && t.s[0] == '/' && !kind_has_control(t);
}

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "http/listen.h"

static char folder[] = "/tmp/numeter-listen-XXXXXX";
static char path[sizeof(folder) + 8];

static int make_folder(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/s", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void a_unix_socket_has_its_mode_and_goes_away(void **state)
{
	struct config_listen where = { .unix_path = path };
	struct listener l, second;
	struct why why;
	struct stat st;

	assert_int_equal(listener_open(&where, 0660, &l, &why), RC_OK);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0660);
	assert_int_equal(listener_open(&where, 0660, &second, &why), RC_REFUSED);
	assert_non_null(strstr(why.text, "another program"));
	listener_close(&l);
	assert_int_equal(lstat(path, &st), -1);
	(void)state;
}

static void a_stale_socket_is_replaced(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct config_listen where = { .unix_path = path };
	struct listener l;
	struct stat st;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, path, sizeof(path));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(listener_open(&where, 0600, &l, NULL), RC_OK);
	/* one that is not ours any more stays */
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	listener_close(&l);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(unlink(path), 0);
	(void)state;
}

static void other_files_are_left_alone(void **state)
{
	struct config_listen where = { .unix_path = path };
	char long_path[200];
	struct listener l;
	struct stat st;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(listener_open(&where, 0600, &l, NULL), RC_REFUSED);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(unlink(path), 0);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	where.unix_path = long_path;
	assert_int_equal(listener_open(&where, 0600, &l, NULL), RC_REFUSED);
	(void)state;
}

static int port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t n = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	return ntohs(address.sin_port);
}

static void tcp_addresses(void **state)
{
	char loopback[] = "127.0.0.1", nobodys[] = "192.0.2.1" /* TEST-NET */, nonsense[] = "not an address";
	struct config_listen where = { .address = loopback, .port = 0 };
	struct listener l, second;
	struct why why;

	assert_int_equal(listener_open(&where, 0, &l, NULL), RC_OK);
	assert_true((fcntl(l.fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(l.fd, F_GETFD) & FD_CLOEXEC) != 0);
	where.port = port_of(l.fd);
	assert_int_equal(listener_open(&where, 0, &second, &why), RC_REFUSED);
	assert_non_null(strstr(why.text, "127.0.0.1:"));
	assert_non_null(strstr(why.text, strerror(EADDRINUSE)));
	listener_close(&l);
	where.address = nobodys;
	assert_int_equal(listener_open(&where, 0, &l, &why), RC_REFUSED);
	where.address = nonsense;
	assert_int_equal(listener_open(&where, 0, &l, &why), RC_REFUSED);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_unix_socket_has_its_mode_and_goes_away),
		cmocka_unit_test(a_stale_socket_is_replaced),
		cmocka_unit_test(other_files_are_left_alone),
		cmocka_unit_test(tcp_addresses),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

#!/usr/bin/python3
"""The program seen from a shell: options, configuration errors, users, locks, signals."""
import grp
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import recorded  # noqa: E402
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon, program  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

OPTIONS = """enable log_level log_level_stdr log_path storage_name rpc_hosts rpc_password redis_storage_host
redis_storage_port redis_storage_timeout redis_storage_password redis_storage_db host_list_file wsp_path
wsp_path_md5_char wsp_clean_time wsp_delete host_gone_days trash_path trash_days rpc_user rpc_vhost rpc_exchange rpc_prefetch rpc_durable rpc_queue_type
rpc_ssl rpc_ssl_ca rpc_ssl_cert rpc_ssl_key rpc_ssl_verify metadata user group http_listen http_socket_mode
http_cors_origin http_ingest http_ingest_token http_ingest_max_bytes carbon_listen rejected_path max_future_s
res_windows archives wsp_allocate quarantine_path journal_path journal_commit_ms journal_commit_bytes journal_max_bytes
cache_max_bytes flush_interval_s coarse_delay_s control_socket""".split()


class Program(ServersCase):
    def run_program(self, *args, **more):
        done = subprocess.run([program(), *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=20 * SLOW, **more)
        self.assertNotRegex(done.stderr, 'Sanitizer|runtime error')
        return done.returncode, done.stdout, done.stderr

    def check_config(self, text):
        path = self.folder / 'c.cfg'
        path.write_text(text)
        return self.run_program('--check-config', '-c', path)

    def start_fails(self, daemon, status=1):
        """It must end by itself with that status; what it said on stderr."""
        daemon.spawn()
        try:
            code = daemon.process.wait(10 * SLOW)
        finally:
            daemon.end()
        self.assertEqual(code, status, daemon.stderr())
        daemon.check_stderr()
        self.assertNotEqual(daemon.stderr(), '')
        return daemon.stderr()

    # ---- options

    def test_version_and_help(self):
        status, out, err = self.run_program('--version')
        self.assertEqual((status, err), (0, ''))
        self.assertRegex(out, r'\Anumeter-storage \d+\.\d+\.\d+\n\Z')
        status, out, err = self.run_program('--help')
        self.assertEqual((status, err), (0, ''))
        for word in ('-c', '--check-config', '--version', '--help', '/etc/numeter/numeter_storage.cfg'):
            self.assertIn(word, out)

    def test_unknown_options(self):
        for args in (['--nonsense'], ['-x'], ['-c'], ['stray']):
            with self.subTest(args):
                status, out, err = self.run_program(*args)
                self.assertIn(status, (1, 2))
                self.assertTrue(err)

    # ---- configuration

    def test_check_config_prints_every_option(self):
        status, out, err = self.check_config('[global]\nenable = true   ; on\nstorage_name = s#1 ; the queue\n'
                                             'rpc_password = sec;ret\nhttp_ingest_token = hidden\nrpc_hosts =\n')
        self.assertEqual((status, err), (0, ''))
        self.assertRegex(out, r'(?m)^enable = true$')
        self.assertRegex(out, r'(?m)^storage_name = s#1$')
        for option in OPTIONS:
            self.assertRegex(out, r'(?m)^(# ?|; ?)?%s =' % option)
        self.assertNotIn('sec;ret', out)
        self.assertNotIn('hidden', out)

    def test_bad_values_name_file_line_key_and_why(self):
        for key, value in (('enable', 'maybe'), ('redis_storage_port', 'abc'), ('redis_storage_port', '70000'),
                           ('wsp_path_md5_char', '0'), ('wsp_path_md5_char', '33'), ('log_level', 'loud'),
                           ('metadata', 'mysql'), ('http_listen', '127.0.0.1'), ('archives', '60:1440, 90:2000'),
                           ('rpc_queue_type', 'stream'), ('res_windows', 'other'), ('wsp_allocate', 'x'),
                           ('rpc_hosts', 'host:port')):
            with self.subTest(key=key, value=value):
                status, out, err = self.check_config('[global]\n# a comment\n\n%s = %s\n' % (key, value))
                self.assertEqual(status, 1, (out, err))
                self.assertRegex(err, r'(?m)^(\S+: )?%s:4: %s: \S' % (re.escape(str(self.folder / 'c.cfg')), key))

    def test_unknown_keys_are_a_warning(self):
        status, out, err = self.check_config('[global]\nenable = true\nwsp_pth = /x\nrpc_hosts =\n')
        self.assertEqual(status, 0)
        self.assertRegex(err, re.escape('%s:3: wsp_pth: ' % (self.folder / 'c.cfg')))
        self.assertIn('wsp_path', err.replace('wsp_pth', ''), 'the nearest known name')

    def test_a_file_that_is_not_there(self):
        path = self.folder / 'none.cfg'
        for args in (['-c', path], ['--config', path], ['--check-config', '-c', path]):
            status, out, err = self.run_program(*args)
            self.assertEqual(status, 1)
            self.assertIn(str(path), err)
            self.assertIn('No such file', err)

    @unittest.skipIf(os.geteuid() != 0, 'only root can become somebody who may not read a file')
    def test_a_file_that_may_not_be_read(self):
        path = self.folder / 'secret.cfg'
        path.write_text('[global]\nenable = true\n')
        path.chmod(0o600)
        binary = self.folder / 'numeter-storage'
        binary.write_bytes(Path(program()).read_bytes())  # the build folder may be closed to others
        binary.chmod(0o755)

        nobody = pwd.getpwnam('nobody')
        done = subprocess.run([str(binary), '--check-config', '-c', str(path)], capture_output=True, text=True,
                              user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(str(path), done.stderr)
        self.assertIn('Permission denied', done.stderr)

    def test_not_enabled(self):
        for enable in ('false', 'no', '0', 'off', None):
            with self.subTest(enable):
                daemon = Daemon(self.folder, enable=enable)
                err = self.start_fails(daemon, 2)
                self.assertIn('enable = true', err)
                self.assertIn(str(daemon.config_path), err)
                self.assertFalse(daemon.wsp_path.exists())

    def test_is_enabled(self):
        path = self.folder / 'c.cfg'
        for text, status, said in (('[global]\nenable = true\n', 0, ''), ('[global]\n', 2, 'enable is false'),
                                   ('[global]\nenable = false\nnosuch = 1\n', 2, 'enable is false'),
                                   ('[global]\nenable = maybe\n', 0, '')):  # the start says what is wrong
            path.write_text(text)
            got = self.run_program('--is-enabled', '-c', path)
            self.assertEqual((got[0], got[1], got[2].count('\n')), (status, '', 1 if said else 0), text)
            self.assertIn(said, got[2])
        self.assertFalse((self.folder / 'wsps').exists())

    # ---- users

    @unittest.skipIf(os.geteuid() != 0, 'needs root')
    def test_started_as_root_it_becomes_its_user(self):
        nobody = pwd.getpwnam('nobody')
        group = grp.getgrgid(nobody.pw_gid).gr_name
        for path in (type(self).folder, self.folder):
            os.chmod(path, 0o755)
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        daemon = Daemon(self.folder, user='nobody', group=group, http_ingest='true')
        with daemon:
            self.assertEqual(owners(daemon.process.pid), (nobody.pw_uid, nobody.pw_gid, [nobody.pw_gid]))
            status, _, answer = daemon.post(recorded.data_message('h', 'p', int(time.time()), {'v': 1, 'bad': 'x'}))
            self.assertEqual((status, answer['accepted']), (200, 1))
            daemon.flush()
            made = [p for p in self.folder.rglob('*') if p.name not in ('stderr', 'host-list', 'numeter_storage.cfg')]
            self.assertTrue({'v.wsp', 'metadata.sqlite', 'numeter-storage.log'} <= {p.name for p in made})
            self.assertTrue(any(p.suffix == '.jsonl' for p in made))
            for p in made:
                self.assertEqual((p.stat().st_uid, p.stat().st_gid), (nobody.pw_uid, nobody.pw_gid), p)
                self.assertEqual(p.stat().st_mode & 0o002, 0, 'writable by everybody: %s' % p)

    @unittest.skipIf(os.geteuid() != 0, 'needs root')
    def test_a_user_that_does_not_exist(self):
        err = self.start_fails(Daemon(self.folder, user='no-such-user-here'))
        self.assertIn('no-such-user-here', err)
        err = self.start_fails(Daemon(self.folder, user='nobody', group='no-such-group-here'))
        self.assertIn('no-such-group-here', err)

    # ---- locks, files, addresses

    def test_a_second_daemon_on_the_same_tree(self):
        for name in ('second', 'third'):
            (self.folder / name).mkdir()
        with Daemon(self.folder) as first:
            second = Daemon(self.folder / 'second', wsp_path=first.wsp_path)
            err = self.start_fails(second)
            self.assertRegex(err, r'\b%d\b' % first.process.pid)
            self.assertIn(str(first.wsp_path), err)
            third = Daemon(self.folder / 'third', metadata=first.keys['metadata'])
            err = self.start_fails(third)
            self.assertRegex(err, r'\b%d\b' % first.process.pid)
            first.kill9()
            with second:
                self.assertTrue(second.alive())
            first.start()

    def test_an_address_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            address = '127.0.0.1:%d' % taken.getsockname()[1]
            self.assertIn(address, self.start_fails(Daemon(self.folder, http_listen=address)))

    def test_places_that_cannot_be_written(self):
        (self.folder / 'file').write_text('')
        for key, value in (('wsp_path', self.folder / 'file' / 'wsps'), ('rejected_path', self.folder / 'file' / 'r'),
                           ('metadata', 'sqlite:%s' % (self.folder / 'file' / 'db')),
                           ('log_path', self.folder / 'file' / 'log')):
            with self.subTest(key):
                err = self.start_fails(Daemon(self.folder, **{key: value}))
                self.assertIn(str(self.folder / 'file'), err)

    def test_a_unix_socket(self):
        path = self.folder / 'http.sock'
        daemon = Daemon(self.folder)
        daemon.keys.update(http_listen='unix:%s, 127.0.0.1:%d' % (path, daemon.port), http_socket_mode='0600')
        daemon.write_config()
        with daemon, socket.socket(socket.AF_UNIX) as s:
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            s.connect(str(path))
            s.sendall(b'GET /numeter-storage/ HTTP/1.0\r\n\r\n')
            answer = b''
            while True:
                some = s.recv(4096)
                if not some:
                    break
                answer += some
            self.assertIn(b'200 OK', answer)
            self.assertIn(b'index pass', answer)
            daemon.kill9()  # leaves the socket behind: it must start over it
            daemon.start()

    # ---- life

    def test_signals_end_it_quickly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                daemon = Daemon(self.folder, rpc_hosts='127.0.0.1:1', redis_storage_port=1).start()
                daemon.process.send_signal(number)
                self.assertEqual(daemon.process.wait(2 * SLOW), 0)
                daemon.check_stderr()
                daemon.process = None

    def test_sighup_does_not_end_it(self):
        with Daemon(self.folder) as daemon:
            daemon.process.send_signal(signal.SIGHUP)
            for _ in range(20):
                self.assertEqual(daemon.index(), (200, 'index pass'))

    def test_a_log_of_its_own_and_a_quiet_stderr(self):
        with Daemon(self.folder, log_level='debug', log_level_stdr='critical', rpc_password='pass-word-1') as daemon:
            self.assertTrue(daemon.log_lines(r'\binfo\b.*\bevent='))
            self.assertRegex(daemon.log(), r'pid=%d|\[%d\]|RLIMIT_NOFILE|nofile' % ((daemon.process.pid,) * 2))
            self.assertNotIn('pass-word-1', daemon.log())
        self.assertEqual(daemon.stderr(), '')

    def test_an_empty_host_list_is_a_warning(self):
        with Daemon(self.folder, hosts=[], rpc_hosts='127.0.0.1:1') as daemon:
            self.assertTrue(wait_until(lambda: daemon.log_lines(r'\bwarn\w*\b.*host.list'), 5, daemon.log))

    def test_without_any_server(self):
        """metadata = sqlite, no rpc_hosts, http_ingest: nothing is connected to."""
        with Daemon(self.folder, http_ingest='true') as daemon:
            now = int(time.time())
            self.assertEqual(daemon.post(recorded.data_message('h', 'p', now, {'v': 1}))[0], 200)
            self.assertEqual(daemon.data('h', 'p', ['v']), {'v': {now // 60 * 60: 1.0}})
            self.assertEqual(set(connections(daemon.process.pid)), set())

    def test_a_clock_of_its_own(self):
        """libfaketime works on it: golden replies are compared this way."""
        with Daemon(self.folder, http_ingest='true', now=1400003617) as daemon:
            self.assertEqual(daemon.post(recorded.data_message('h', 'p', 1400003600, {'v': 1}))[2]['accepted'], 1)
            reply = daemon.get('data', host='h', plugin='p', ds='v', res='Daily')[2]
            self.assertIn(reply['TS_start'], (1399917240, 1399917300))
            self.assertEqual(daemon.data('h', 'p', ['v']), {'v': {1400003580: 1.0}})


def owners(pid):
    """(uid, gid, supplementary groups); all four ids of each must be the same."""
    status = Path('/proc/%d/status' % pid).read_text()
    uid, gid, groups = (list(map(int, re.search(r'(?m)^%s:(.*)$' % k, status)[1].split()))
                        for k in ('Uid', 'Gid', 'Groups'))
    assert len(set(uid)) == len(set(gid)) == 1, status
    return uid[0], gid[0], groups or gid[:1]


def connections(pid):
    """Established or opening TCP connections that the process made (those to its own port left out)."""
    inodes = set()
    for fd in os.listdir('/proc/%d/fd' % pid):
        try:
            what = os.readlink('/proc/%d/fd/%s' % (pid, fd))
        except FileNotFoundError:  # a file being written, closed again
            continue
        if what.startswith('socket:['):
            inodes.add(what[8:-1])
    lines = [line.split() for line in Path('/proc/net/tcp').read_text().splitlines()[1:]]
    listening = {f[1] for f in lines if f[3] == '0A' and f[9] in inodes}
    return [f[2] for f in lines if f[9] in inodes and f[3] in ('01', '02') and f[1] not in listening]


if __name__ == '__main__':
    main()

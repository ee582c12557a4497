#!/usr/bin/python3
"""Configuration and host-list read again by a daemon at work: what is taken over, what is not, and nothing is lost."""
import collections
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import numbered, recorded  # noqa: E402
from support.amqp import EXCHANGE, Amqp, cast_body  # noqa: E402
from support.case import ROOT, ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.servers import RabbitMQServer  # noqa: E402
from support.wait import SLOW, Late, wait_until  # noqa: E402

try:
    import pika.exceptions
    import whisper
except ImportError as error:
    print('skipped: %s' % error)
    sys.exit(77)

N_ROUNDS = 21
STAYING = ['host-%s.example' % c for c in 'abcdefghijklmn']
OTHERS = ['other-%d' % i for i in range(30)]


def write_by_rename(path, text):
    """As editors and configuration management do."""
    beside = path.with_name('.%s.tmp' % path.name)
    beside.write_text(text)
    os.rename(beside, path)


def archives_of(path):
    return [(a['secondsPerPoint'], a['points']) for a in whisper.info(str(path))['archives']]


class Gate:
    """A way to the broker that can be closed: to the daemon the broker is away then."""

    def __init__(self, port):
        self.target, self.port, self.is_open, self.pairs = port, free_port(), True, []
        self.listener = None
        self.open()

    def open(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', self.port))
        self.listener.listen()
        threading.Thread(target=self._serve, args=(self.listener,), daemon=True).start()

    def _serve(self, listener):
        while True:
            try:
                a, _ = listener.accept()
            except OSError:
                return
            b = socket.create_connection(('127.0.0.1', self.target))
            self.pairs += [a, b]
            for source, sink in ((a, b), (b, a)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while some := source.recv(65536):
                sink.sendall(some)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for s in self.pairs:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        self.pairs = []


class Sender(threading.Thread):
    """Numbered messages of hosts in turn, each confirmed and each to be taken by a queue, until told to end."""

    def __init__(self, port, hosts, now):
        super().__init__(daemon=True)
        self.port, self.hosts, self.now = port, hosts, now
        self.ending, self.failure, self.n = threading.Event(), None, 0

    def run(self):
        try:
            with Amqp(self.port) as amqp:
                while not self.ending.is_set():
                    for host in self.hosts:
                        amqp.send(numbered.message(host, self.n, self.now))
                    self.n += 1
        except Exception as error:  # told by the test, in its own thread
            self.failure = error

    def end(self):
        self.ending.set()
        self.join(60 * SLOW)


class ReloadCase(ServersCase):
    def reload(self, daemon):
        answer = daemon.control('reload')
        self.assertNotIn('error', answer)
        return answer

    def n_done(self, daemon):
        return len(daemon.log_lines(r'event=reload\.done'))

    def ctl(self, daemon, *args):
        return subprocess.run([os.environ['NUMETERCTL'], '--socket', str(daemon.control_socket), *args],
                              capture_output=True, text=True, timeout=30 * SLOW)


class Hosts(ReloadCase):
    needs = ('rabbitmq',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()

    def setUp(self):
        super().setUp()
        self.queue = 'storage-' + self._testMethodName
        self.amqp = Amqp(self.rabbitmq.port)
        self.addCleanup(self.amqp.close)
        self.addCleanup(lambda: self.amqp.channel.queue_delete(self.queue))

    def daemon(self, hosts, port=None, **keys):
        keys.setdefault('unbind_delay_s', 0)
        return Daemon(self.folder, hosts=hosts, rpc_hosts='127.0.0.1:%d' % (port or self.rabbitmq.port),
                      storage_name=self.queue, **keys)

    def is_bound(self, host):
        """By a message that nobody can use, but that is routed like any other."""
        try:
            self.amqp.publish(host, cast_body(recorded.info_message(host, 'probe', ['v'])))
        except pika.exceptions.UnroutableError:
            return False
        return True

    def wait_bound(self, bound, unbound=()):
        self.amqp.wait_consumed(queue=self.queue)  # it has declared exchange and queue
        wait_until(lambda: all(map(self.is_bound, bound)) and not any(map(self.is_bound, unbound)), 10,
                   lambda: '%s bound, %s not' % (bound, unbound))

    def bindings(self):
        """Binding keys of the queue to the exchange, each as often as it stands there."""
        said = self.rabbitmq.rabbitmqctl('list_bindings', 'source_name', 'destination_name', 'routing_key')
        lines = (said if isinstance(said, str) else said.stdout).splitlines()
        return collections.Counter(key for source, destination, key in (line.split('\t') for line in lines if '\t' in line)
                                   if source == EXCHANGE and destination == self.queue)

    def test_under_load_nothing_is_lost_and_nothing_bound_twice(self):
        now = int(time.time())
        on_list = OTHERS[:5]
        with self.daemon(STAYING + on_list) as daemon:
            self.amqp.wait_consumed(queue=self.queue)
            sender = Sender(self.rabbitmq.port, STAYING, now)
            sender.start()
            for i in range(N_ROUNDS):
                before, on_list = on_list, OTHERS[i % 20:i % 20 + 1 + i % 7]
                text = ''.join('%s\n' % h for h in (STAYING + on_list if i % 2 else on_list + STAYING))
                if i % 3 == 0:
                    daemon.host_list_path.write_text(text)
                    daemon.process.send_signal(signal.SIGHUP)
                elif i % 3 == 1:
                    write_by_rename(daemon.host_list_path, text)
                else:
                    daemon.host_list_path.write_text(text)
                self.wait_bound(on_list, [h for h in before if h not in on_list])
            sender.end()
            self.assertIsNone(sender.failure)
            self.assertGreater(sender.n, N_ROUNDS)
            for host in STAYING:
                wait_until(lambda: numbered.stored(daemon, host, sender.n) == set(range(sender.n)), 20,
                           lambda: 'all of %s' % host)
            self.assertEqual(self.bindings(), collections.Counter(STAYING + on_list + [self.queue]))
            self.assertTrue(self.is_bound(self.queue), 'the storage\'s own key')
            listed = (daemon.wsp_path / '.listed').read_text().split('\n')[:-1]
            self.assertEqual(len(listed), len(set(listed)))
            self.assertLessEqual(set(STAYING + OTHERS[:5] + on_list), set(listed), 'who ever stood on it')
            self.assertGreaterEqual(self.n_done(daemon), N_ROUNDS)

    def test_every_host_and_back(self):
        with self.daemon(['a', 'b']) as daemon:
            self.wait_bound(['a', 'b'], ['c'])
            daemon.write_hosts(['*'])
            answer = self.reload(daemon)
            self.assertEqual((answer['hosts'], answer['hosts_added'], answer['hosts_removed']), (1, 1, 2))
            self.wait_bound(['a', 'c'])
            daemon.write_hosts(['b'])
            self.reload(daemon)
            self.wait_bound(['b'], ['a', 'c'])
            self.assertEqual((daemon.wsp_path / '.listed').read_text(), 'a\nb\n')

    def test_while_rabbitmq_is_away(self):
        gate = Gate(self.rabbitmq.port)
        self.addCleanup(gate.close)
        with self.daemon(['a', 'b'], port=gate.port) as daemon:
            self.wait_bound(['a', 'b'], ['c'])
            gate.close()
            wait_until(lambda: daemon.log_lines(r'event=broker\.away'), 10, daemon.log)
            for hosts in (['x'], ['b', 'c']):
                daemon.write_hosts(hosts)
                self.reload(daemon)
            self.assertTrue(self.is_bound('a'))
            gate.open()
            self.wait_bound(['b', 'c'], ['a', 'x'])

    def test_a_host_taken_off_while_the_daemon_was_down(self):
        with self.daemon(['a', 'b']):
            self.wait_bound(['a', 'b'])
            self.amqp.send(recorded.data_message('a', 'p', int(time.time()), {'v': 1}))
        with self.daemon(['b']) as daemon:
            self.wait_bound(['b'], ['a'])
            self.assertEqual((daemon.wsp_path / '.listed').read_text(), 'a\nb\n')

    def test_a_list_in_the_middle_of_being_written_unbinds_nobody(self):
        hosts = ['a', 'b', 'c']
        with self.daemon(hosts, unbind_delay_s=3) as daemon:
            self.wait_bound(hosts)
            with open(daemon.host_list_path, 'w') as file:
                file.write('a\nd\n')
                file.flush()
                answer = self.reload(daemon)  # as a SIGHUP at the wrong time
                self.assertEqual((answer['hosts_added'], answer['hosts_removed']), (1, 2))
                self.wait_bound(['d'])
                self.assertTrue(all(map(self.is_bound, hosts)))
                cut = time.monotonic()
                file.write('b\n')
            wait_until(lambda: daemon.log_lines(r'event=reload\.done .* hosts=3 hosts_added=1 '), 10, daemon.log)
            unbound = wait_until(lambda: not self.is_bound('c') and time.monotonic(), 10, 'c is unbound in the end')
            self.assertGreater(unbound - cut, 2.5)
            self.assertTrue(all(map(self.is_bound, ['a', 'b', 'd'])), 'who came back stays')
            self.assertEqual(self.bindings(), collections.Counter(['a', 'b', 'd', self.queue]))


class Watching(ReloadCase):
    """Without RabbitMQ: its address is one where nobody is."""

    def daemon(self, **keys):
        return Daemon(self.folder, hosts=['a'], rpc_hosts='127.0.0.1:1', **keys)

    def wait_hosts(self, daemon, n):
        wait_until(lambda: daemon.log_lines(r'event=reload\.done .*\bhosts=%d ' % n), 10, daemon.log)

    def test_links_absence_and_many_changes_at_once(self):
        folder = self.folder / 'lists'
        for name, n in (('one', 2), ('two', 3)):
            (folder / name).mkdir(parents=True)
            (folder / name / 'host-list').write_text(''.join('h%d\n' % i for i in range(n)))
        (folder / 'now').symlink_to('one')
        (folder / 'host-list').symlink_to('now/host-list')
        with self.daemon(host_list_file=folder / 'host-list') as daemon:
            with self.subTest('a link on the way points elsewhere'):
                (folder / 'new').symlink_to('two')
                os.rename(folder / 'new', folder / 'now')
                self.wait_hosts(daemon, 3)
            with self.subTest('the file behind the links changes'):
                (folder / 'two' / 'host-list').write_text('a\nb\nc\nd\n')
                self.wait_hosts(daemon, 4)
            with self.subTest('it is gone for a while, with its folder'):
                shutil.rmtree(folder / 'two')
                wait_until(lambda: daemon.log_lines(r'error event=reload\.refused .*host-list'), 10, daemon.log)
                self.assertEqual(daemon.control('reload')['rc'], 'absent')
                (folder / 'two').mkdir()
                write_by_rename(folder / 'two' / 'host-list', 'a\nb\nc\nd\ne\n')
                self.wait_hosts(daemon, 5)
            with self.subTest('many changes are one'):
                n = self.n_done(daemon)
                for i in range(100):
                    write_by_rename(folder / 'two' / 'host-list', 'a\n' * (i + 1))
                (folder / 'two' / 'host-list').write_text('a\nb\nc\nd\ne\nf\n')
                self.wait_hosts(daemon, 6)
                self.assertLessEqual(self.n_done(daemon), n + 3)
            with self.subTest('what is not about it is none'):
                n = self.n_done(daemon)
                for i in range(20):
                    (folder / 'two' / ('x%d' % i)).write_text('')
                os.utime(folder / 'two')
                (folder / 'two' / 'host-list').write_text('a\nb\nc\nd\ne\nf\ng\n')
                self.wait_hosts(daemon, 7)
                self.assertEqual(self.n_done(daemon), n + 1)

    def test_a_list_that_is_written_slowly_counts_when_it_is_closed(self):
        with self.daemon() as daemon:
            path = daemon.host_list_path
            path.unlink()
            with open(path, 'w') as file:
                self.assertRaises(Late, wait_until, lambda: daemon.log_lines(r'event=reload\.(done|refused)'), 1)
                file.write('a\nb\n')
                file.flush()
                self.assertRaises(Late, wait_until, lambda: daemon.log_lines(r'event=reload\.(done|refused)'), 1)
                file.write('c\n')
            self.wait_hosts(daemon, 3)
            self.assertEqual(self.n_done(daemon), 1)

    def test_an_empty_list_counts_when_somebody_says_so(self):
        with self.daemon() as daemon:
            daemon.host_list_path.write_text('')
            wait_until(lambda: daemon.log_lines(r'warning event=hosts\.kept hosts=1:'), 10, daemon.log)
            self.wait_hosts(daemon, 1)
            answer = self.reload(daemon)
            self.assertEqual((answer['hosts'], answer['hosts_removed']), (0, 1))
            self.assertIn('no host', answer['warnings'][0])
            daemon.host_list_path.write_text('a\nb\n')
            self.wait_hosts(daemon, 2)
            daemon.host_list_path.write_text('')
            wait_until(lambda: daemon.log_lines(r'warning event=hosts\.kept hosts=2:'), 10, daemon.log)
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(daemon.log_lines(r'event=reload\.done .*\bhosts=0 ')) == 2, 10, daemon.log)

    def test_a_bad_configuration_does_not_hide_a_change_of_the_list(self):
        with self.daemon() as daemon:
            daemon.keys['max_future_s'] = 'soon'
            daemon.write_config()
            daemon.host_list_path.write_text('a\nb\n')
            wait_until(lambda: daemon.log_lines(r'event=hosts\.reloaded hosts=2 hosts_added=1 hosts_removed=0'), 10,
                       daemon.log)
            self.assertTrue(daemon.log_lines(r'error event=reload\.refused .*max_future_s: .*the configuration stays'))
            with self.subTest('nor does asking for it'):
                daemon.host_list_path.write_text('a\nb\nc\n')
                self.assertEqual(daemon.control('reload')['rc'], 'refused')
                wait_until(lambda: daemon.log_lines(r'event=hosts\.reloaded hosts=3 hosts_added=1 '), 10, daemon.log)
            with self.subTest('and a list that is gone is told'):
                daemon.host_list_path.unlink()
                wait_until(lambda: daemon.log_lines(r'error event=reload\.refused .*the host-list stays'), 10, daemon.log)
                self.assertEqual(self.n_done(daemon), 0)

    def test_another_host_list_file(self):
        other = self.folder / 'elsewhere'
        other.write_text('a\nb\n')
        with self.daemon() as daemon:
            daemon.keys['host_list_file'] = other
            daemon.write_config()
            answer = self.reload(daemon)
            self.assertEqual([d['key'] for d in answer['changed']], ['host_list_file'])
            self.assertEqual((answer['hosts'], answer['hosts_added']), (2, 1))
            other.write_text('a\nb\nc\n')
            self.wait_hosts(daemon, 3)


class Configuration(ReloadCase):
    def change(self, daemon, **keys):
        daemon.keys.update(keys)
        daemon.write_config()

    def test_a_bad_file_changes_nothing(self):
        with Daemon(self.folder, hosts=['a'], rpc_hosts='127.0.0.1:1', http_ingest='true',
                    http_ingest_token='token-one') as daemon:
            daemon.write_hosts(['a', 'b'])
            wait_until(lambda: self.n_done(daemon) == 1, 10, daemon.log)
            self.change(daemon, log_level='debug', http_ingest_token='token-two', max_future_s='soon')
            line = 1 + list(daemon.keys).index('max_future_s') + 1
            why = '%s:%d: max_future_s: ' % (daemon.config_path, line)
            answer = daemon.control('reload')
            self.assertEqual(answer['rc'], 'refused')
            self.assertTrue(answer['error'].startswith(why), answer)
            daemon.process.send_signal(signal.SIGHUP)
            lines = wait_until(lambda: (found := daemon.log_lines(r'error event=reload\.refused'))
                               and len(found) == 2 and found, 10, daemon.log)
            self.assertIn(why, lines[0])
            done = self.ctl(daemon, 'reload')
            self.assertEqual((done.returncode, done.stdout), (1, ''))
            self.assertIn(why, done.stderr)
            self.assertEqual(daemon.post({'hostid': 'h'}, token='token-two')[0], 401)
            self.assertEqual(daemon.post({'hostid': 'h'}, token='token-one')[0], 200)
            self.assertFalse(daemon.log_lines(r'\bdebug event='))
            with self.subTest('but the log is opened anew, whatever the file says'):
                os.rename(daemon.log_path, self.folder / 'moved.log')
                self.assertEqual(daemon.control('reload')['rc'], 'refused')
                self.assertTrue(daemon.log_lines(r'error event=reload\.refused'))
            with self.subTest('a log file that cannot be opened is such a thing'):
                self.change(daemon, max_future_s=600, log_path=self.folder / 'none' / 'log')
                answer = daemon.control('reload')
                self.assertRegex(answer['error'], r'numeter_storage\.cfg:\d+: log_path: .*No such file')
                self.assertEqual(daemon.post({'hostid': 'h'}, token='token-one')[0], 200)
            with self.subTest('and then a good one'):
                self.change(daemon, log_path=daemon.log_path)
                self.assertEqual([d['key'] for d in self.reload(daemon)['changed']],
                                 ['log_level', 'http_ingest_token'])
                self.assertEqual(daemon.post({'hostid': 'h'}, token='token-two')[0], 200)

    def test_what_is_taken_over_and_what_is_not(self):
        with Daemon(self.folder, http_ingest='true', http_ingest_token='old-token-1', redis_storage_password='old-pass-1',
                    http_cors_origin='http://old.example') as daemon:
            now = int(time.time())
            daemon.get('hosts')
            self.change(daemon, log_level='debug', http_ingest_token='new-token-2', redis_storage_password='new-pass-2',
                        http_cors_origin='http://new.example', max_future_s='100000', rejected_max_bytes='8192', wsp_path=self.folder / 'other',
                        unknown_key='1', log_path=self.folder / 'new.log')
            answer = self.reload(daemon)
            self.assertEqual({d['key']: (d['was'], d['is']) for d in answer['changed']},
                             {'log_level': ('info', 'debug'), 'http_ingest_token': ('***', '***'),
                              'http_cors_origin': ('http://old.example', 'http://new.example'),
                              'max_future_s': ('600', '100000'), 'rejected_max_bytes': ('100MB', '8k'),
                              'log_path': (str(daemon.log_path), str(self.folder / 'new.log'))})
            self.assertEqual({d['key']: (d['was'], d['is']) for d in answer['needs_restart']},
                             {'redis_storage_password': ('***', '***'),
                              'wsp_path': (str(daemon.wsp_path), str(self.folder / 'other'))})
            self.assertRegex(answer['warnings'][0], r'numeter_storage\.cfg:\d+: unknown_key: unknown option')
            daemon.log_path = self.folder / 'new.log'
            self.assertTrue(daemon.log_lines(r'warning event=reload\.needs_restart wsp_path: was "%s", is now "%s" in '
                                             r'the file: needs a restart' % (daemon.wsp_path, self.folder / 'other')))
            self.assertIn(b'\nnumeter_storage_rejected_max_bytes 8192\n', daemon.request('GET', '/metrics')[2])
            message = recorded.data_message('h', 'p', now + 50000, {'v': 1})
            self.assertEqual(daemon.post(message, token='old-token-1')[0], 401)
            self.assertEqual(daemon.post(message, token='new-token-2')[2], {'accepted': 1, 'rejected': []})
            for origin, allowed in (('http://old.example', None), ('http://new.example', 'http://new.example')):
                _, headers, _ = daemon.request('GET', '/numeter-storage/hosts', headers={'Origin': origin})
                self.assertEqual(headers.get('access-control-allow-origin'), allowed)
            daemon.control('status')
            wait_until(lambda: daemon.log_lines(r'\bdebug event='), 5, daemon.log)
            self.assertEqual(self.reload(daemon)['changed'], [], 'against what is in force')
            self.assertEqual(len(self.reload(daemon)['needs_restart']), 2, 'until it is restarted')
            done = self.ctl(daemon, 'reload')
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertIn('needs a restart: wsp_path: was "%s", is now "%s"\n' % (daemon.wsp_path, self.folder / 'other'),
                          done.stdout)
            self.assertIn('0 hosts, 0 added, 0 removed\n', done.stdout)
            logs = (self.folder / 'numeter-storage.log').read_text() + daemon.log() + json.dumps(answer)
            self.assertNotRegex(logs, 'old-token-1|new-token-2|old-pass-1|new-pass-2')

    def test_archives_are_for_new_files(self):
        with Daemon(self.folder, http_ingest='true', archives='60:1440', sections='[archives x]\nds = x*\narchives = 60:60\n'
                    ) as daemon:
            t = int(time.time()) // 60 * 60 - 600
            path = daemon.wsp_path / '25' / 'h' / 'p'
            daemon.post([recorded.data_message('h', 'p', t, {'a': 1, 'b': 1, 'x': 1})])
            daemon.flush()
            self.assertEqual({archives_of(path / (ds + '.wsp'))[0] for ds in 'abx'}, {(60, 1440), (60, 60)})
            self.change(daemon, archives='60:2880, 300:2016')
            daemon.sections = '[archives x]\nds = x*\narchives = 60:120\n[archives y]\nds = y\narchives = 30:500\n'
            daemon.write_config()
            self.assertEqual([d['key'] for d in self.reload(daemon)['changed']], ['archives', '[archives x]', '[archives y]'])
            daemon.post([recorded.data_message('h', 'p', t + 60, {'a': 2, 'b': 2, 'c': 2, 'x': 2, 'x1': 2, 'y': 2})])
            daemon.flush()
            self.assertEqual({ds: archives_of(path / (ds + '.wsp')) for ds in ('a', 'b', 'c', 'x', 'x1', 'y')},
                             {'a': [(60, 1440)], 'b': [(60, 1440)], 'c': [(60, 2880), (300, 2016)], 'x': [(60, 60)],
                              'x1': [(60, 120)], 'y': [(30, 500)]})
            # what was accepted before is readable still
            self.assertEqual(daemon.data('h', 'p', ['a'])['a'], {t: 1.0, t + 60: 2.0})

            def said():
                daemon.post([recorded.data_message('h', 'p', t + 120, {'a': 3, 'c': 3})])
                daemon.flush()
                return daemon.log_lines(r'event=values\.archives_differ')
            line, = wait_until(said, 10, daemon.log)
            self.assertRegex(line, r'files=3 example="25/h/p/[abx]\.wsp".*numeterctl resize')
            _, _, metrics = daemon.request('GET', '/metrics')
            self.assertIn(b'numeter_storage_files_differ_total 3\n', metrics)
            said()
            self.assertEqual(len(daemon.log_lines(r'event=values\.archives_differ')), 1, 'once')
            with self.subTest('what files are converted to, and a lost header is made from, is what counts now'):
                answer = daemon.control('resize', host='h', folder='25/h', files=['p/b'], archives='configured')
                self.assertEqual([f['done'] for f in answer['files']], ['resized'], answer)
                with open(path / 'c.wsp', 'r+b') as file:
                    file.write(bytes(64))
                answer = daemon.control('repair', host='h', folder='25/h', plugin='p', ds='c')
                self.assertEqual((answer['done'], answer['header_rebuilt']), ('mended', True), answer)
                self.assertEqual([archives_of(path / ds) for ds in ('b.wsp', 'c.wsp')], [[(60, 2880), (300, 2016)]] * 2)
        # and once after the next start
        with Daemon(self.folder, http_ingest='true', archives='60:2880, 300:2016', sections=daemon.sections) as daemon:
            def again():
                daemon.post([recorded.data_message('h', 'p', t + 180, {'a': 3})])
                daemon.flush()
                return len(daemon.log_lines(r'event=values\.archives_differ')) == 2
            wait_until(again, 10, daemon.log)


class Log(ReloadCase):
    def test_logrotate(self):
        """The file that the package brings, with paths of the test, run by logrotate itself."""
        logrotate = shutil.which('logrotate', path='/usr/sbin:/usr/bin')
        if logrotate is None:
            raise unittest.SkipTest('no logrotate on this machine')
        with Daemon(self.folder) as daemon:
            text = (ROOT / 'packaging' / 'numeter-storage.logrotate').read_text()
            for old, new in (('/var/log/numeter/numeter-storage.log', str(daemon.log_path)),
                             ('numeterctl ', '%s --socket %s ' % (os.environ['NUMETERCTL'], daemon.control_socket))):
                self.assertIn(old, text)
                text = text.replace(old, new)
            text = re.sub(r'(?m)^\s*(su|create) .*\n', '', text)
            config = self.folder / 'rotate.conf'
            config.write_text(text)
            config.chmod(stat.S_IRUSR | stat.S_IWUSR)
            inode = daemon.log_path.stat().st_ino
            done = subprocess.run([logrotate, '-f', '-s', str(self.folder / 'state'), str(config)], capture_output=True,
                                  text=True, timeout=30 * SLOW)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
            wait_until(daemon.log_path.exists, 5, 'a new log')
            self.assertEqual((self.folder / 'numeter-storage.log.1').stat().st_ino, inode)
            self.assertNotEqual(daemon.log_path.stat().st_ino, inode)
            self.assertEqual(stat.S_IMODE(daemon.log_path.stat().st_mode), 0o640)
            self.assertTrue(daemon.log_lines(r'event=reload\.done'))
            os.rename(daemon.log_path, self.folder / 'moved')
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: daemon.log_lines(r'event=log\.reopened'), 5, 'it goes on in a new one')


if __name__ == '__main__':
    main()

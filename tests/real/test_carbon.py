"""Carbon lines over true sockets: into files, readable at once, and what a Graphite agent can do wrong."""
import random
import socket
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.servers import RedisServer  # noqa: E402
from support.wait import wait_until  # noqa: E402


def dial(port):
    """HTTP answers a moment before carbon does: the journal is replayed in between."""
    got = []

    def connected():
        try:
            got.append(socket.create_connection(('127.0.0.1', port), timeout=20))
        except ConnectionRefusedError:
            return False
        return True
    wait_until(connected, 10, 'somebody listens on port %d' % port)
    return got[0]


class CarbonCase(ServersCase):
    def setUp(self):
        super().setUp()
        self.carbon_port = free_port()
        self.now = int(time.time()) // 60 * 60

    def daemon(self, **keys):
        return Daemon(self.folder, carbon_listen='127.0.0.1:%d' % self.carbon_port, **keys)

    def connect(self):
        s = dial(self.carbon_port)
        self.addCleanup(s.close)
        return s

    def send(self, text):
        with dial(self.carbon_port) as s:
            s.sendall(text.encode())

    def wait_data(self, daemon, host, plugin, expected):
        """expected: {ds: {time: value}}, all that /data gives of these ds."""
        got = {}

        def there():
            got['is'] = daemon.data(host, plugin, list(expected))
            return got['is'] == expected
        wait_until(there, 10, lambda: '%r; it is %r' % (expected, got.get('is')))

    def counter(self, daemon, name):
        _, _, body = daemon.request('GET', '/metrics')
        for line in body.decode().splitlines():
            if line.startswith('numeter_storage_%s_total ' % name):
                return int(float(line.split()[1]))
        raise AssertionError('no %s in:\n%s' % (name, body.decode()[:3000]))


class TestLines(CarbonCase):
    def test_tcp_and_udp_reach_the_readers(self):
        t = self.now - 120
        with self.daemon() as daemon:
            self.send('web1.example.org.load.short 0.77 %d\nweb1.example.org.load.long -3e2 %d\r\n' % (t, t))
            self.wait_data(daemon, 'web1.example.org', 'load', {'short': {t: 0.77}, 'long': {t: -300}})
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(b'web1.example.org.load.short 1.5 %d' % (t + 60), ('127.0.0.1', self.carbon_port))
                s.sendto(b'uptime 7 %d\nweb2.uptime 8 %d\n' % (t, t), ('127.0.0.1', self.carbon_port))
            self.wait_data(daemon, 'web1.example.org', 'load', {'short': {t: 0.77, t + 60: 1.5}, 'long': {t: -300}})
            self.wait_data(daemon, 'carbon', 'carbon', {'uptime': {t: 7}})
            self.wait_data(daemon, 'web2', 'carbon', {'uptime': {t: 8}})
            _, _, hosts = daemon.get('hosts')
            self.assertEqual(set(hosts), {'web1.example.org', 'carbon', 'web2'})
            self.assertEqual(hosts['web1.example.org']['Name'], 'web1.example.org')
            _, _, plugins = daemon.get('list', host='web1.example.org')
            self.assertEqual(set(plugins), {'load'})
            self.assertEqual(set(plugins['load']['Infos']), {'short', 'long'})
            self.assertEqual(rejected_lines(daemon.rejected_path), [])

    def test_bad_lines_are_kept_aside_and_the_connection_stays(self):
        t = self.now - 60
        bad = {
            'rubbish': 'carbon_line', 'h.p.d 1': 'carbon_line', 'h.p.d 1 %d 3' % t: 'carbon_line',
            'h.p.d 0x1 %d' % t: 'value', 'h.p.d 1 soon': 'timestamp', 'h..d 1 %d' % t: 'carbon_line',
            'h.p.d/e 1 %d' % t: 'ds_name', 'h.p.d 1 %d' % (t + 5000): 'future', 'h.p.d 1 5': 'too_old',
        }
        with self.daemon() as daemon:
            s = self.connect()
            for line in bad:
                s.sendall(line.encode() + b'\nh.p.good 1 %d\n' % t)
            s.sendall(b'h.p.\xff 1 1\nh.p.d nan %d\nh.p.d 2 %d\n' % (t, t))
            self.wait_data(daemon, 'h', 'p', {'good': {t: 1}, 'd': {t: 2}})
            s.sendall(b'cut off')
            s.close()
            wait_until(lambda: len(rejected_lines(daemon.rejected_path)) >= len(bad) + 2, 10, 'all lines kept aside')
            lines = rejected_lines(daemon.rejected_path)
            self.assertEqual({line['input'] for line in lines}, {'carbon'})
            self.assertEqual({line['body']: line['reason'] for line in lines if 'body' in line},
                             dict(bad, **{'cut off': 'carbon_line'}))
            self.assertEqual([line['reason'] for line in lines if 'body_base64' in line], ['ds_name'])
            self.assertEqual(self.counter(daemon, 'carbon_bad_lines'), len(bad) - 2 + 2)  # ingest judges times
            self.assertEqual(self.counter(daemon, 'carbon_lines'), 2 * len(bad) + 4)
            self.assertEqual(self.counter(daemon, 'points_unknown'), 1)
            self.assertEqual(self.counter(daemon, 'carbon_connections'), 1)

    def test_lines_in_pieces(self):
        t = self.now - 60
        text = ''.join('h%d.p.d %d.25 %d\r\n' % (i, i, t) for i in range(20)).encode()
        with self.daemon() as daemon:
            s = self.connect()
            for i in range(len(text)):
                s.sendall(text[i:i + 1])
                if i % 50 == 0:
                    time.sleep(0.002)
            for i in range(20):
                self.wait_data(daemon, 'h%d' % i, 'p', {'d': {t: i + 0.25}})
            self.assertEqual(rejected_lines(daemon.rejected_path), [])


    def test_who_was_deleted_or_renamed_comes_back(self):
        t = self.now - 480
        with self.daemon() as daemon:
            s = self.connect()

            def send_all(k):
                s.sendall(b'a.p.x %d %d\na.q.x %d %d\nb.p.x %d %d\n' % ((k, t + 60 * k) * 3))
            for k in range(4):  # from the third time on the names are known for sure
                send_all(k)
                self.wait_data(daemon, 'a', 'p', {'x': {t + 60 * i: i for i in range(k + 1)}})
            self.assertNotIn('error', daemon.control('delete', what='a'))
            self.assertEqual(set(daemon.get('hosts')[2]), {'b'})
            self.assertNotIn('error', daemon.control('rename', host='b', new='c'))
            send_all(4)
            for host in ('a', 'b'):
                wait_until(lambda: host in daemon.get('hosts')[2], 10, '%s is shown again' % host)
                self.wait_data(daemon, host, 'p', {'x': {t + 240: 4}})
            self.wait_data(daemon, 'c', 'p', {'x': {t + 60 * k: k for k in range(4)}})
            self.assertEqual(set(daemon.get('list', host='a')[2]), {'p', 'q'})
            self.assertNotIn('error', daemon.control('delete', what='a/q'))
            self.assertEqual(set(daemon.get('list', host='a')[2]), {'p'})
            send_all(5)
            wait_until(lambda: 'q' in daemon.get('list', host='a')[2], 10, 'the plugin is shown again')

class TestManyAgents(CarbonCase):
    def test_every_point_of_many_connections_in_varying_order(self):
        agents, series, ticks = 60, 30, 8
        start = self.now - 60 * ticks
        shuffled = random.Random(5)
        with self.daemon() as daemon:
            sockets = [self.connect() for _ in range(agents)]
            for tick in range(ticks):
                for agent, s in enumerate(sockets):
                    order = list(range(series))
                    if agent % 2:
                        shuffled.shuffle(order)
                    s.sendall(''.join('agent%d.p%d.d%d %d %d\n' % (agent, i // 5, i % 5, agent * 1000 + i + tick,
                                                                   start + 60 * tick) for i in order).encode())
            for agent in range(agents):
                for plugin in range(series // 5):
                    self.wait_data(daemon, 'agent%d' % agent, 'p%d' % plugin, {
                        'd%d' % ds: {start + 60 * tick: agent * 1000 + plugin * 5 + ds + tick
                                     for tick in range(ticks)} for ds in range(5)})
            self.assertEqual(rejected_lines(daemon.rejected_path), [])


class TestRestart(CarbonCase):
    def test_points_outlive_the_process(self):
        """Stopped: all that was read. Killed: all that was in the journal."""
        t = self.now - 600
        expected = {}
        with self.daemon() as daemon:
            for run in range(4):
                for i in range(5):
                    expected[t + 60 * (run * 2)] = run * 10 + i
                    self.send('h.p.d %d %d\n' % (run * 10 + i, t + 60 * (run * 2)))
                    self.wait_data(daemon, 'h', 'p', {'d': expected})  # a corrected point: the last one wins
                if run % 2:
                    time.sleep(0.2)  # journal_commit_ms is 10
                    daemon.kill9()
                else:
                    daemon.stop()
                daemon.start()
                self.wait_data(daemon, 'h', 'p', {'d': expected})

    def test_a_stop_takes_what_was_read(self):
        t = self.now - 60
        with self.daemon() as daemon:
            s = self.connect()
            s.sendall(''.join('h%d.p.d %d %d\n' % (i, i, t) for i in range(3000)).encode())
            wait_until(lambda: daemon.data('h0', 'p', ['d']) != {}, 10, 'the first point')
            wait_until(lambda: daemon.data('h2999', 'p', ['d']) != {}, 10, 'the last point')
            s.sendall(''.join('h%d.p.d %d %d\n' % (i, i + 1, t) for i in range(3000)).encode())
            wait_until(lambda: daemon.data('h2999', 'p', ['d']) == {'d': {t: 3000}}, 10, 'the last correction')
            daemon.stop()
            daemon.start()
            for i in range(0, 3000, 111):
                self.wait_data(daemon, 'h%d' % i, 'p', {'d': {t: i + 1}})  # as soon as it is replayed


class TestMetadata(ServersCase):
    needs = ('redis',)

    def test_a_redis_that_comes_back_empty_is_told_again(self):
        t = int(time.time()) // 60 * 60 - 600
        port = free_port()
        with RedisServer() as redis:
            daemon = Daemon(self.folder, carbon_listen='127.0.0.1:%d' % port,
                            redis_storage_port=redis.port)
            with daemon, dial(port) as s:
                s.sendall(b'h.p.d 1 %d\n' % t)
                wait_until(lambda: set(daemon.get('hosts')[2] or ()) == {'h'}, 10, 'the host')
                redis.stop()
                redis.start()
                for i in range(1, 200):
                    s.sendall(b'h.p.d %d %d\n' % (i, t + 60))
                    status, _, hosts = daemon.get('hosts')
                    if status == 200 and set(hosts) == {'h'}:
                        break
                    time.sleep(0.1)
                self.assertEqual(set(hosts), {'h'})
                wait_until(lambda: set(daemon.get('list', host='h')[2]) == {'p'}, 5, 'the plugin')
                wait_until(lambda: daemon.data('h', 'p', ['d']) == {'d': {t: 1, t + 60: i}}, 10, 'both points')


if __name__ == '__main__':
    main()

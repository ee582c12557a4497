#!/usr/bin/python3
"""Limits for series: what is over them is kept aside by ds, by every input; what is there already is never refused."""
import re
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import recorded  # noqa: E402
from support.amqp import Amqp  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.servers import RabbitMQServer  # noqa: E402
from support.wait import wait_until  # noqa: E402


class Quotas(ServersCase):
    needs = ('rabbitmq',)

    def setUp(self):
        super().setUp()
        self.carbon_port = free_port()
        self.t = int(time.time()) // 60 * 60 - 3600

    def daemon(self, **keys):
        return Daemon(self.folder, http_ingest='true', carbon_listen='127.0.0.1:%d' % self.carbon_port, **keys)

    def post(self, daemon, host, ds, plugin='p', t=0):
        """Post one value each → the refused ones as {ds: reason}."""
        self.t += 60
        values = {d: i + 1 for i, d in enumerate(ds)}
        status, _, reply = daemon.post([recorded.data_message(host, plugin, t or self.t, values)])
        self.assertEqual((status, reply['accepted']), (200, 1 if len(reply['rejected']) < len(values) else 0))
        return {r['ds']: r['reason'] for r in reply['rejected']}

    def known(self, daemon, host, plugin='p'):
        """The ds that are readable."""
        return set(daemon.data(host, plugin, ['a', 'b', 'c', 'd', 'e', 'f', 'g']))

    def carbon(self, daemon, *lines):
        before = self.metric(daemon, 'numeter_storage_carbon_lines_total')
        with socket.create_connection(('127.0.0.1', self.carbon_port), timeout=20) as s:
            s.sendall(''.join('%s\n' % line for line in lines).encode())
        wait_until(lambda: self.metric(daemon, 'numeter_storage_carbon_lines_total') == before + len(lines), 10)

    def metric(self, daemon, name):
        body = daemon.request('GET', '/metrics')[2].decode()
        return float(re.search(r'(?m)^%s (\S+)$' % re.escape(name), body)[1])

    def refused(self, daemon, reason):
        return self.metric(daemon, 'numeter_storage_rejected_total{reason="%s"}' % reason)

    def reload(self, daemon, **keys):
        daemon.keys.update(keys)
        daemon.write_config()
        answer = daemon.control('reload')
        self.assertNotIn('error', answer)

    def test_of_one_host(self):
        with self.daemon(max_series_per_host=3) as daemon:
            self.assertEqual(self.post(daemon, 'h', 'ab'), {})
            self.assertEqual(self.post(daemon, 'h', 'abcd'), {'d': 'series_per_host'})
            self.assertEqual(self.post(daemon, 'h', 'e', plugin='q'), {'e': 'series_per_host'})
            self.assertEqual(self.post(daemon, 'other', 'abc'), {})
            self.assertEqual(self.post(daemon, 'h', 'abcd'), {'d': 'series_per_host'})
            self.assertEqual(self.known(daemon, 'h'), {'a', 'b', 'c'})
            self.assertEqual(self.known(daemon, 'h', 'q'), set())
            self.assertEqual(set(daemon.get('list', host='h')[2]), {'p'}, 'no info is made up for what is refused')
            lines = rejected_lines(daemon.rejected_path)
            self.assertEqual([(r['input'], r['reason'], r['host'], r['plugin'], r['ds']) for r in lines],
                             [('http', 'series_per_host', 'h', 'p', ['d']), ('http', 'series_per_host', 'h', 'q', ['e']),
                              ('http', 'series_per_host', 'h', 'p', ['d'])])
            self.assertEqual(self.refused(daemon, 'series_per_host'), 3)
            self.assertEqual(len(daemon.log_lines(r'warning event=series\.refused')), 1, 'said once')
            with self.subTest('flushed or not, after a restart it is the same'):
                daemon.flush()
                self.post(daemon, 'third', 'ab')
                daemon.stop()
                daemon.start()
                self.assertEqual(self.post(daemon, 'h', 'abcd'), {'d': 'series_per_host'})
                self.assertEqual(self.post(daemon, 'third', 'abcd'), {'d': 'series_per_host'})
            with self.subTest('more, after a reload'):
                self.reload(daemon, max_series_per_host=4)
                self.assertEqual(self.post(daemon, 'h', 'abcd'), {})
                self.assertEqual(self.post(daemon, 'h', 'abcde'), {'e': 'series_per_host'})
                self.reload(daemon, max_series_per_host=0)
                self.assertEqual(self.post(daemon, 'h', 'abcde'), {})

    def test_of_a_host_with_series_in_the_journal_alone(self):
        """Nothing is flushed: only the journal knows what there is."""
        with self.daemon(max_series_per_host=3, max_series=5, flush_interval_s=3600) as daemon:
            self.assertEqual(self.post(daemon, 'h', 'abc'), {})
            for _ in range(2):
                daemon.kill9()
                daemon.start()
                self.assertEqual(self.metric(daemon, 'numeter_storage_points_stored_total'), 0)
                self.assertEqual(self.post(daemon, 'h', 'abcd'), {'d': 'series_per_host'})
            self.assertEqual(self.post(daemon, 'g', 'ab'), {})
            daemon.kill9()
            daemon.keys.update(max_series=2, max_series_per_host=1, max_new_series_per_minute=1)
            daemon.write_config()
            daemon.start()  # the replay brings five series, against any limit
            self.assertEqual((self.known(daemon, 'h'), self.known(daemon, 'g')), ({'a', 'b', 'c'}, {'a', 'b'}))
            self.assertEqual(self.post(daemon, 'h', 'abc'), {})
            daemon.flush()
            self.assertEqual(sum(1 for _ in daemon.wsp_path.rglob('*.wsp')), 5)
            self.assertEqual(self.post(daemon, 'g', 'abc'), {'c': 'series_per_host'})

    def test_in_all(self):
        with self.daemon(max_series=4) as daemon:
            self.assertEqual(self.post(daemon, 'h', 'abc'), {})
            self.assertEqual(self.post(daemon, 'g', 'abc'), {'b': 'series_total', 'c': 'series_total'})
            self.assertEqual(self.post(daemon, 'new', 'a'), {'a': 'series_total'})
            self.assertEqual(set(daemon.get('hosts')[2]), {'g', 'h'}, 'a host with nothing is none')
            self.assertEqual(self.metric(daemon, 'numeter_storage_series_counted'), 4)
            daemon.flush()
            for _ in range(3):
                daemon.stop()
                daemon.start()
                self.assertEqual(self.post(daemon, 'new', 'ab'), {'a': 'series_total', 'b': 'series_total'})
                self.assertEqual(self.post(daemon, 'h', 'abcd'), {'d': 'series_total'})
            self.reload(daemon, max_series=5)
            self.assertEqual(self.post(daemon, 'new', 'ab'), {'b': 'series_total'})
            self.assertEqual(self.metric(daemon, 'numeter_storage_series_limit'), 5)

    def test_new_ones_in_a_minute(self):
        with self.daemon(max_new_series_per_minute=2) as daemon:
            refused = self.post(daemon, 'h', 'abcd')
            self.assertEqual(refused, {'c': 'series_rate', 'd': 'series_rate'})
            self.assertEqual(self.post(daemon, 'h', 'ab'), {})
            daemon.flush()
            daemon.stop()
            daemon.keys.update(max_new_series_per_minute='')
            daemon.write_config()
            daemon.start()
            self.assertEqual(self.post(daemon, 'many', ['d%d' % i for i in range(300)]), {})
            daemon.flush()
            daemon.stop()
            daemon.keys.update(max_new_series_per_minute=1)
            daemon.write_config()
            daemon.start()
            # all have files: none is new, whatever the registry knows
            self.assertEqual(self.post(daemon, 'many', ['d%d' % i for i in range(300)]), {})
            self.assertEqual(self.post(daemon, 'h', 'abc'), {})
            self.assertEqual(self.post(daemon, 'h', 'abcd'), {'d': 'series_rate'})

    def test_carbon(self):
        with self.daemon(max_series_per_host=2) as daemon:
            self.carbon(daemon, *('h.p.%s %d %d' % (ds, i, self.t + 60 * k) for k in range(3)
                                  for i, ds in enumerate('abc')))
            wait_until(lambda: self.refused(daemon, 'series_per_host') == 3, 10, lambda: daemon.log())
            wait_until(lambda: self.known(daemon, 'h') == {'a', 'b'}, 10)
            self.carbon(daemon, *('h.p.%s %d %d' % (ds, i, self.t + 180) for i, ds in enumerate('abc')))
            wait_until(lambda: self.refused(daemon, 'series_per_host') == 4, 10)
            wait_until(lambda: daemon.data('h', 'p', ['b']).get('b', {}).get(self.t + 180) == 1.0, 10)
            self.assertEqual({(r['input'], r['reason'], tuple(r['ds'])) for r in rejected_lines(daemon.rejected_path)},
                             {('carbon', 'series_per_host', ('c',))})
            self.reload(daemon, max_series_per_host=0)
            self.carbon(daemon, 'h.p.c 7 %d' % (self.t + 240))
            wait_until(lambda: self.known(daemon, 'h') == {'a', 'b', 'c'}, 10)

    def test_rabbitmq(self):
        with RabbitMQServer() as rabbitmq, Amqp(rabbitmq.port) as amqp, \
                self.daemon(max_series_per_host=2, rpc_hosts='127.0.0.1:%d' % rabbitmq.port) as daemon:
            amqp.wait_consumed()
            for i in range(3):
                amqp.send(recorded.data_message('h', 'p', self.t + 60 * i, {'a': i, 'b': i, 'c': i}))
            wait_until(lambda: self.refused(daemon, 'series_per_host') == 3, 10)
            self.assertEqual(daemon.data('h', 'p', ['a', 'b', 'c']),
                             {ds: {self.t + 60 * i: float(i) for i in range(3)} for ds in 'ab'})
            wait_until(lambda: self.metric(daemon, 'numeter_storage_broker_acked_total') >= 3, 10)
            self.assertEqual([r['input'] for r in rejected_lines(daemon.rejected_path)], ['amqp'] * 3)
            daemon.stop()
            self.assertEqual(amqp.queue(), (0, 0), 'acknowledged')

    def test_status_says_so(self):
        with self.daemon(max_series=1) as daemon:
            self.assertEqual(daemon.get('status')[2],
                             {'series': 0, 'limits': {'max_series_per_host': 0, 'max_series': 1,
                                                      'max_new_series_per_minute': 0},
                              'refused': {r: {'count': 0, 'last': 0} for r in
                                          ('series_per_host', 'series_total', 'series_rate')}, 'refusing': []})
            self.post(daemon, 'h', 'abc')
            status = daemon.get('status')[2]
            self.assertEqual((status['series'], status['refusing'], status['refused']['series_total']['count']),
                             (1, ['series_total'], 2))
            self.assertLess(abs(status['refused']['series_total']['last'] - time.time()), 60)
            self.assertEqual(status['refused']['series_rate'], {'count': 0, 'last': 0})


if __name__ == '__main__':
    main()

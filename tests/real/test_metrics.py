#!/usr/bin/python3
"""GET /metrics by a strict reader, Prometheus' own: families, histograms that add up, and numbers that move as they
should when messages come by each way in."""
import math
import os
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import recorded  # noqa: E402
from support.amqp import Amqp  # noqa: E402
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.servers import RabbitMQServer  # noqa: E402
from support.wait import wait_until  # noqa: E402

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None

PREFIX = 'numeter_storage_'


class Metrics:
    """One answer: .families {name: family}, .value {(sample name, labels as sorted pairs): value}."""

    def __init__(self, daemon):
        status, headers, body = daemon.request('GET', '/metrics')
        assert status == 200, status
        assert headers['content-type'] == 'text/plain; version=0.0.4; charset=utf-8', headers
        self.text = body.decode()
        self.families, self.value = {}, {}
        for family in text_string_to_metric_families(self.text):
            assert family.name not in self.families, 'twice: ' + family.name
            assert family.documentation and family.type in ('counter', 'gauge', 'histogram'), family
            self.families[family.name] = family
            for sample in family.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                assert key not in self.value, key
                self.value[key] = sample.value

    def get(self, name, **labels):
        return self.value[(name if name.startswith('process_') else PREFIX + name, tuple(sorted(labels.items())))]

    def check_histograms(self):
        """Every one has rising buckets, its count is that of its last bucket, and its sum fits between them."""
        n = 0
        for family in self.families.values():
            if family.type != 'histogram':
                continue
            by_label = {}
            for s in family.samples:
                labels = dict(s.labels)
                le = labels.pop('le', None)
                one = by_label.setdefault(tuple(sorted(labels.items())), {'buckets': []})
                if le is not None:
                    one['buckets'].append((float(le), s.value))
                else:
                    one[s.name.rsplit('_', 1)[1]] = s.value
            for labels, one in by_label.items():
                n += 1
                bounds, counts = zip(*one['buckets'])
                assert bounds == tuple(sorted(bounds)) and math.isinf(bounds[-1]), (family.name, bounds)
                assert list(counts) == sorted(counts) and counts[-1] == one['count'], (family.name, labels, one)
                steps = [b - a for a, b in zip((0,) + counts, counts)]
                least = sum(k * low for k, low in zip(steps, (0,) + bounds))
                assert one['sum'] >= least * 0.999999, (family.name, labels, one)
                if steps[-1] == 0:
                    assert one['sum'] <= sum(k * high for k, high in zip(steps, bounds[:-1])) * 1.000001, one
        return n


@unittest.skipIf(text_string_to_metric_families is None, 'no python3-prometheus-client')
class MetricsTest(ServersCase):
    needs = ('rabbitmq',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()

    def test_numbers_move(self):
        now = int(time.time())
        with Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port, http_ingest='true',
                    rpc_prefetch=50) as daemon, Amqp(self.rabbitmq.port) as amqp:
            amqp.wait_consumed()
            before = Metrics(daemon)
            self.assertEqual(before.check_histograms(), 12)
            self.assertEqual(before.get('broker_connected'), 1)
            self.assertEqual(before.get('series'), 0)
            self.assertEqual(before.get('flush_lag_seconds'), 0)
            amqp.send(recorded.myinfo_message('myhost'))
            for i in range(30):
                amqp.send(recorded.data_message('myhost', 'load', now - 60 * i, {'load': i, 'other': i}))
            daemon.post([{'hostid': 'web', 'type': 'data', 'plugin': 'p', 'message':
                          {'TimeStamp': str(now), 'Plugin': 'p', 'Values': {'a': 1, 'b': 2, 'c': 'no number'}}},
                         {'hostid': 'web', 'type': 'data', 'plugin': 'p', 'message': {'Values': {}}}])
            wait_until(lambda: Metrics(daemon).get('broker_acked_total') == 31, 10, 'all is acknowledged')
            daemon.flush()
            for _ in range(3):
                daemon.get('hosts')
            daemon.get('list', host='myhost')
            daemon.get('data', host='myhost', plugin='load', ds='load', res='Daily')
            daemon.get('values', host='myhost', plugin='load', res='Daily')
            daemon.request('GET', '/nosuch')
            m = Metrics(daemon)
            m.check_histograms()
            for name, value in {
                'messages_amqp_total': 31, 'messages_http_total': 2, 'points_amqp_total': 60, 'points_http_total': 2,
                'points_carbon_total': 0, 'points_accepted_total': 62, 'series': 4, 'hosts': 2,
                'unacknowledged_messages': 0, 'files_created_total': 4,
            }.items():
                self.assertEqual(m.get(name), value, name)
            self.assertEqual(m.get('rejected_total', reason='value'), 1)
            self.assertEqual(m.get('rejected_total', reason='timestamp'), 1)
            self.assertEqual(m.get('rejected_bytes'), sum(p.stat().st_size for p in daemon.rejected_path.iterdir()))
            self.assertEqual(m.get('acceptance_seconds_count', input='amqp'), 31)
            self.assertEqual(m.get('acceptance_seconds_count', input='http'), 2)
            self.assertGreater(m.get('journal_commit_seconds_count'), 0)
            self.assertEqual(m.get('journal_commit_seconds_count'), m.get('journal_commits_total'))
            self.assertGreater(m.get('flush_sync_seconds_count'), 0)
            self.assertGreater(m.get('flush_batch_seconds_count'), 0)
            self.assertGreater(m.get('metadata_call_seconds_count'), before.get('metadata_call_seconds_count'))
            for route, n in (('list', 4), ('data', 1), ('values', 1), ('ingest', 1)):
                self.assertEqual(m.get('http_answer_seconds_count', route=route), n, route)
            self.assertGreaterEqual(m.get('http_answer_seconds_count', route='other'), 2)
            self.check_process(daemon, m)
            for path in ('wsp_path', 'journal_path'):
                self.assertLess(0, m.get('filesystem_free_bytes', path=path))
                self.assertLess(m.get('filesystem_free_bytes', path=path), m.get('filesystem_size_bytes', path=path))
            # the queue is asked every 5 s at the latest
            wait_until(lambda: (PREFIX + 'queue_messages', ()) in Metrics(daemon).value, 10, 'the queue was asked')
            self.assertEqual(Metrics(daemon).get('queue_messages'), 0)

    def check_process(self, daemon, m):
        status = dict(line.split(':', 1) for line in
                      Path('/proc/%d/status' % daemon.process.pid).read_text().splitlines())
        resident = int(status['VmRSS'].split()[0]) * 1024
        self.assertLess(abs(m.get('process_resident_memory_bytes') - resident), resident / 2)
        self.assertEqual(m.get('process_threads'), int(status['Threads']))
        self.assertLess(abs(m.get('process_start_time_seconds') - time.time()), 60)
        self.assertLess(abs(m.get('process_open_fds') - len(os.listdir('/proc/%d/fd' % daemon.process.pid))), 5)
        self.assertGreater(m.get('process_max_fds'), m.get('process_open_fds'))
        self.assertGreaterEqual(m.get('process_cpu_seconds_total'), 0)
        self.assertEqual(m.value[(PREFIX + 'build_info', (('version', '0.1.0'),))], 1)

    def test_queue_unacknowledged_and_lag(self):
        """What cannot be stored is not acknowledged, the rest waits in the queue, and the journal's points grow old."""
        now = int(time.time())
        with Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port, rpc_prefetch=10,
                    storage_name='storage-full', flush_interval_s=3600) as daemon, \
                Amqp(self.rabbitmq.port) as amqp:
            amqp.wait_consumed(queue='storage-full')
            amqp.send(recorded.data_message('lagging', 'p', now, {'v': 1}))
            wait_until(lambda: Metrics(daemon).get('cache_points') == 1, 10, 'it is pending')
            first = Metrics(daemon).get('flush_lag_seconds')
            wait_until(lambda: Metrics(daemon).get('flush_lag_seconds') >= first + 1, 10, 'its age grows')
            daemon.flush()
            self.assertEqual(Metrics(daemon).get('flush_lag_seconds'), 0)
            # an info that the metadata store does not take is not acknowledged
            daemon.stop()
            (daemon.folder / 'metadata.sqlite').rename(daemon.folder / 'kept')
            daemon.keys.update(metadata=None, redis_storage_port=1)
            daemon.write_config()
            daemon.start()
            amqp.wait_consumed(queue='storage-full')
            for i in range(25):
                amqp.send(recorded.myinfo_message('lagging'))
            wait_until(lambda: Metrics(daemon).get('unacknowledged_messages') == 10, 10,
                       lambda: Metrics(daemon).text)
            # with the daemon's own probes, which wait behind them
            wait_until(lambda: Metrics(daemon).value.get((PREFIX + 'queue_messages', ()), 0) >= 15, 10,
                       lambda: Metrics(daemon).text)


if __name__ == '__main__':
    main()

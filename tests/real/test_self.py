#!/usr/bin/python3
"""The storage as a host of its own: it appears with its graphs, its values move as messages come, it outlives a restart,
and where nothing can be stored it leaves out what it has and stays alive."""
import errno
import os
import sys
import time
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import faultfs  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon, program  # noqa: E402
from support.faultfs import FaultFs  # noqa: E402
from support.wait import wait_until  # noqa: E402

HOST = 'storage-test.numeter-storage'
BASES = {'numeter_journal', 'numeter_cache', 'numeter_memory', 'numeter_disk'}


class SelfDaemon(Daemon):
    def __init__(self, folder, **keys):
        super().__init__(folder, http_ingest='true', self_metrics='true', archives='1s:1h, 60s:1d', **keys)

    def plugins(self):
        status, _, answer = self.get('list', host=HOST)
        return answer if status == 200 else {}

    def values(self, plugin, *ds):
        """{ds: [value, …]} of the last minutes, oldest first."""
        status, _, answer = self.get('data', host=HOST, plugin=plugin, ds=','.join(ds), from_='-5min')
        if status != 200:
            return {}
        return {name: [v for v in values if v is not None] for name, values in answer['DATAS'].items()}

    def post_points(self, n):
        now = int(time.time())
        status, _, answer = self.post([{'hostid': 'web', 'type': 'data', 'plugin': 'p', 'message':
                                        {'TimeStamp': str(now - 60 * i), 'Plugin': 'p', 'Values': {'a': 1, 'b': 2}}}
                                       for i in range(n)])
        assert (status, answer['accepted']) == (200, n), (status, answer)


class FaultyDaemon(SelfDaemon):
    def __init__(self, folder, **keys):
        super().__init__(folder, **keys)
        self.faults = FaultFs(Path(folder) / 'faults')

    def spawn(self):
        added = self.faults.environment(program())
        before = {name: os.environ.get(name) for name in added}
        os.environ.update(added)
        try:
            super().spawn()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


class Self(ServersCase):
    def test_host_with_graphs_that_move(self):
        with SelfDaemon(self.folder) as daemon:
            wait_until(lambda: HOST in daemon.get('hosts')[2], 10, 'the host is there')
            me = daemon.get('hinfo', host=HOST)[2]
            self.assertEqual((me['Name'], me['Description']), (HOST, 'numeter-storage about itself'))
            infos = daemon.plugins()
            self.assertEqual(len(infos), 14)  # nothing was kept aside, there is no RabbitMQ: no graphs of these
            for name, info in infos.items():
                self.assertEqual((info['Plugin'], info['Category']), (name, 'numeter'))
                self.assertEqual(info['Base'], '1024' if name in BASES else '1000', name)
                self.assertTrue(info['Title'] and info['Vlabel'] and info['Describ'])
                self.assertEqual(info['Order'].split(), list(info['Infos']))
                for ds, one in info['Infos'].items():
                    self.assertEqual((one['id'], one['min'], one['type']), (ds, '0', 'GAUGE'))
                    self.assertTrue(one['label'])
                    self.assertIn(one['draw'], ('AREA', 'AREASTACK', 'LINE1'))
            self.assertEqual(daemon.get('categories', host=HOST)[2], {'numeter': sorted(infos)})

            wait_until(lambda: len(daemon.values('numeter_points', 'http').get('http', [])) >= 2, 10, 'values are there')
            self.assertEqual(max(daemon.values('numeter_points', 'http')['http']), 0)
            daemon.post_points(50)
            wait_until(lambda: sum(daemon.values('numeter_messages', 'http')['http']) > 40, 10, 'the rate of messages')
            wait_until(lambda: sum(daemon.values('numeter_points', 'http')['http']) > 80, 10, 'the rate of points')
            # each second one of these numbers, so that their sum is the count; a tick may be late
            self.assertLess(sum(daemon.values('numeter_points', 'http')['http']), 120)
            self.assertGreater(max(daemon.values('numeter_points', 'self')['self']), 20)
            wait_until(lambda: max(daemon.values('numeter_known', 'hosts', 'series').get('hosts', [0])) == 2, 10,
                       'both hosts')
            self.assertGreater(daemon.values('numeter_memory', 'resident')['resident'][-1], 1e6)
            self.assertGreater(daemon.values('numeter_disk', 'wsp')['wsp'][-1], 1e6)
            latency = wait_until(lambda: daemon.values('numeter_latency', 'journal', 'http').get('http') and
                                 daemon.values('numeter_latency', 'journal', 'http'), 10, 'latencies')
            self.assertTrue(0 < latency['journal'][-1] < 60 and 0 < latency['http'][-1] < 60, latency)
            self.assertGreater(daemon.values('numeter_latency_95', 'journal')['journal'][-1], 0)

            daemon.post([{'hostid': 'web', 'type': 'data', 'plugin': 'p', 'message':
                          {'TimeStamp': str(int(time.time())), 'Values': {'a': 'none', 'b': 'none'}}}])
            wait_until(lambda: sum(daemon.values('numeter_rejected', 'value').get('value', [])) >= 1.5, 10,
                       'two values were kept aside')
            wait_until(lambda: 'numeter_rejected' in daemon.plugins(), 10, 'the info, which comes behind the values')
            self.assertIn('too_old', daemon.plugins()['numeter_rejected']['Infos'])
            self.assertEqual(daemon.data(HOST, 'numeter_rejected', ['too_old']), {})

            self.check_pictures(daemon)
            self.check_counts(daemon)
            newest = daemon.get('last-seen', host=HOST)[2]['plugins']
            self.assertEqual(set(newest), set(daemon.plugins()))
            self.assertGreater(newest['numeter_cpu'], time.time() - 10)
            self.assertEqual([line['reason'] for line in rejected_lines(daemon.rejected_path)], ['value'])

            # what was is still there after a restart, and goes on
            before = daemon.values('numeter_points', 'http')['http']
            daemon.stop()
            daemon.start()
            wait_until(lambda: len(daemon.values('numeter_points', 'http')['http']) > len(before), 10, 'it goes on')
            self.assertEqual(daemon.values('numeter_points', 'http')['http'][:len(before)][-40:], before[-40:])

    def check_pictures(self, daemon):
        for name in daemon.plugins():
            status, _, body = daemon.request('GET', '/numeter-storage/graph.svg?host=%s&plugin=%s&from=-5min'
                                             % (HOST, name))
            if status == 404 and b'cairo' in body:
                return
            self.assertEqual(status, 200, name)
            self.assertTrue(xml.etree.ElementTree.fromstring(body).tag.endswith('svg'))

    def check_counts(self, daemon):
        """Its own messages count as such, and as nobody else's."""
        metrics = daemon.request('GET', '/metrics')[2].decode()
        value = {line.split()[0]: float(line.split()[1]) for line in metrics.splitlines() if not line.startswith('#')}
        self.assertGreater(value['numeter_storage_messages_self_total'], 30)
        self.assertEqual(value['numeter_storage_messages_http_total'], 51)

    def test_never_waits(self):
        """Neither disk nor metadata store: values are left out, nothing is kept aside, the daemon ends in time."""
        with FaultyDaemon(self.folder) as daemon:
            wait_until(lambda: daemon.values('numeter_points', 'self').get('self'), 10, 'values are there')
            daemon.faults.arm(faultfs.WRITES | faultfs.SYNCS, faultfs.FAIL, daemon.journal_path, error=errno.ENOSPC,
                              all_from_nth=True)
            wait_until(lambda: daemon.log_lines('journal.failing'), 10, 'the journal fails')
            n = len(daemon.values('numeter_points', 'self')['self'])
            wait_until(lambda: daemon.log_lines('store.failed'), 10, 'some of its own could not be stored')
            daemon.faults.disarm()
            wait_until(lambda: len(daemon.values('numeter_points', 'self')['self']) > n + 2, 20, 'it goes on')
            self.assertEqual(rejected_lines(daemon.rejected_path), [])
            daemon.stop()
        with SelfDaemon(self.folder, metadata=None, redis_storage_port=1) as daemon:
            wait_until(lambda: daemon.log_lines('store.failed'), 10, 'nothing can be stored')
            self.assertEqual(daemon.request('GET', '/healthz')[0], 200)

    def test_name_that_is_none(self):
        daemon = SelfDaemon(self.folder, storage_name='x' * 240)
        daemon.spawn()
        self.assertEqual(daemon.process.wait(10), 1)
        daemon.process = None
        self.assertIn('self_metrics: the storage\'s own host "xxx', daemon.stderr())


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""A real munin-node with all its plugins → numeter-poller → a storage, by HTTP and by RabbitMQ: what the node says is
what the storage answers. And what the poller takes of the machine meanwhile."""
import json
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.amqp import Amqp  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.munin_node import MUNIN_NODE, MuninNode, ScriptedNode  # noqa: E402
from support.poller import Poller  # noqa: E402
from support.servers import RabbitMQServer  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

HOST = '1795342600-0123456789abcdef'
ARCHIVES = '5:17280, 60:2880'
RSS_ANON_KB, RSS_KB = 3 * 1024, 12 * 1024


class Munin(ServersCase):
    needs = ('rabbitmq',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if MUNIN_NODE is None:
            raise unittest.SkipTest('no munin-node on this machine')
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()
        (cls.folder / 'node').mkdir()
        cls.node = MuninNode(cls.folder / 'node')
        cls.addClassCleanup(cls.node.stop)
        cls.node.start()

    def check(self, poller, daemon):
        """Everything that --once --print shows of infos and sources is in the storage, within a few ticks."""
        shown = Poller(self.folder, **dict(poller.keys, spool_path=self.folder / 'none' / 'spool')).printed()
        sources = {}
        for m in shown:
            if m['context']['type'] == 'data':
                sources[m['context']['plugin']] = m['args']['message']['Values']
        self.assertGreater(len(sources), 10)
        with poller:
            wait_until(lambda: len(poller.log_lines('tick.done')) >= 3, 60, poller.log)
            if SLOW == 1:
                memory = poller.memory_kb()
                print('poller: %s, %.2f s of processor time in %d ticks'
                      % (memory, poller.cpu_s(), len(poller.log_lines('tick.done'))))
                self.assertLessEqual(memory['RssAnon'], RSS_ANON_KB)
                self.assertLessEqual(memory['VmRSS'], RSS_KB)
                # a tick a minute: well under a hundredth of a core
                self.assertLess(poller.cpu_s() / len(poller.log_lines('tick.done')), 0.3)
            wait_until(lambda: self.last_is_stored(poller, daemon), 20, poller.log)
            poller.stop()
            self.assertLess(poller.stop_took_s, 2 * SLOW)
        self.assertEqual(poller.log_lines('(error|critical) event'), [])
        self.assertEqual(rejected_lines(daemon.rejected_path), [])
        self.assertEqual(daemon.get('hinfo', host=HOST)[2]['Name'], 'test host')
        stored = daemon.get('list', host=HOST)[2]
        for m in shown:
            plugin = m['context']['plugin']
            if m['context']['type'] == 'info' and plugin != 'MyInfo':
                # texts that say how things are at the moment change between two configs
                self.assertEqual(set(stored[plugin]), set(m['args']['message']), plugin)
                self.assertLessEqual(set(m['args']['message']['Infos']), set(stored[plugin]['Infos']), plugin)
                self.assertEqual(stored[plugin]['Title'], m['args']['message']['Title'])
        for plugin, values in sources.items():
            known = [d for d, v in values.items() if v != 'U']
            got = daemon.data(HOST, plugin, list(values))
            for d in known:
                self.assertTrue(got.get(d), (plugin, d))
        # counters became rates: cpu's are in hundredths of a second a second, over all cores
        got = daemon.data(HOST, 'cpu', list(sources['cpu']))
        rates = [sum(got[d].get(t, 0) for d in got) for t in got['idle']]
        self.assertTrue(rates and all(0 < r < 100 * 1024 for r in rates), rates)
        (total,) = {v for t, v in list(daemon.data(HOST, 'uptime', ['uptime'])['uptime'].items())[-1:]}
        uptime_days = float(Path('/proc/uptime').read_text().split()[0]) / 86400
        self.assertLess(abs(total - uptime_days), 0.02)

    def last_is_stored(self, poller, daemon):
        return len(daemon.data(HOST, 'load', ['load']).get('load', {})) >= 2

    def test_straight_to_a_storage(self):
        with Daemon(self.folder, http_ingest='true', http_ingest_token='open-sesame', archives=ARCHIVES) as daemon:
            self.check(Poller(self.folder, munin_port=self.node.port, poller_time=5, storage_token='open-sesame',
                              storage_url='http://127.0.0.1:%d' % daemon.port), daemon)

    def test_by_rabbitmq(self):
        with Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port, hosts=[HOST],
                    archives=ARCHIVES) as daemon:
            self.check(Poller(self.folder, munin_port=self.node.port, poller_time=5,
                              rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port), daemon)

    def test_what_stands_on_the_wire(self):
        plugin = {'config': 'x.label x', 'fetch': 'x.value 1.5e-3'}
        with Amqp(self.rabbitmq.port) as amqp, ScriptedNode({'p': plugin}) as node:
            amqp.channel.exchange_declare('theirs', 'topic', durable=True)  # not as the poller would make it
            queue = amqp.channel.queue_declare('', exclusive=True).method.queue
            amqp.channel.queue_bind(queue, 'theirs', HOST)
            poller = Poller(self.folder, munin_port=node.port, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port,
                            rpc_exchange='theirs')
            self.assertEqual(poller.run('--once')[0::2], (0, ''))
            got = []
            while True:
                method, properties, body = amqp.channel.basic_get(queue, auto_ack=True)
                if method is None:
                    break
                got.append((method, properties, json.loads(body)))
            amqp.channel.exchange_delete('theirs')
            # one that is not there is made as pollers of the original make it; nobody is bound, so nothing is lost
            poller.write_config(rpc_exchange='ours')
            status, _, err = poller.run('--once')
            self.assertEqual(status, 1)
            self.assertIn('no queue is bound', err)
            amqp.channel.exchange_declare('ours', 'topic', durable=False, auto_delete=False)
            amqp.channel.queue_bind(queue, 'ours', HOST)
            self.assertEqual(poller.run('--once')[0], 0)
            self.assertEqual(amqp.channel.queue_declare(queue, passive=True).method.message_count, 6)
        self.assertEqual(len(got), 3)
        for method, properties, body in got:
            self.assertEqual((method.exchange, method.routing_key), ('theirs', HOST))
            self.assertEqual((properties.content_type, properties.content_encoding, properties.headers,
                              properties.delivery_mode, properties.priority),
                             ('application/json', 'utf-8', {}, 2, 0))
            for absent in ('correlation_id', 'reply_to', 'expiration', 'message_id', 'timestamp', 'type', 'user_id',
                           'app_id', 'cluster_id'):
                self.assertIsNone(getattr(properties, absent), absent)
            self.assertEqual((set(body), body['oslo.version']), ({'oslo.version', 'oslo.message'}, '2.0'))
            inner = json.loads(body['oslo.message'])
            self.assertEqual(set(inner), {'method', 'args', '_unique_id', '_context_topic', '_context_plugin',
                                          '_context_type', '_context_hostid'})
            self.assertRegex(inner['_unique_id'], r'^[0-9a-f]{32}$')
        values = json.loads(json.loads(got[1][2]['oslo.message'])['args']['args']['message'])
        self.assertEqual(values['Values'], {'x': '1.5e-3'})
        self.assertIsInstance(values['TimeStamp'], str)
        self.assertLess(abs(int(values['TimeStamp']) - time.time()), 30)


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""Every recorded message, published by oslo.messaging, must be readable by python3-whisper and by the REST API."""
import base64
import hashlib
import json
import sys
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import oslo_publisher, recorded  # noqa: E402
from support.amqp import Amqp  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.readback import whisper_points, wsp_files  # noqa: E402
from support.servers import RabbitMQServer, RedisServer  # noqa: E402
from support.wait import wait_until  # noqa: E402

DOTTED, EDGE = 'web1.example.com', 'edge-1.example'


def feed():
    """All that is published: the stream, the same of a host with dots, the odd plugin of a third."""
    now = int(time.time())
    stream = recorded.ending_at(recorded.load('messages.jsonl'), now)
    edge = recorded.ending_at(recorded.load('messages-edge.jsonl'), now)
    return stream + recorded.of_host(stream, DOTTED) + recorded.of_host(edge, EDGE)


def folder_of(host):
    filtered = ''.join(c for c in host if c not in ' "/.\'')
    return '%s/%s' % (hashlib.md5(host.encode()).hexdigest()[:2], filtered)


class OsloToFiles(ServersCase):
    needs = ('rabbitmq', 'redis')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()

    def check(self, daemon, messages, wsp_path_of):
        """Everything of the feed, by every way of reading. wsp_path_of(host) → folder"""
        expected = recorded.Expected(messages)
        wait_until(lambda: self.arrived(daemon, expected), 30, 'the last points of every source are readable')
        self.check_values(daemon, expected, wsp_path_of)
        self.check_infos(daemon, expected)
        self.check_rejected(daemon, expected)

    @staticmethod
    def arrived(daemon, expected):
        for (host, plugin), ds in expected.sources().items():
            got = daemon.data(host, plugin, ds)
            for d in ds:
                if max(expected.point[host, plugin, d]) not in got.get(d, {}):
                    return False
        # the plugin infos come after the data of a tick
        return all(set(daemon.get('list', host=host)[2]) >= set(infos) for host, infos in expected.info.items())

    def check_values(self, daemon, expected, wsp_path_of):
        self.assertGreater(expected.n_points(), 3000)
        daemon.flush()
        for (host, plugin, ds), points in expected.point.items():
            path = Path(wsp_path_of(host)) / plugin / (ds + '.wsp')
            self.assertEqual(whisper_points(path), points, (host, plugin, ds))
        for (host, plugin), ds in expected.sources().items():
            status, _, reply = daemon.get('data', host=host, plugin=plugin, ds=','.join(ds), res='Daily')
            self.assertEqual((status, reply['TS_step'], list(reply['DATAS'])), (200, 60, ds))
            for d in ds:
                start, values = reply['TS_start'], reply['DATAS'][d]
                self.assertEqual(len(values), 1440)
                got = {start + 60 * i: v for i, v in enumerate(values) if v is not None}
                self.assertEqual(got, expected.point[host, plugin, d], (host, plugin, d))
        # a file for each source with a value, none for those that only ever sent U
        self.assertEqual(wsp_files(daemon.wsp_path),
                         {'%s/%s/%s.wsp' % (folder_of(h), p, d) for h, p, d in expected.point})
        self.assertGreater(len(expected.silent), 0)

    def check_infos(self, daemon, expected):
        hosts = {h: dict(p, hostIDHash=hashlib.md5(h.encode()).hexdigest()[:2],
                         HostIDFiltredName=folder_of(h)[3:]) for h, p in expected.myinfo.items()}
        self.assertEqual(daemon.get('hosts')[::2], (200, hosts))
        for host, infos in expected.info.items():
            self.assertEqual(daemon.get('hinfo', host=host)[::2], (200, hosts[host]))
            self.assertEqual(daemon.get('list', host=host)[::2], (200, {p: json.loads(t) for p, t in infos.items()}))
            for plugin, text in infos.items():
                status, _, body = daemon.request('GET', '/numeter-storage/info?host=%s&plugin=%s'
                                                 % (host.replace(' ', '%20'), plugin))
                self.assertEqual((status, body.decode()), (200, text))

    def check_rejected(self, daemon, expected):
        """Nothing but the edge stream's bad ones, each with its reason."""
        wanted = sorted((host, plugin, reason, sorted(ds)) for host, plugin, _, refused in expected.refused
                        for reason, ds in refused.items())
        self.assertEqual({w[0] for w in wanted}, {EDGE})
        self.assertEqual({(r, d) for _, _, r, ds in wanted for d in ds},
                         {('value', 'weird'), ('value', 'dashes'), ('ds_name', '../escape')})
        lines = rejected_lines(daemon.rejected_path)
        self.assertEqual(sorted((r['host'], r['plugin'], r['reason'], sorted(r['ds'])) for r in lines), wanted)
        for line in lines:
            self.assertEqual(line['input'], 'amqp')
            body = line['body'] if 'body' in line else zlib.decompress(base64.b64decode(line['body_base64']))
            envelope = json.loads(body)
            self.assertIn(json.loads(envelope['oslo.message'])['args']['args']['message'],
                          [text for _, _, text, _ in expected.refused])

    def test_with_redis(self):
        messages = feed()
        hosts = sorted({m['topic'] for m in messages})
        with RedisServer() as redis, Amqp(self.rabbitmq.port) as amqp, \
                Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port, redis_storage_port=redis.port,
                       hosts=hosts, storage_name='storage-redis') as daemon:
            amqp.wait_consumed(queue='storage-redis')
            oslo_publisher.publish(self.rabbitmq.port, messages, self.folder)
            client = redis.client(2)
            self.check(daemon, messages, lambda host: client.hget('WSP_PATH', host).decode())
            self.check_redis(client, daemon, recorded.Expected(messages))
            daemon.stop()
            self.assertEqual(amqp.queue('storage-redis'), (0, 0), 'all was acknowledged')
            amqp.channel.queue_delete('storage-redis')

    def check_redis(self, client, daemon, expected):
        def text(hash_):
            return {k.decode(): v.decode() for k, v in hash_.items()}
        hosts = set(expected.myinfo)
        self.assertEqual(text(client.hgetall('HOST_ID')),
                         {h: hashlib.md5(h.encode()).hexdigest()[:2] for h in hosts})
        self.assertEqual(text(client.hgetall('WSP_PATH')),
                         {h: '%s/%s' % (daemon.wsp_path, folder_of(h)) for h in hosts})
        self.assertEqual({h: json.loads(v) for h, v in text(client.hgetall('HOSTS')).items()},
                         daemon.get('hosts')[2])
        for host in hosts:
            self.assertEqual(text(client.hgetall('INFOS@' + host)), expected.info[host], 'verbatim')
        self.assertEqual({k.decode() for k in client.keys('*')},
                         {'HOSTS', 'HOST_ID', 'WSP_PATH'} | {'INFOS@' + h for h in hosts})

    def test_with_sqlite_every_host_and_compressed(self):
        messages = feed()
        with Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port, storage_name='storage-sqlite',
                    hosts=['*']) as daemon, Amqp(self.rabbitmq.port) as amqp:
            amqp.wait_consumed(queue='storage-sqlite')
            oslo_publisher.publish(self.rabbitmq.port, messages, self.folder, kombu_compression='gzip')
            self.check(daemon, messages, lambda host: daemon.wsp_path / folder_of(host))
            daemon.stop()
            self.assertEqual(amqp.queue('storage-sqlite'), (0, 0), 'all was acknowledged')
            # started again it still knows everything
            daemon.start()
            self.check(daemon, messages, lambda host: daemon.wsp_path / folder_of(host))
            amqp.channel.queue_delete('storage-sqlite')


if __name__ == '__main__':
    main()

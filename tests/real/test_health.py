#!/usr/bin/python3
"""Alive and ready: /healthz answers whatever is away, /readyz says of broker, metadata, disk and journal what is wrong,
with real servers that stop and start and a disk that fails on demand."""
import errno
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import faultfs  # noqa: E402
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon, program, strict_json  # noqa: E402
from support.faultfs import FaultFs  # noqa: E402
from support.servers import RabbitMQServer, RedisServer  # noqa: E402
from support.wait import LONG, wait_until  # noqa: E402

PARTS = ('broker', 'metadata', 'disk', 'journal')


class FaultyDaemon(Daemon):
    def __init__(self, folder, **keys):
        super().__init__(folder, http_ingest='true', **keys)
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


def ready(daemon):
    """{part: reason} of what is not well."""
    answers = []
    for path in ('/readyz', '/numeter-storage/readyz'):
        status, headers, body = daemon.request('GET', path)
        assert headers['content-type'] == 'application/json; charset=utf-8', headers
        answer = strict_json(body)
        assert tuple(answer) == PARTS, answer
        wrong = {part: a['reason'] for part, a in answer.items() if not a['ok']}
        assert all(set(a) == {'ok', 'reason'} and a['ok'] == (a['reason'] == '') for a in answer.values()), answer
        assert status == (503 if wrong else 200), (status, answer)
        assert ('retry-after' in headers) == bool(wrong), headers
        answers.append(wrong)
    return answers[1]


def wait_wrong(daemon, parts, deadline_s=10):
    wait_until(lambda: set(ready(daemon)) == set(parts), deadline_s, lambda: 'wrong are %s: %s' % (parts, ready(daemon)))
    check_alive(daemon)
    return ready(daemon)


def check_alive(daemon):
    for path in ('/healthz', '/numeter-storage/healthz'):
        status, headers, body = daemon.request('GET', path)
        assert (status, json.loads(body)) == (200, {'status': 'ok'}), (status, body)
    assert daemon.request('HEAD', '/healthz')[0] == 200
    assert daemon.request('HEAD', '/readyz')[0] in (200, 503)
    assert daemon.request('POST', '/readyz')[0] == 405


def point(i, t, name='p'):
    return {'hostid': 'h', 'type': 'data', 'plugin': '%s%d' % (name, i), 'message':
            {'TimeStamp': str(t), 'Plugin': 'p', 'Values': {'v%d' % k: i + k for k in range(100)}}}


class Health(ServersCase):
    needs = ('rabbitmq', 'redis')

    def test_servers_away(self):
        rabbitmq, redis = RabbitMQServer(), RedisServer()
        self.addCleanup(rabbitmq.close)
        self.addCleanup(redis.close)
        with Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % rabbitmq.port, redis_storage_port=redis.port,
                    redis_storage_timeout=1) as daemon:
            wrong = wait_wrong(daemon, ['broker', 'metadata'])
            self.assertIn('127.0.0.1:%d' % rabbitmq.port, wrong['broker'])
            self.assertIn('Connection refused', wrong['metadata'])
            redis.start()
            wait_wrong(daemon, ['broker'])
            rabbitmq.start()
            wait_wrong(daemon, [])
            # asked at most once a second, however often it is asked here
            before = redis.client().info('stats')['total_commands_processed']
            begin = time.monotonic()
            for _ in range(50):
                self.assertEqual(ready(daemon), {})
            asked = redis.client().info('stats')['total_commands_processed'] - before
            self.assertLess(asked, 10 * (time.monotonic() - begin + 1), 'of 100')
            redis.stop()
            wait_wrong(daemon, ['metadata'])
            redis.start()
            wait_wrong(daemon, [])
            rabbitmq.kill()
            wait_wrong(daemon, ['broker'])

    def test_disk_and_journal(self):
        now = int(time.time())
        with FaultyDaemon(self.folder) as daemon:
            wait_wrong(daemon, [])  # no RabbitMQ is asked for: nothing is wrong with it
            daemon.faults.arm(faultfs.WRITES | faultfs.CREATE | faultfs.FALLOCATE, faultfs.FAIL, daemon.wsp_path,
                              error=errno.ENOSPC, all_from_nth=True)
            self.assertEqual(daemon.post([point(0, now)])[0], 200)
            self.assertIn('No space left', wait_wrong(daemon, ['disk'])['disk'])
            # what is written must be synced, too
            daemon.faults.arm(faultfs.SYNCFS, faultfs.FAIL, daemon.wsp_path, error=errno.EIO, all_from_nth=True)
            wait_until(lambda: 'Input/output' in ready(daemon).get('disk', ''), 15, lambda: ready(daemon))
            daemon.faults.arm(faultfs.WRITES | faultfs.SYNCS, faultfs.FAIL, daemon.journal_path, error=errno.ENOSPC,
                              all_from_nth=True, rule=1)
            self.assertEqual(daemon.post([point(1, now)])[0], 503)
            self.assertIn(str(daemon.journal_path), wait_wrong(daemon, ['disk', 'journal'])['journal'])
            daemon.faults.disarm(0)
            daemon.faults.disarm(1)
            wait_wrong(daemon, [], 15)

    def test_full_journal_and_replay(self):
        now = int(time.time())
        daemon = FaultyDaemon(self.folder, cache_max_bytes='2M')
        with daemon:
            daemon.faults.arm(faultfs.WRITES | faultfs.CREATE | faultfs.FALLOCATE, faultfs.FAIL, daemon.wsp_path / '25',
                              error=errno.ENOSPC, all_from_nth=True)
            sent = 0
            while daemon.post([point(i % 4, now - 60 * (10 * sent + i // 4), 'q') for i in range(40)])[0] == 200:
                sent += 1
                self.assertLess(sent, 1000)
            self.assertIn('is full', wait_wrong(daemon, ['disk', 'journal'])['journal'])
            # a replay that needs more room than there is waits for the files, which cannot be written yet
            daemon.kill9()
            daemon.keys['cache_max_bytes'] = '1M'
            daemon.write_config()
            daemon.spawn()
            wait_until(daemon._answers, 10, 'it answers')
            self.assertIn('is being read', wait_wrong(daemon, ['disk', 'journal'])['journal'])
            if not LONG:
                return daemon.kill9()  # the next pass after a failure is ten seconds away
            daemon.faults.disarm()
            wait_wrong(daemon, [], 20)


if __name__ == '__main__':
    main()

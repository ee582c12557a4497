#!/usr/bin/python3
"""kill -9 at any moment loses no point that was taken. Short form: 20 kills; NUMETER_LONG=1: 200 and more. NUMETER_SEED
repeats a run's choices."""
import http.client
import json
import os
import random
import sys
import threading
import time
from pathlib import Path

import whisper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import numbered, recorded  # noqa: E402
from support.amqp import QUEUE, Amqp, cast_body  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.readback import wsp_files  # noqa: E402
from support.servers import RabbitMQServer  # noqa: E402
from support.wait import LONG, wait_until  # noqa: E402

N = 10000
DRAINING_KILLS, KILLS = (20, 200) if LONG else (3, 20)
SEED = int(os.environ.get('NUMETER_SEED') or random.randrange(1 << 32))
WSP_BYTES = 202240


class KillWithRabbitMQ(ServersCase):
    needs = ('rabbitmq',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()

    def test_none_of_10000_messages_is_lost(self):
        dice, now = random.Random(SEED), int(time.time())
        with Amqp(self.rabbitmq.port, confirm=False) as amqp:
            amqp.declare()
            for i in range(N):
                m = numbered.message('myhost', i, now)
                amqp.publish(m['topic'], cast_body(m))
                if i % 1000 == 500:  # infos and bad ones among them
                    m = recorded.info_message('myhost', 'info%d' % i, ['d0'])
                    amqp.publish(m['topic'], cast_body(m))
                    amqp.publish('myhost', b'{bad %d' % i)
        amqp = Amqp(self.rabbitmq.port)
        self.addCleanup(amqp.close)
        wait_until(lambda: amqp.queue() == (N + 20, 0), 10, lambda: 'all are in the queue: %s' % (amqp.queue(),))
        # at how many messages left in the queue the daemon is killed
        at = sorted((dice.randrange(500, N - 500) for _ in range(DRAINING_KILLS)), reverse=True)
        print('seed %d: killed with %s left' % (SEED, at), flush=True)
        daemon = Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port, rpc_prefetch=200)
        self.addCleanup(daemon.end)
        in_the_middle = 0
        for left in at:
            daemon.start()
            wait_until(lambda: amqp.queue()[0] < left, 30, lambda: 'fewer than %d left: %s' % (left, amqp.queue()),
                       every_s=0.0005)
            daemon.kill9()
            wait_until(lambda: amqp.queue()[1] == 0, 10, 'the broker has noticed')
            in_the_middle += amqp.queue()[0] > 0
            for path in wsp_files(daemon.wsp_path):
                self.assertEqual((daemon.wsp_path / path).stat().st_size, WSP_BYTES, path)
        self.assertGreater(in_the_middle, 0, 'not one kill hit a daemon at work')
        daemon.start()
        amqp.wait_drained(60)
        wait_until(lambda: len(numbered.stored(daemon, 'myhost', N)) == N, 20,
                   lambda: 'missing: %s' % sorted(set(range(N)) - numbered.stored(daemon, 'myhost', N))[:20])
        numbered.slots_are_right(daemon, 'myhost', N, now)
        numbers = range(500, N, 1000)
        wait_until(lambda: set(daemon.get('list', host='myhost')[2]) == {'info%d' % i for i in numbers}, 5, 'infos')
        # a bad one that was kept aside just before a kill may come again
        self.assertEqual({r['body'] for r in rejected_lines(daemon.rejected_path)}, {'{bad %d' % i for i in numbers})
        daemon.stop()
        self.assertEqual(amqp.queue(), (0, 0), 'all was acknowledged')
        amqp.channel.queue_delete(QUEUE)


class KillUnderLoad(ServersCase):
    """Kills at any moment of commits, creation, flushes, syncs, retirements and replays, with both inputs at work."""
    needs = ('rabbitmq',)
    N_DS, MAX_NUMBERS, POSTED, PUBLISHED = 30, 1300, 5, 10
    HOSTS = ['posted0', 'posted1', 'published']

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()

    # number i of a host and round: one message, its own minute, a value in each data source

    def message(self, host, name, i):
        t = self.now - 60 * (1 + i)
        return recorded.data_message(host, name, t, {'d%d' % d: i + d / 64 for d in range(self.N_DS)})

    def lost(self, name):
        """{host: some numbers of this round that are not readable in every data source}; wrong values fail."""
        found = {}
        for host, numbers in self.accepted[name].items():
            seen = self.daemon.data(host, name, ['d%d' % d for d in range(self.N_DS)]) if numbers else {}
            whole = set(range(self.MAX_NUMBERS))
            for ds, points in seen.items():
                wanted = {t: (self.now // 60 - t // 60 - 1) + int(ds[1:]) / 64 for t in points}
                self.assertEqual(points, wanted, (host, name, ds))
                whole &= {int(v) for v in points.values()}
            missing = numbers - (whole if seen else set())
            if missing:
                found[host] = sorted(missing)[:10]
        return found

    def post(self, host, name, end):
        first = 0
        while not end.is_set() and first + self.POSTED <= self.MAX_NUMBERS:
            numbers = range(first, first + self.POSTED)
            lines = b''.join(json.dumps(self.message(host, name, i)).encode() + b'\n' for i in numbers)
            try:
                status, _, answer = self.daemon.post(lines, 'application/x-ndjson')
            except (OSError, ValueError, http.client.HTTPException):
                end.wait(0.01)
                continue
            if status == 503:  # the journal has all it may have
                end.wait(0.02)
                continue
            if (status, answer['accepted'], answer['rejected']) != (200, self.POSTED, []):
                self.failure.append((status, answer))
                return
            self.accepted[name][host].update(numbers)
            first += self.POSTED
            end.wait(0.002)

    def publish(self, name, end):
        """All that is published stays with the broker or is taken by the daemon: none may be missing."""
        with Amqp(self.rabbitmq.port, confirm=False) as amqp:
            for i in range(self.MAX_NUMBERS):
                m = self.message('published', name, i)
                amqp.publish(m['topic'], cast_body(m))
                self.accepted[name]['published'].add(i)
                if i % self.PUBLISHED == 0 and end.wait(0.01):
                    return

    def kill_under_load(self, name):
        self.accepted[name] = {host: set() for host in self.HOSTS}
        end = threading.Event()
        threads = [threading.Thread(target=self.post, args=(host, name, end)) for host in self.HOSTS[:2]]
        threads.append(threading.Thread(target=self.publish, args=(name, end)))
        moment = time.monotonic() + self.dice.choice([self.dice.uniform(0.05, 0.4), self.dice.uniform(0.4, 2)])
        for t in threads:
            t.start()
        try:
            wait_until(lambda: self.failure or all(self.accepted[name].values()), 30, 'messages are accepted')
            wait_until(lambda: self.failure or time.monotonic() >= moment, 30, every_s=0.001)
            self.daemon.kill9()
        finally:
            end.set()
            for t in threads:
                t.join()
        self.assertEqual(self.failure, [])

    def kill_while_starting(self):
        """True when it died with its replay begun and not done."""
        before = len(self.daemon.log_lines('event=daemon.started')), len(self.daemon.log_lines('event=journal.replayed'))
        self.daemon.spawn()
        wait_until(lambda: len(self.daemon.log_lines('event=daemon.started')) > before[0], 10, 'it starts', every_s=0.001)
        time.sleep(self.dice.uniform(0, 0.02))
        self.daemon.kill9()
        return len(self.daemon.log_lines('event=journal.replayed')) == before[1]

    def only_whole_files(self):
        for base, _, files in os.walk(self.daemon.wsp_path):
            for path in (Path(base) / f for f in files):
                if path == self.daemon.wsp_path / '.lock':
                    continue
                self.assertEqual((path.suffix, path.stat().st_size), ('.wsp', WSP_BYTES), path)
                if path not in self.read:
                    self.read.add(path)
                    self.assertEqual(len(whisper.info(str(path))['archives']), 4, path)

    def test_with_both_inputs(self):
        self.dice, self.now, self.accepted, self.failure = random.Random(SEED), int(time.time()), {}, []
        self.read = set()
        self.daemon = Daemon(self.folder, http_ingest='true', rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port,
                             rpc_prefetch=200, journal_max_bytes='4M', flush_interval_s=1)
        self.addCleanup(self.daemon.end)
        amqp = Amqp(self.rabbitmq.port)
        self.addCleanup(amqp.close)
        print('seed %d' % SEED, flush=True)
        self.daemon.start()
        amqp.wait_consumed()
        in_replay = kills = 0
        while kills < KILLS:
            name = 'round%d' % len(self.accepted)
            self.kill_under_load(name)
            kills += 1
            self.only_whole_files()
            for _ in range(self.dice.choice([0, 0, 1, 2])):
                in_replay += self.kill_while_starting()
                kills += 1
            self.daemon.keys['coarse_delay_s'] = self.dice.choice([0, 0, 3600])
            self.daemon.write_config()
            self.daemon.start()
            amqp.wait_drained()
            for each in {name, self.dice.choice(list(self.accepted))}:
                # what was answered is there at once; what was with the broker comes soon
                wait_until(lambda: not self.lost(each), 20, lambda: '%s is lost: %s' % (each, self.lost(each)))
        self.daemon.stop()
        self.assertGreater(in_replay, 0, 'no kill hit a replay')
        self.daemon.keys['coarse_delay_s'] = 0
        self.daemon.write_config()
        with self.daemon:
            for name in self.accepted:
                wait_until(lambda: not self.lost(name), 20, lambda: '%s is lost: %s' % (name, self.lost(name)))
            self.daemon.flush()
        self.only_whole_files()
        self.files_hold_all()
        self.assertEqual(rejected_lines(self.daemon.rejected_path), [])
        self.assertEqual(self.daemon.log_lines('event=journal.failing'), [])
        self.assertEqual(amqp.queue(), (0, 0), 'all was acknowledged')
        amqp.channel.queue_delete(QUEUE)
        n = sum(len(numbers) for hosts in self.accepted.values() for numbers in hosts.values())
        print('%d kills, %d of them in a replay, %d points in %d files' % (kills, in_replay, n * self.N_DS,
                                                                           len(self.read)), flush=True)

    def files_hold_all(self):
        """Finest and coarse archives as python3-whisper reads them, and as it writes them from the same points."""
        files = {p.relative_to(self.daemon.wsp_path).parts[-3:]: p for p in self.read}
        paths = [(host, name, 'd%d.wsp' % d) for name, hosts in self.accepted.items() for host in hosts
                 for d in range(self.N_DS)]
        self.assertEqual(sorted(files), sorted(paths))
        for i, key in enumerate(sorted(files, key=lambda _: self.dice.random())):
            host, name, ds = key
            points = self.shown(files[key], 60)
            numbers = {int(v) for _, v in points}
            self.assertEqual(sorted(self.accepted[name][host] - numbers)[:10], [], key)
            part = int(ds[1:-4]) / 64
            self.assertEqual(points, [((self.now // 60 - n - 1) * 60, n + part) for n in sorted(numbers, reverse=True)])
            if i < 100:
                self.as_whisper_writes(files[key], points)

    def shown(self, path, step_s):
        retention, = (a['retention'] for a in whisper.info(str(path))['archives'] if a['secondsPerPoint'] == step_s)
        until = self.now + 3600
        (start, _, step), values = whisper.fetch(str(path), until - retention, until, now=until, archiveToSelect=step_s)
        self.assertEqual(step, step_s)
        return [(start + i * step, v) for i, v in enumerate(values) if v is not None]

    def as_whisper_writes(self, path, points):
        info, wanted = whisper.info(str(path)), str(self.folder / 'wanted.wsp')
        archives = [(a['secondsPerPoint'], a['points']) for a in info['archives']]
        whisper.create(wanted, archives, info['xFilesFactor'], info['aggregationMethod'])
        whisper.update_many(wanted, points, now=self.now)
        for step_s, _ in archives:
            self.assertEqual(self.shown(path, step_s), self.shown(wanted, step_s), (path, step_s))
        os.unlink(wanted)


if __name__ == '__main__':
    main()

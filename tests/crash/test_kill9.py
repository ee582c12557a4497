#!/usr/bin/python3
"""kill -9 at any moment loses no message that was taken. Short form: 3 kills; NUMETER_LONG=1: 20."""
import http.client
import json
import os
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import numbered, recorded  # noqa: E402
from support.amqp import QUEUE, Amqp, cast_body  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.readback import wsp_files  # noqa: E402
from support.servers import RabbitMQServer  # noqa: E402
from support.wait import LONG, wait_until  # noqa: E402

N = 10000
KILLS = 20 if LONG else 3
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
        at = sorted((dice.randrange(500, N - 500) for _ in range(KILLS)), reverse=True)
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


class KillWithHttp(ServersCase):
    def test_what_was_accepted_is_there(self):
        """Several senders post small batches; what was answered 200 must be there after each kill."""
        dice, now, n_senders, batch = random.Random(SEED), int(time.time()), 4, 20
        daemon = Daemon(self.folder, http_ingest='true')
        self.addCleanup(daemon.end)
        accepted = {'sender%d' % s: set() for s in range(n_senders)}
        failure = []

        def send(host, end):
            while not end.is_set():
                first = max(accepted[host], default=-1) + 1
                numbers = range(first, first + batch)
                lines = b''.join(json.dumps(numbered.message(host, i, now)).encode() + b'\n' for i in numbers)
                try:
                    status, _, answer = daemon.post(lines, 'application/x-ndjson')
                except (OSError, ValueError, http.client.HTTPException):
                    end.wait(0.01)
                    continue
                if (status, answer['accepted'], answer['rejected']) != (200, batch, []):
                    failure.append((status, answer))
                    return
                accepted[host].update(numbers)

        daemon.start()
        for _ in range(KILLS):
            end = threading.Event()
            threads = [threading.Thread(target=send, args=(host, end)) for host in accepted]
            for t in threads:
                t.start()
            enough = sum(map(len, accepted.values())) + dice.randrange(200, 1500)
            try:
                wait_until(lambda: failure or sum(map(len, accepted.values())) > enough, 30, 'messages are accepted',
                           every_s=0.0005)
                daemon.kill9()
            finally:
                end.set()
                for t in threads:
                    t.join()
            self.assertEqual(failure, [])
            daemon.start()
            for host, numbers in accepted.items():
                lost = numbers - numbered.stored(daemon, host, max(numbers, default=0) + 2 * batch)
                self.assertEqual(sorted(lost)[:20], [], host)
            for path in wsp_files(daemon.wsp_path):
                self.assertEqual((daemon.wsp_path / path).stat().st_size, WSP_BYTES, path)
        daemon.stop()


if __name__ == '__main__':
    main()

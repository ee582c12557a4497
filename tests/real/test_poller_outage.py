#!/usr/bin/python3
"""RabbitMQ goes away while the poller runs, and the poller is killed in the middle of it: the files have no gap."""
import hashlib
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.munin_node import ScriptedNode  # noqa: E402
from support.poller import Poller  # noqa: E402
from support.readback import whisper_points  # noqa: E402
from support.servers import RabbitMQServer  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

HOST = '1795342600-0123456789abcdef'
STEP_S = 2
PLUGIN = {'config': 'x.label x', 'fetch': lambda node, connection: 'x.value %.3f' % time.time()}


def folder_of(host):
    return '%s/%s' % (hashlib.md5(host.encode()).hexdigest()[:2], host)


class Outage(ServersCase):
    needs = ('rabbitmq',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()

    host = HOST

    def daemon(self, **keys):
        return Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port, hosts=[self.host],
                      archives='%d:3600' % STEP_S, **keys)

    def poller(self, node):
        return Poller(self.folder, munin_port=node.port, poller_time=STEP_S, plugins_refresh_time=4,
                      host_id=self.host,
                      rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port)

    def points(self, daemon):
        return daemon.data(self.host, 'p', ['x']).get('x', {})

    def check_no_gap(self, daemon, begin, end):
        """A point in every slot from begin to end, in the file itself; where the poller was down is the caller's."""
        daemon.flush()
        points = whisper_points(daemon.wsp_path / folder_of(self.host) / 'p' / 'x.wsp')
        slots = range(begin // STEP_S * STEP_S, end, STEP_S)
        self.assertGreater(len(slots), 5)
        self.assertEqual([t for t in slots if t not in points], [])
        for t in slots:
            self.assertTrue(t <= points[t] < t + STEP_S + 1, (t, points[t]))

    def ticks(self, poller):
        return len(poller.log_lines('tick.done'))

    def test_an_outage_with_a_kill_in_it(self):
        with ScriptedNode({'p': PLUGIN}) as node, self.daemon() as daemon:
            poller = self.poller(node).start()
            try:
                wait_until(lambda: len(self.points(daemon)) >= 2, 20, poller.log)
                begin = max(self.points(daemon))
                self.rabbitmq.kill()
                ticks = self.ticks(poller)
                wait_until(lambda: self.ticks(poller) >= ticks + 3, 20, poller.log)
                self.assertTrue(poller.log_lines('warning event=sender.waits'))
                # right behind a tick: the next start is in time for the one after it
                ticks = self.ticks(poller)
                wait_until(lambda: self.ticks(poller) > ticks, 10, every_s=0.005)
                poller.kill9()
                poller.start()
                ticks = self.ticks(poller)
                wait_until(lambda: self.ticks(poller) >= ticks + 3, 20, poller.log)
                self.rabbitmq.start()
                wait_until(lambda: self.points(daemon) and max(self.points(daemon)) > time.time() - 2 * STEP_S, 45,
                           poller.log)
                end = max(self.points(daemon))
                self.check_no_gap(daemon, begin, end)
                self.assertEqual(set(daemon.get('list', host=self.host)[2]), {'p'})
                poller.stop()
            finally:
                if poller.process is not None:
                    poller.__exit__(AssertionError, None, None)

    def test_nobody_takes_the_messages_yet(self):
        """No queue is bound: an original poller's messages would be gone."""
        self.host = 'nobody-knows-me'
        with ScriptedNode({'p': PLUGIN}) as node, self.poller(node) as poller:
            wait_until(lambda: self.ticks(poller) >= 3, 20, poller.log)
            begin = int(time.time())
            wait_until(lambda: self.ticks(poller) >= 6, 20, poller.log)
            waits = poller.log_lines('warning event=sender.waits')
            self.assertEqual(len(waits), 1)
            self.assertIn('no storage takes its messages yet: no queue is bound', waits[0])
            with self.daemon(storage_name='late') as daemon:
                wait_until(lambda: self.points(daemon) and max(self.points(daemon)) > time.time() - 2 * STEP_S,
                           30 * SLOW, poller.log)
                self.check_no_gap(daemon, begin, max(self.points(daemon)))


if __name__ == '__main__':
    main()

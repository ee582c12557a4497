#!/usr/bin/python3
"""A full disk: what was accepted stays readable, no short file, and all is written when there is space. When the journal
has none either, nothing more is accepted.

Needs root: the tree lies on a small tmpfs, mounted in a mount namespace of this process alone."""
import ctypes
import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import recorded  # noqa: E402
from support.amqp import Amqp  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.readback import wsp_files  # noqa: E402
from support.servers import RabbitMQServer  # noqa: E402
from support.wait import wait_until  # noqa: E402

CLONE_NEWNS = 0x00020000
WSP_BYTES = 202240
N_FIRST, N_ALL = 20, 80


def mount(*args):
    subprocess.run(['mount', *map(str, args)], check=True, capture_output=True)


class FullDisk(ServersCase):
    needs = ('rabbitmq',)

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest('needs root to mount a tmpfs')
        super().setUpClass()
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
            raise unittest.SkipTest('unshare: %s' % os.strerror(ctypes.get_errno()))
        try:
            mount('--make-rprivate', '/')
            (cls.folder / 'probe').mkdir()
            mount('-t', 'tmpfs', '-o', 'size=1m', 'none', cls.folder / 'probe')
            subprocess.run(['umount', str(cls.folder / 'probe')], check=True)
        except subprocess.CalledProcessError as error:
            raise unittest.SkipTest('cannot mount: %s' % error.stderr)
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()

    def point(self, i, value=1):
        return recorded.data_message('myhost', 'p%d' % (i // 10), self.now, {'v%d' % i: i + value})

    def readable(self, daemon):
        """{number: value}"""
        found = {}
        for k in range(N_ALL // 10):
            ds = ['v%d' % i for i in range(10 * k, 10 * k + 10)]
            for name, points in daemon.data('myhost', 'p%d' % k, ds).items():
                if points:
                    found[int(name[1:])], = points.values()
        return found

    def check_full_disk(self, allocate):
        self.now = int(time.time())
        disk = self.folder / 'disk'
        disk.mkdir()
        mount('-t', 'tmpfs', '-o', 'size=6m', 'none', disk)
        self.addCleanup(subprocess.run, ['umount', '-l', str(disk)], check=True)
        with Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port, wsp_path=disk / 'wsps',
                    wsp_allocate=allocate) as daemon, Amqp(self.rabbitmq.port) as amqp:
            amqp.wait_consumed()
            amqp.send(recorded.myinfo_message('myhost'))
            for i in range(N_FIRST):
                amqp.send(self.point(i))
            wait_until(lambda: len(self.readable(daemon)) == N_FIRST, 10, 'the first ones are stored')
            daemon.flush()
            filler = disk / 'filler'
            fill(filler, leave=0)
            said = len(daemon.log().splitlines())
            for i in range(N_FIRST, N_ALL):
                amqp.send(self.point(i))
            wait_until(lambda: daemon.log().splitlines()[said:], 10, 'the daemon says so')
            amqp.wait_drained(20)  # the journal has them: they are acknowledged
            wait_until(lambda: len(self.readable(daemon)) == N_ALL, 10, 'all have been accepted')
            # for a while: everything is readable, complaints do not pile up
            end = time.monotonic() + 3
            while time.monotonic() < end:
                self.assertEqual(daemon.index(), (200, 'index pass'))
                self.assertEqual(self.readable(daemon), {i: float(i + 1) for i in range(N_ALL)})
                wait_until(lambda: True, 1)
            lines = daemon.log().splitlines()[said:]
            self.assertLessEqual(len(lines), 5, lines)
            self.assertTrue(any('No space left' in line for line in lines), lines)
            self.assertEqual(rejected_lines(daemon.rejected_path), [])
            self.assertIn('No space left', daemon.control('flush')['error'])
            self.check_files(daemon)
            # a kill in this state loses nothing
            daemon.kill9()
            daemon.start()
            wait_until(lambda: self.readable(daemon) == {i: float(i + 1) for i in range(N_ALL)}, 10,
                       'the journal brings back what is in no file')
            self.assertLess(len(wsp_files(daemon.wsp_path)), N_ALL)
            filler.unlink()
            mount('-o', 'remount,size=64m', disk)
            # by itself, within the ten seconds of a pass that follows a failure
            wait_until(lambda: len(wsp_files(daemon.wsp_path)) == N_ALL, 20, 'all is written once there is space')
            daemon.flush()
            self.assertEqual(self.readable(daemon), {i: float(i + 1) for i in range(N_ALL)})
            self.check_files(daemon)
            self.assertEqual([p for p in (daemon.wsp_path / '.tmp').glob('*')] if
                             (daemon.wsp_path / '.tmp').exists() else [], [])
            daemon.stop()
            self.assertEqual(amqp.queue(), (0, 0), 'all was acknowledged')

    def check_files(self, daemon):
        for path in wsp_files(daemon.wsp_path):
            self.assertEqual((daemon.wsp_path / path).stat().st_size, WSP_BYTES, path)

    def test_reserved_files(self):
        self.check_full_disk('reserve')

    def test_sparse_files(self):
        self.check_full_disk('sparse')

    def test_a_full_journal_disk_accepts_nothing_and_loses_nothing(self):
        """Journal and tree on one full disk: 503, messages stay with the broker, what was accepted stays readable."""
        self.now = int(time.time())
        disk = self.folder / 'disk'
        disk.mkdir()
        mount('-t', 'tmpfs', '-o', 'size=12m', 'none', disk)
        self.addCleanup(subprocess.run, ['umount', '-l', str(disk)], check=True)
        with Daemon(self.folder, http_ingest='true', rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port,
                    wsp_path=disk / 'wsps', journal_path=disk / 'journal', journal_max_bytes='8M',
                    flush_interval_s=3600) as daemon, Amqp(self.rabbitmq.port) as amqp:
            amqp.wait_consumed()
            ds, accepted, status = ['d%d' % k for k in range(1000)], [], 200
            t0 = self.now - 80000
            self.assertEqual(daemon.post([self.point(0), recorded.data_message(
                'myhost', 'filling', t0 - 60, {d: -1 for d in ds})])[2]['accepted'], 2)
            fill(disk / 'filler', leave=0)
            # the segments that were made keep their space; then nothing is accepted any more
            while status == 200 and len(accepted) < 1000:
                t = t0 + 60 * len(accepted)
                status, headers, answer = daemon.post(
                    recorded.data_message('myhost', 'filling', t, {d: len(accepted) for d in ds}))
                if status == 200:
                    accepted.append(t)
            self.assertEqual((status, {'error', 'detail'} - set(answer)), (503, set()))
            self.assertIn('No space left', answer['detail'])
            self.assertGreater(int(headers['retry-after']), 0)
            amqp.send(self.point(1))
            for start in (False, True):
                if start:  # on the full disk
                    daemon.kill9()
                    daemon.start()
                    wait_until(lambda: len(daemon.log_lines('event=journal.replayed')) == 2, 10, 'it has replayed')
                got = daemon.data('myhost', 'filling', ['d0', 'd999'])
                for d in ('d0', 'd999'):
                    wanted = {t - t % 60: float(i) for i, t in enumerate([t0 - 60] + accepted, start=-1)}
                    self.assertEqual({t: v for t, v in got[d].items() if t in wanted}, wanted)
                    self.assertLessEqual(len(got[d]), len(wanted) + 1)  # one was shown and not accepted
                self.assertEqual(daemon.index(), (200, 'index pass'))
                self.assertEqual(daemon.post(recorded.data_message('myhost', 'filling', self.now - 90000,
                                                                   {d: 1 for d in ds}))[0], 503)
            self.assertNotIn(1, self.readable(daemon))
            (disk / 'filler').unlink()
            mount('-o', 'remount,size=512m', disk)
            wait_until(lambda: self.readable(daemon) == {0: 1.0, 1: 2.0}, 20, 'the message comes when there is space')
            status, _, answer = daemon.post([self.point(i) for i in range(2, 10)])
            self.assertEqual((status, answer), (200, {'accepted': 8, 'rejected': []}))
            daemon.flush()
            self.assertEqual(self.readable(daemon), {i: float(i + 1) for i in range(10)})
            self.check_files(daemon)
            # once in each of the two lives, and its end
            self.assertEqual(len(daemon.log_lines('event=journal.failing .*No space left')), 2, daemon.log())
            self.assertEqual(len(daemon.log_lines('event=journal.recovered')), 1, daemon.log())


def fill(path, leave):
    """Take all the space of the file system but `leave` bytes."""
    with open(path, 'wb', buffering=0) as f:
        try:
            while True:
                f.write(b'x' * 4096)
        except OSError:
            pass
        if leave:
            f.truncate(f.tell() - leave)


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""A full disk: messages stay with the broker, reading goes on, no short file, and all arrives when there is space.

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
            filler = disk / 'filler'
            fill(filler, leave=0)
            said = len(daemon.log().splitlines())
            for i in range(N_FIRST, N_ALL):
                amqp.send(self.point(i))
            wait_until(lambda: daemon.log().splitlines()[said:], 10, 'the daemon says so')
            # for a while: all that is there stays readable, complaints do not pile up
            end = time.monotonic() + 3
            while time.monotonic() < end:
                self.assertEqual(daemon.index(), (200, 'index pass'))
                self.assertEqual({i: v for i, v in self.readable(daemon).items() if i < N_FIRST},
                                 {i: float(i + 1) for i in range(N_FIRST)})
                wait_until(lambda: True, 1)
            lines = daemon.log().splitlines()[said:]
            self.assertLessEqual(len(lines), 5, lines)
            self.assertTrue(any('No space left' in line for line in lines), lines)
            self.assertEqual(rejected_lines(daemon.rejected_path), [])
            unacknowledged = int(self.rabbitmq.rabbitmqctl('list_queues', 'messages_unacknowledged').split()[-1])
            stored = len(self.readable(daemon))
            self.assertLess(stored, N_ALL)
            self.assertGreaterEqual(unacknowledged, N_ALL - stored, 'what is not stored is not acknowledged')
            for path in wsp_files(daemon.wsp_path):
                self.assertEqual((daemon.wsp_path / path).stat().st_size, WSP_BYTES, path)
            filler.unlink()
            mount('-o', 'remount,size=64m', disk)
            wait_until(lambda: self.readable(daemon) == {i: float(i + 1) for i in range(N_ALL)}, 15,
                       'all is stored once there is space')
            self.assertEqual(len(wsp_files(daemon.wsp_path)), N_ALL)
            for path in wsp_files(daemon.wsp_path):
                self.assertEqual((daemon.wsp_path / path).stat().st_size, WSP_BYTES, path)
            self.assertEqual([p for p in (daemon.wsp_path / '.tmp').glob('*')] if
                             (daemon.wsp_path / '.tmp').exists() else [], [])
            daemon.stop()
            self.assertEqual(amqp.queue(), (0, 0), 'all was acknowledged')

    def test_reserved_files(self):
        self.check_full_disk('reserve')

    def test_sparse_files(self):
        self.check_full_disk('sparse')

    def test_http_says_503_and_loses_nothing_it_accepted(self):
        self.now = int(time.time())
        disk = self.folder / 'disk'
        disk.mkdir()
        mount('-t', 'tmpfs', '-o', 'size=6m', 'none', disk)
        self.addCleanup(subprocess.run, ['umount', '-l', str(disk)], check=True)
        with Daemon(self.folder, http_ingest='true', wsp_path=disk / 'wsps', wsp_allocate='reserve') as daemon:
            self.assertEqual(daemon.post(self.point(0))[2]['accepted'], 1)
            fill(disk / 'filler', leave=0)
            status, headers, answer = daemon.post([self.point(i) for i in range(1, 10)])
            self.assertEqual((status, {'error', 'detail'} - set(answer)), (503, set()))
            self.assertGreater(int(headers['retry-after']), 0)
            (disk / 'filler').unlink()
            mount('-o', 'remount,size=64m', disk)
            status, _, answer = daemon.post([self.point(i) for i in range(1, 10)])
            self.assertEqual((status, answer), (200, {'accepted': 9, 'rejected': []}))
            self.assertEqual(self.readable(daemon), {i: float(i + 1) for i in range(10)})


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

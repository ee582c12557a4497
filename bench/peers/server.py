"""What every server of the benchmarks has in common."""
import ctypes
import os
import signal
import socket
import subprocess
import time

from .measure import Usage, wait_until

ARCHIVES = [(60, 1440), (300, 2016), (600, 4608), (3600, 8784)]


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_ports(n):
    held = [socket.socket() for _ in range(n)]
    for s in held:
        s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def version_of(package):
    return subprocess.run(['dpkg-query', '-W', '-f=${Version}', package], capture_output=True, text=True).stdout


class Server:
    """
    Life: Server(folder) → start() → … → stop(). `folder` is made and not removed.
    port    takes carbon lines
    """
    name = package = None

    def __init__(self, folder):
        self.folder, self.process, self.port = folder, None, None
        os.makedirs(folder)

    def command(self):
        """Write what it needs into self.folder; its command line."""
        raise NotImplementedError

    def answers(self):
        """Whether it is ready."""
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', self.port)) == 0

    def start(self):
        command = self.command()
        with open(os.path.join(self.folder, 'output'), 'ab') as output:
            self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, preexec_fn=die_with_parent)
        wait_until(self._ready, 30, '%s answers' % self.name)
        return self

    def _ready(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, 'output'), errors='replace') as f:
                raise RuntimeError('%s ended with %s: %s' % (self.name, self.process.returncode, f.read()[-2000:]))
        return self.answers()

    @property
    def pid(self):
        return self.process.pid

    def usage(self):
        return Usage(self.pid, self.folder)

    def expect(self, n_points):
        """So many more points were sent to it."""

    def wait_stored(self):
        """Until all that it read is in its files, not yet synced; the monotonic time since when that is so."""
        return self.wait_idle()

    def wait_idle(self, quiet_s=1.5, deadline_s=3600):
        """Until it has written nothing and used less than a hundredth of a core for quiet_s (carbon-cache's writer
        sleeps a second at a time)."""
        end = time.monotonic() + deadline_s
        rest = self._work()
        while rest[0] + quiet_s > time.monotonic():
            time.sleep(0.02)
            now = self._work()
            if now[1] != rest[1] or now[2] - rest[2] > 0.001 + 0.01 * (now[0] - rest[0]):
                rest = now
            if now[0] > end:
                raise RuntimeError('%s never rests' % self.name)
        return rest[0]

    def _work(self):
        """(monotonic time, what it wrote so far, its CPU time)"""
        usage = self.usage()
        return usage.at_s, usage.called, usage.cpu_s

    def check_stored(self, n_series, n_ticks, t0):
        """Raise unless a sample of series has all of its points in files."""

    def end_and_usage(self):
        """SIGTERM, wait for the end, and what it had used by then; the server is gone afterwards."""
        self.process.send_signal(signal.SIGTERM)
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        usage = self.usage()
        self.process.wait()
        return usage

    def stop(self, kill=False):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        self.stop(kill=True)


__all__ = ['ARCHIVES', 'Server', 'die_with_parent', 'free_ports', 'version_of', 'wait_until']

"""The sender: bench/carbon_load as a child process."""
import json
import os
import random
import subprocess

from .server import die_with_parent

SERIES_A_HOST = 150


def program(build):
    return os.path.join(build, 'bench', 'carbon_load')


def send(build, port, n_series, n_ticks, t0, connections=1, order='same', how='rendered'):
    """Everything at once; returns when the server has read it all: {"points", "bytes", "seconds", "cpu_seconds"}."""
    done = subprocess.run([program(build)] + [str(a) for a in (port, n_series, n_ticks, t0, connections, order, how)],
                          check=True, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
    return json.loads(done.stdout)


class Steps:
    """The same, a tick at a time over connections that stay open."""

    def __init__(self, build, port, n_series, n_ticks, t0, connections=1, order='same'):
        arguments = [str(a) for a in (port, n_series, n_ticks, t0, connections, order, 'step')]
        self.process = subprocess.Popen([program(build)] + arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=die_with_parent)

    def tick(self):
        """One tick; the kernel has taken it, the server perhaps not."""
        self.process.stdin.write(b'\n')
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            raise RuntimeError('the sender ended')

    def end(self):
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait()


def parts(series):
    """(host, plugin, ds) of a series number."""
    rest = series % SERIES_A_HOST
    return 'numeter.h%05d' % (series // SERIES_A_HOST), 'p%02d' % (rest // 5), 'd%d' % (rest % 5)


def sample(n_series, n=20):
    """Numbers of some series, the first and the last among them."""
    return sorted({0, n_series - 1, *(random.Random(n_series).randrange(n_series) for _ in range(n))})

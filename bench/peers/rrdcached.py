"""rrdcached, fed over its Unix socket in the commands of its own protocol, a tick in a batch."""
import os
import socket
import time

from . import load
from .server import ARCHIVES, Server, version_of, wait_until


class Rrdcached(Server):
    name, package = 'rrdcached', 'rrdcached'

    @staticmethod
    def version():
        return version_of('rrdcached')

    def command(self):
        self.socket_path = os.path.join(self.folder, 'socket')
        os.mkdir(os.path.join(self.folder, 'rrd'))
        os.mkdir(os.path.join(self.folder, 'journal'))
        return ['/usr/bin/rrdcached', '-g', '-l', 'unix:' + self.socket_path, '-p', self.folder + '/pid',
                '-b', self.folder + '/rrd', '-B', '-R', '-j', self.folder + '/journal', '-w', '86400', '-f', '86400',
                '-t', '2']

    def answers(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.socket_path) == 0

    def start(self):
        super().start()
        self.stream = socket.socket(socket.AF_UNIX)
        self.stream.connect(self.socket_path)
        self.answer = self.stream.makefile('rb')
        return self

    @staticmethod
    def _file(series):
        return '/'.join(load.parts(series)) + '.rrd'

    def _ask(self, command):
        """The lines of an answer; the first begins with their number, or with one below 0 for an error."""
        self.stream.sendall(command)
        return self._read_answer()

    def _read_answer(self):
        first = self.answer.readline().decode()
        n = int(first.split()[0])
        if n < 0:
            raise RuntimeError('rrdcached: ' + first)
        return [self.answer.readline().decode().strip() for _ in range(n)]

    def create(self, n_series, t0):
        rows = ' '.join('RRA:AVERAGE:0.5:%d:%d' % (step // ARCHIVES[0][0], n) for step, n in ARCHIVES)
        for series in range(n_series):
            self._ask(('CREATE %s -s 60 -b %d DS:v:GAUGE:120:U:U %s\n' % (self._file(series), t0 - 60, rows)).encode())

    @staticmethod
    def render(n_series, n_ticks, t0):
        """Batches of updates, one a tick."""
        batches = []
        for i in range(n_ticks):
            lines = ['UPDATE %s %d:%d.%02d\n' % (Rrdcached._file(k), t0 + 60 * i, (k * 7 + i * 13) % 10000, (k + i) % 100)
                     for k in range(n_series)]
            batches.append(('BATCH\n' + ''.join(lines) + '.\n').encode())
        return batches

    def send(self, batches):
        for batch in batches:
            self.stream.sendall(batch)
            self._read_answer()  # "go ahead"
            errors = self._read_answer()
            if errors:
                raise RuntimeError('rrdcached: ' + errors[0])

    def _statistics(self):
        return {k: int(v) for k, v in (line.split(': ') for line in self._ask(b'STATS\n'))}

    def wait_stored(self):
        """FLUSHALL puts all into its queue; done when as many values are written as came."""
        self._ask(b'FLUSHALL\n')

        def written():
            s = self._statistics()
            return s['QueueLength'] == 0 and s['DataSetsWritten'] >= s['UpdatesReceived']
        wait_until(written, 3600, 'rrdcached has written all')
        return time.monotonic()

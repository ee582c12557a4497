"""Graphite's carbon-cache as Debian has it, with ports and folders of its own."""
import os
import signal
import socket
import subprocess
from pathlib import Path

from .ports import free_port
from .program import _die_with_parent
from .wait import wait_until

PROGRAM = '/usr/bin/carbon-cache'
HAVE_CARBON_CACHE = os.access(PROGRAM, os.X_OK)

CONFIGURATION = '''[cache]
STORAGE_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
CONF_DIR = {folder}
LOG_DIR = {folder}
PID_DIR = {folder}
DATABASE = whisper
ENABLE_LOGROTATION = False
ENABLE_TAGS = False
TAG_HASH_FILENAMES = False
USER =
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = inf
MAX_CREATES_PER_MINUTE = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = {pickle}
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = {query}
CACHE_WRITE_STRATEGY = sorted
CARBON_METRIC_INTERVAL = 0
'''


class CarbonCache:
    """schemas, aggregations: text of storage-schemas.conf and storage-aggregation.conf. .tree: the whisper files."""

    def __init__(self, folder, schemas, aggregations):
        self.folder = Path(folder)
        self.tree = self.folder / 'whisper'
        self.port = free_port()
        (self.folder / 'carbon.conf').write_text(CONFIGURATION.format(folder=folder, port=self.port, pickle=free_port(),
                                                                     query=free_port()))
        (self.folder / 'storage-schemas.conf').write_text(schemas)
        (self.folder / 'storage-aggregation.conf').write_text(aggregations)

    def __enter__(self):
        with open(self.folder / 'out', 'ab') as out:
            self.process = subprocess.Popen(
                [PROGRAM, '--config=%s/carbon.conf' % self.folder, '--nodaemon', '--pidfile=%s/pid' % self.folder,
                 '--logdir=%s' % self.folder, 'start'], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=_die_with_parent)
        wait_until(self._listens, 20, lambda: 'carbon-cache listens: ' + (self.folder / 'out').read_text())
        return self

    def _listens(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), timeout=5).close()
            return True
        except OSError:
            return False

    def send(self, points):
        """points: (name, value, time)."""
        with socket.create_connection(('127.0.0.1', self.port), timeout=20) as s:
            s.sendall(''.join('%s %r %d\n' % p for p in points).encode())

    def __exit__(self, *error):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

"""carbon-cache with Debian's configuration but for ports, folders, logs and limits of speed."""
import os

from . import load, readback
from .server import ARCHIVES, Server, free_ports, version_of

CONFIGURATION = '''[cache]
STORAGE_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
CONF_DIR = {folder}
LOG_DIR = {folder}
PID_DIR = {folder}
DATABASE = whisper
ENABLE_LOGROTATION = False
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
USE_FLOW_CONTROL = True
LOG_UPDATES = False
LOG_CREATES = False
LOG_CACHE_HITS = False
LOG_CACHE_QUEUE_SORTS = False
CACHE_WRITE_STRATEGY = sorted
WHISPER_AUTOFLUSH = False
WHISPER_FALLOCATE_CREATE = True
CARBON_METRIC_INTERVAL = 0
'''


class CarbonCache(Server):
    name, package = 'carbon-cache', 'graphite-carbon'
    archives = ARCHIVES

    @staticmethod
    def version():
        return version_of('graphite-carbon')

    def command(self):
        self.port, pickle, query = free_ports(3)
        self._write('carbon.conf', CONFIGURATION.format(folder=self.folder, port=self.port, pickle=pickle, query=query))
        self._write('storage-schemas.conf', '[all]\npattern = .*\nretentions = %s\n' %
                    ','.join('%d:%d' % a for a in self.archives))
        self._write('storage-aggregation.conf', '[all]\npattern = .*\nxFilesFactor = 0.5\naggregationMethod = average\n')
        return ['/usr/bin/carbon-cache', '--config=%s/carbon.conf' % self.folder, '--nodaemon',
                '--pidfile=%s/pid' % self.folder, '--logdir=%s' % self.folder, 'start']

    def _write(self, name, text):
        with open(os.path.join(self.folder, name), 'w') as f:
            f.write(text)

    def path(self, series):
        host, plugin, ds = load.parts(series)
        return os.path.join(self.folder, 'whisper', *host.split('.'), plugin, ds + '.wsp')

    def check_stored(self, n_series, n_ticks, t0):
        for series in load.sample(n_series):
            readback.check_points(self.path(series), n_ticks, t0)

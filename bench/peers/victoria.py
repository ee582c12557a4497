"""victoria-metrics with its carbon listener. It keeps a format of its own: most of it in memory until it is told to end."""
import os
import socket

from .server import Server, free_ports, version_of


class VictoriaMetrics(Server):
    name, package = 'victoria-metrics', 'victoria-metrics'

    @staticmethod
    def version():
        return version_of('victoria-metrics')

    def command(self):
        self.port, self.http = free_ports(2)
        return ['/usr/bin/victoria-metrics', '-storageDataPath=' + os.path.join(self.folder, 'data'),
                '-graphiteListenAddr=127.0.0.1:%d' % self.port, '-httpListenAddr=127.0.0.1:%d' % self.http,
                '-retentionPeriod=12', '-loggerLevel=ERROR',
                '-maxConcurrentInserts=2000']  # as many connections as that, or it leaves the others unread

    def answers(self):
        with socket.socket() as s:
            return super().answers() and s.connect_ex(('127.0.0.1', self.http)) == 0

    def _work(self):
        """Its timers go on for ever and count as writes."""
        usage = self.usage()
        return usage.at_s, 0, usage.cpu_s

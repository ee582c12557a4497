"""numeter-storage with carbon_listen, metadata in SQLite, journal on."""
import http.client
import hashlib
import json
import os
import re
import socket
import subprocess
import time

from . import load, readback
from .server import ARCHIVES, Server, free_ports


class Ours(Server):
    """Keyword arguments are configuration keys. flush_interval_s is long: benchmarks say when to flush."""
    name = package = 'numeter-storage'
    build = None  # the build folder, set by who makes one

    def __init__(self, folder, archives=ARCHIVES, **keys):
        super().__init__(folder)
        self.keys, self.archives, self.expected = keys, archives, 0

    @classmethod
    def version(cls):
        said = subprocess.run([cls.program(), '--version'], capture_output=True, text=True)
        return said.stdout.split()[-1] if said.stdout else '?'

    @classmethod
    def program(cls):
        return os.path.join(cls.build, 'numeter-storage')

    def command(self):
        if self.port is None:
            self.port, self.http = free_ports(2)
        f = self.folder
        keys = dict(
            enable='true', log_level='info', log_level_stdr='warning', log_path=f + '/log', storage_name='bench',
            rpc_hosts='', metadata='sqlite:%s/metadata' % f, host_list_file=f + '/host-list', user='root', group='root',
            wsp_path=f + '/wsps', rejected_path=f + '/rejected', http_listen='127.0.0.1:%d' % self.http,
            carbon_listen='127.0.0.1:%d' % self.port, journal_path=f + '/journal', control_socket=f + '/control',
            flush_interval_s=86400, archives=', '.join('%d:%d' % a for a in self.archives))
        keys.update(self.keys)
        with open(f + '/host-list', 'w') as out:
            out.write('*\n')
        with open(f + '/numeter_storage.cfg', 'w') as out:
            out.write('[global]\n' + ''.join('%s = %s\n' % item for item in keys.items()))
        return [self.program(), '-c', f + '/numeter_storage.cfg']

    def answers(self):
        return super().answers() and os.path.exists(self.folder + '/control')

    def ask(self, **request):
        """One request over the control socket: its answer, an object."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.folder + '/control')
            s.sendall(json.dumps(request).encode() + b'\n')
            answer = b''
            while not answer.endswith(b'\n'):
                piece = s.recv(65536)
                if not piece:
                    break
                answer += piece
        answer = json.loads(answer)
        if answer.get('ok') is False or 'error' in answer:
            raise RuntimeError('%s: %s' % (request, answer))
        return answer

    def start(self):
        self.expected = 0  # counted from its start
        return super().start()

    def expect(self, n_points):
        self.expected += n_points

    def wait_idle(self, quiet_s=0, deadline_s=600):
        """All that was sent is accepted and in the synced journal (the server closes a connection when it has read all of
        it, and takes the last lines in a moment later)."""
        end = time.monotonic() + deadline_s
        while True:
            status = self.ask(verb='status')
            if status['counters']['points_accepted'] >= self.expected and \
                    status['journal']['appended'] == status['journal']['synced']:
                return time.monotonic()
            if time.monotonic() > end:
                raise RuntimeError('%d of %d points accepted' % (status['counters']['points_accepted'], self.expected))
            time.sleep(0.005)

    def wait_stored(self):
        """Accepted, and then flushed, which syncs too, until a flush finds nothing."""
        self.wait_idle()
        while True:
            answer = self.ask(verb='flush')
            at_s = time.monotonic()
            time.sleep(0.02)
            if int(re.search(r'"points_written": (\d+)', json.dumps(answer)).group(1)) == 0:
                return at_s

    def path(self, series):
        host, plugin, ds = load.parts(series)
        return os.path.join(self.folder, 'wsps', hashlib.md5(host.encode()).hexdigest()[:2], host.replace('.', ''), plugin,
                            ds + '.wsp')

    def check_stored(self, n_series, n_ticks, t0):
        for series in load.sample(n_series):
            readback.check_points(self.path(series), n_ticks, t0)

    def points_of(self, series, t0, n_ticks):
        """How many of these ticks /data shows."""
        host, plugin, ds = load.parts(series)
        connection = http.client.HTTPConnection('127.0.0.1', self.http, timeout=60)
        try:
            connection.request('GET', '/numeter-storage/data?host=%s&plugin=%s&ds=%s&res=Daily' % (host, plugin, ds))
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            return 0
        body = json.loads(body)
        values = body['DATAS'].get(ds, [])
        return sum(1 for i, v in enumerate(values)
                   if v is not None and t0 <= body['TS_start'] + i * body['TS_step'] <= t0 + 60 * (n_ticks - 1))

"""The daemon as a child process, with a configuration, folders and ports of its own."""
import glob
import http.client
import json
import os
import re
import socket
import subprocess
from pathlib import Path
from urllib.parse import quote, urlencode

from .ports import free_port
from .program import Program, _die_with_parent
from .wait import SLOW, wait_until



def program():
    return os.environ['NUMETER_STORAGE']


def libfaketime():
    """What LD_PRELOAD must hold for a daemon with a clock of its own, or None."""
    found = glob.glob('/usr/lib/*/faketime/libfaketimeMT.so.1') or glob.glob('/usr/lib/*/faketime/libfaketime.so.1')
    if not found:
        return None
    # a sanitizer's library must come before any other
    needed = subprocess.run(['ldd', program()], capture_output=True, text=True).stdout
    return ' '.join(re.findall(r'lib[at]san\S* => (\S+)', needed) + found[:1])


class Daemon(Program):
    """
    with Daemon(folder, rpc_hosts='127.0.0.1:5672', hosts=['myhost']) as d: …

    Keyword arguments are configuration keys; None leaves one out. Without rpc_hosts there is no RabbitMQ, without
    metadata or redis_storage_* there is SQLite.
    hosts       lines of the host-list (default: `*`)
    sections    text behind the [global] section
    now         Unix seconds at which its clock starts (libfaketime), None: the real one
    """
    title = 'daemon'

    def __init__(self, folder, hosts=('*',), sections='', now=None, **keys):
        self.folder = Path(folder)
        self.now = now
        self.port = free_port()
        self.wsp_path = Path(keys.get('wsp_path', self.folder / 'wsps'))
        self.rejected_path = Path(keys.get('rejected_path', self.folder / 'rejected'))
        self.journal_path = Path(keys.get('journal_path', self.folder / 'journal'))
        self.control_socket = Path(keys.get('control_socket', self.folder / 'ctl.sock'))
        self.log_path = Path(keys.get('log_path', self.folder / 'numeter-storage.log'))
        self.stderr_path = self.folder / 'stderr'
        self.config_path = self.folder / 'numeter_storage.cfg'
        self.host_list_path = self.folder / 'host-list'
        self.process = None
        self.sections = sections
        self.keys = {
            'enable': 'true', 'log_level': 'info', 'log_level_stdr': 'warning', 'log_path': self.log_path,
            'storage_name': 'storage-test', 'rpc_hosts': '', 'host_list_file': self.host_list_path,
            'wsp_path': self.wsp_path, 'rejected_path': self.rejected_path, 'wsp_allocate': 'sparse',
            'journal_path': self.journal_path, 'control_socket': self.control_socket, 'flush_interval_s': 1,
            'http_listen': '127.0.0.1:%d' % self.port, 'user': 'root', 'group': 'root',
        }
        if 'redis_storage_port' not in keys and 'redis_storage_host' not in keys:
            self.keys['metadata'] = 'sqlite:%s' % (self.folder / 'metadata.sqlite')
        self.keys.update(keys)
        self.write_hosts(hosts)
        self.write_config()

    def write_config(self):
        lines = ['[global]'] + ['%s = %s' % (k, v) for k, v in self.keys.items() if v is not None]
        self.config_path.write_text('\n'.join(lines) + '\n' + self.sections)

    def write_hosts(self, hosts):
        self.host_list_path.write_text(''.join('%s\n' % h for h in hosts))

    # ---- life

    def spawn(self):
        """Start without waiting for anything."""
        environment = dict(os.environ)
        if self.now is not None:
            environment.update(LD_PRELOAD=libfaketime(), FAKETIME='@%d' % self.now, FAKETIME_FMT='%s',
                               FAKETIME_DONT_FAKE_MONOTONIC='1')
        with open(self.stderr_path, 'ab') as err:
            self.process = subprocess.Popen([program(), '-c', str(self.config_path)], stdin=subprocess.DEVNULL,
                                            stdout=err, stderr=err, env=environment, preexec_fn=_die_with_parent)

    def start(self, deadline_s=10):
        """Until the index page answers, and the journal has been replayed."""
        self.spawn()
        try:
            wait_until(self._answers, deadline_s, lambda: 'the daemon answers; it said: ' + self.stderr()[-2000:])
            if self.keys.get('control_socket'):
                wait_until(self._listens, deadline_s, lambda: 'the replay has ended; it said: ' + self.stderr()[-2000:])
        except BaseException:
            self.end()
            raise
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError('the daemon ended with %s: %s' % (self.process.returncode, self.stderr()[-2000:]))
        try:
            return self.index() == (200, 'index pass')
        except OSError:
            return False

    def _listens(self):
        """The control socket is served once points are accepted."""
        if self.process.poll() is not None:
            raise AssertionError('the daemon ended with %s: %s' % (self.process.returncode, self.stderr()[-2000:]))
        try:
            return self.control('status')['pid'] == self.process.pid
        except (OSError, ValueError):
            return False

    def index(self):
        """(status, text) of the index page."""
        status, _, body = self.request('GET', '/numeter-storage/')
        return status, body.decode().strip()

    # ---- asking it

    def request(self, method, path, body=None, headers=None, timeout_s=30):
        """(status, headers, body as bytes); header names in lower case."""
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout_s * SLOW)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            content = reply.read()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, content
        finally:
            connection.close()

    def get(self, path, **parameters):
        """path below the base, parameters as the query → (status, headers, JSON). `from_` stands for from."""
        target = '/numeter-storage/' + path
        if parameters:
            target += '?' + urlencode({k.rstrip('_'): v for k, v in parameters.items()}, quote_via=quote)
        status, headers, body = self.request('GET', target)
        assert headers.get('content-type') == 'application/json; charset=utf-8', (target, status, headers, body[:200])
        return status, headers, strict_json(body)

    def post(self, body, content_type='application/json', token=None, path='/numeter-storage/ingest'):
        """body: bytes, or anything that becomes JSON → (status, headers, JSON)."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {}
        if content_type is not None:
            headers['Content-Type'] = content_type
        if token is not None:
            headers['Authorization'] = 'Bearer ' + token
        status, headers, body = self.request('POST', path, body, headers)
        return status, headers, strict_json(body) if body else None

    def control(self, verb, timeout_s=60, **arguments):
        """One question on the control socket → its answer as JSON."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(timeout_s * SLOW)
            s.connect(str(self.control_socket))
            s.sendall(json.dumps(dict(arguments, verb=verb)).encode() + b'\n')
            answer = b''
            while True:
                some = s.recv(65536)
                if not some:
                    return strict_json(answer)
                answer += some

    def flush(self, host=None):
        """Everything accepted so far (of one host) is in its files, and they are synced."""
        answer = self.control('flush', **({} if host is None else {'host': host}))
        assert 'error' not in answer, answer
        return answer

    def data(self, host, plugin, ds, res='Daily'):
        """{ds: {slot time: value}} of the known points of one reply; {} for 404."""
        status, _, reply = self.get('data', host=host, plugin=plugin, ds=','.join(ds), res=res)
        if status == 404:
            return {}
        assert status == 200, (status, reply)
        start, step = reply['TS_start'], reply['TS_step']
        return {name: {start + i * step: v for i, v in enumerate(values) if v is not None}
                for name, values in reply['DATAS'].items()}


def strict_json(body):
    def refuse(word):
        raise AssertionError('%s in JSON: %r' % (word, body[:200]))
    return json.loads(body.decode('utf-8'), parse_constant=refuse)

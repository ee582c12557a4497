"""What the nagios checks and munin plugins of numeter share: asking Redis or SQLite, the daemon over HTTP, and /proc.
Only Python's standard library; every answer has a deadline and a ceiling."""
import argparse
import http.client
import json
import os
import re
import socket
import sqlite3
import sys
import time
import urllib.parse

OK, WARNING, CRITICAL, UNKNOWN = range(4)
STATES = ('OK', 'WARNING', 'CRITICAL', 'UNKNOWN')
MOST_BYTES = 64 << 20  # of one answer


class Away(Exception):
    """It does not answer, or with an error."""


# ---- the metadata store

class Redis:
    """RESP over a socket: what these checks need of it."""

    def __init__(self, host='127.0.0.1', port=6379, db=2, password=None, path=None, timeout_s=10):
        self.where = path or '%s:%d' % (host, port)
        self.deadline = time.monotonic() + timeout_s
        try:
            if path:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(timeout_s)
                self.socket.connect(path)
            else:
                self.socket = socket.create_connection((host, port), timeout_s)
            self.stream = self.socket.makefile('rb')
        except OSError as error:
            raise Away('Redis at %s: %s' % (self.where, error.strerror or error)) from error
        if password:
            self.ask('AUTH', password)
        self.ask('SELECT', str(db))

    def ask(self, *words):
        """Texts in, None, int, text or list out."""
        command = b'*%d\r\n' % len(words)
        for word in words:
            word = word.encode('utf-8', 'surrogateescape')
            command += b'$%d\r\n%s\r\n' % (len(word), word)
        try:
            self.socket.settimeout(max(0.001, self.deadline - time.monotonic()))
            self.socket.sendall(command)
            return self._answer()
        except OSError as error:
            raise Away('Redis at %s: %s' % (self.where, error.strerror or error)) from error

    def _answer(self):
        self.socket.settimeout(max(0.001, self.deadline - time.monotonic()))
        line = self.stream.readline(65536)
        if not line.endswith(b'\r\n'):
            raise Away('Redis at %s: closed the connection' % self.where)
        kind, rest = line[:1], line[1:-2]
        if kind == b'-':
            raise Away('Redis at %s: %s' % (self.where, rest.decode('utf-8', 'replace')))
        if kind == b'+':
            return rest.decode('utf-8', 'surrogateescape')
        if kind not in b':$*' or not re.fullmatch(rb'-?\d{1,18}', rest):
            raise Away('Redis at %s: no answer of Redis: %r' % (self.where, line[:40]))
        n = int(rest)
        if kind == b':':
            return n
        if n < 0:
            return None
        if n > MOST_BYTES:
            raise Away('Redis at %s: an answer of %d bytes' % (self.where, n))
        if kind == b'*':
            return [self._answer() for _ in range(n)]
        data = self.stream.read(n + 2)
        if len(data) != n + 2:
            raise Away('Redis at %s: closed the connection' % self.where)
        return data[:-2].decode('utf-8', 'surrogateescape')

    # what both stores answer

    def n_fields(self, key):
        return self.ask('HLEN', key)

    def values(self, key):
        return self.ask('HVALS', key)

    def fields(self, key):
        return self.ask('HKEYS', key)

    def string(self, key):
        return self.ask('GET', key)

    def n_keys(self):
        return self.ask('DBSIZE')

    def n_bytes(self):
        """Memory in use, of all databases."""
        found = re.search(r'^used_memory:(\d+)', self.ask('INFO'), re.MULTILINE)
        return int(found[1]) if found else None


class Sqlite:
    """The embedded store, only read."""

    def __init__(self, path, timeout_s=10):
        self.path = path
        self.timeout_s = timeout_s
        try:
            self.database = sqlite3.connect('file:%s?mode=ro' % urllib.parse.quote(os.path.abspath(path)), uri=True,
                                            timeout=timeout_s)
            self.database.text_factory = lambda b: b.decode('utf-8', 'surrogateescape')
            self._one('SELECT 1 FROM hash')
        except sqlite3.Error as error:
            raise Away('SQLite %s: %s' % (path, error)) from error

    def _all(self, question, *values):
        try:
            return [row[0].decode('utf-8', 'surrogateescape') if isinstance(row[0], bytes) else row[0]
                    for row in self.database.execute(question, values)]
        except sqlite3.Error as error:
            raise Away('SQLite %s: %s' % (self.path, error)) from error

    def _one(self, question, *values):
        found = self._all(question + ' LIMIT 1', *values)
        return found[0] if found else None

    def n_fields(self, key):
        return self._one('SELECT count(*) FROM hash WHERE key = ?', key)

    def values(self, key):
        return self._all('SELECT value FROM hash WHERE key = ?', key)

    def fields(self, key):
        return self._all('SELECT field FROM hash WHERE key = ?', key)

    def string(self, key):
        return self._one('SELECT value FROM string WHERE key = ?', key)

    def n_keys(self):
        return self._one('SELECT (SELECT count(DISTINCT key) FROM hash) + (SELECT count(*) FROM string)')

    def n_bytes(self):
        """Of the file and its log."""
        return sum(os.path.getsize(p) for p in (self.path, self.path + '-wal') if os.path.exists(p))


def old_wsps(store):
    """How many files the last cleaning noted, None when there was none. Raises Away when it is no list."""
    text = store.string('OLD_WSP')
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise Away('OLD_WSP is not a JSON list')
    return len(found)


def last_clean(store):
    """Unix seconds, None when there was none."""
    text = store.string('LAST_WSP_CLEAN')
    if text is None:
        return None
    if not re.fullmatch(r'\d{1,12}(\.\d*)?', text):
        raise Away('LAST_WSP_CLEAN is not a time: %r' % text[:40])
    return int(float(text))


# ---- the daemon

class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout_s):
        super().__init__('localhost', timeout=timeout_s)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask_http(target, host='127.0.0.1', port=8081, path=None, timeout_s=10):
    """(status, text) of a GET; path: of a Unix socket."""
    where = path or '%s:%d' % (host, port)
    connection = (_UnixConnection(path, timeout_s) if path else
                  http.client.HTTPConnection(host, port, timeout=timeout_s))
    try:
        connection.request('GET', target)
        reply = connection.getresponse()
        body = reply.read(MOST_BYTES)
        return reply.status, body.decode('utf-8', 'replace')
    except (OSError, http.client.HTTPException) as error:
        raise Away('%s: %s' % (where, getattr(error, 'strerror', None) or error or type(error).__name__)) from error
    finally:
        connection.close()


SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^}]*)\})? (\S+)')


def metrics_of(text):
    """Prometheus text → {name or name{labels}: number}."""
    found = {}
    for line in text.splitlines():
        sample = None if line.startswith('#') else SAMPLE.fullmatch(line)
        if sample:
            found[sample[1] + ('{%s}' % sample[2] if sample[2] else '')] = float(sample[3])
    return found


# ---- processes

def find_pid(name, pid_file=None):
    """Of the oldest process of this name (a pid_file knows better); None when there is none."""
    if pid_file:
        try:
            with open(pid_file) as f:
                return int(f.readline())
        except (OSError, ValueError):
            return None
    found = []
    for entry in os.listdir('/proc'):
        if not entry.isdigit():
            continue
        try:
            with open('/proc/%s/comm' % entry) as f:
                if f.read().rstrip('\n') != name[:15]:
                    continue
            with open('/proc/%s/stat' % entry) as f:
                found.append((int(f.read().rpartition(')')[2].split()[19]), int(entry)))
        except OSError:
            continue
    return min(found)[1] if found else None


def status_of(pid):
    """{"VmRSS": "1234"} of /proc/PID/status; {} when it is gone."""
    try:
        with open('/proc/%d/status' % pid) as f:
            return dict(re.findall(r'^(\w+):\s+(\d+)', f.read(), re.MULTILINE))
    except OSError:
        return {}


# ---- configuration

def config_of(path):
    """{key: value} of [global] of a configuration file of ours; {} when it cannot be read."""
    found, section = {}, None
    try:
        with open(path, encoding='utf-8', errors='replace') as f:
            lines = f.read(1 << 20).splitlines()
    except OSError:
        return {}
    for line in lines:
        line = re.split(r'\s;', line, maxsplit=1)[0].strip()
        if line.startswith('['):
            section = line.strip('[]')
        elif section == 'global' and '=' in line and line[0] not in ';#':
            key, value = line.split('=', 1)
            found[key.strip()] = value.strip()
    return found


# ---- nagios

class Arguments(argparse.ArgumentParser):
    """Bad options are UNKNOWN, as the guidelines ask, not 2, which would be CRITICAL."""

    def error(self, message):
        self.print_usage(sys.stderr)
        print('UNKNOWN: %s' % message)
        sys.exit(UNKNOWN)


def number_option(text):
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError('%s: expected 0 or more' % text)
    return value


def report(state, text, perfdata=()):
    """The one line, and the end. perfdata: (name, value, unit, warning, critical), None where there is none."""
    parts = ['%s=%s%s;%s;%s' % (name, shortest(value), unit, '' if warning is None else warning,
                                '' if critical is None else critical)
             for name, value, unit, warning, critical in perfdata if value is not None]
    line = ' '.join(text.replace('|', '/').split())
    print('%s: %s%s' % (STATES[state], line, ' | ' + ' '.join(parts) if parts else ''))
    sys.exit(state)


def shortest(value):
    return '%.10g' % value


# ---- munin

def store_of_environment():
    """As env.* of the plugin's configuration says: redisSocket, redisHost, redisPort, redisDb, redisPassword,
    redisTimeout, sqlite. What is not said is as in env.config, /etc/numeter/numeter_storage.cfg when that can be read."""
    config = config_of(os.environ.get('config', '/etc/numeter/numeter_storage.cfg'))

    def setting(name, key, otherwise):
        return os.environ.get(name) or config.get(key) or otherwise

    timeout_s = float(setting('redisTimeout', '', '10'))
    asks_redis = any(os.environ.get(name) for name in ('redisHost', 'redisPort', 'redisSocket'))
    path = os.environ.get('sqlite')
    if not path and not asks_redis and config.get('metadata', '').startswith('sqlite:'):
        path = config['metadata'][len('sqlite:'):].strip()
    if path:
        return Sqlite(path, timeout_s)
    host = setting('redisHost', 'redis_storage_host', '127.0.0.1')
    return Redis(host, int(setting('redisPort', 'redis_storage_port', '6379')),
                 int(setting('redisDb', 'redis_storage_db', '2')),
                 setting('redisPassword', 'redis_storage_password', None),
                 os.environ.get('redisSocket') or (host if host.startswith('/') else None), timeout_s)


def munin(title, info, vlabel, fields, values, suited=None):
    """
    A munin plugin: config, autoconf, or the values.
    fields  [(name, label, info)]
    values  a function → {name: number or None}; of an Away every value is unknown, with exit status 1
    suited  a function: None, or why not, for autoconf
    """
    word = sys.argv[1] if len(sys.argv) > 1 else 'fetch'
    if word == 'autoconf':
        why = suited() if suited else None
        print('yes' if why is None else 'no (%s)' % why)
    elif word == 'config':
        print('graph_title %s\ngraph_info %s\ngraph_vlabel %s' % (title, info, vlabel))
        print('graph_args --base 1000 --lower-limit 0\ngraph_category numeter')
        for name, label, about in fields:
            print('%s.label %s\n%s.draw LINE1\n%s.info %s' % (name, label, name, name, about))
    elif word == 'fetch':
        try:
            found, status = values(), 0
        except Away as error:
            print(error, file=sys.stderr)
            found, status = {}, 1
        for name, _, _ in fields:
            value = found.get(name)
            print('%s.value %s' % (name, 'U' if value is None else shortest(value)))
        sys.exit(status)
    else:
        print('usage: %s [config|autoconf|fetch]' % sys.argv[0], file=sys.stderr)
        sys.exit(2)


def store_suits():
    """For autoconf: whether the metadata store answers."""
    try:
        store_of_environment().n_keys()
    except (Away, ValueError) as error:
        return str(error)
    return None


MEMORY = (
    ('VmPeak', 'peak of virtual memory'), ('VmSize', 'virtual memory'), ('VmLck', 'locked memory'),
    ('VmHWM', 'peak of resident memory'), ('VmRSS', 'resident memory'), ('VmData', 'data'), ('VmStk', 'stack'),
    ('VmExe', 'program text'), ('VmLib', 'shared libraries'), ('VmPTE', 'page tables'),
    ('VmPTD', 'second level page tables, of older kernels'), ('VmSwap', 'swapped out'), ('Threads', 'threads'))


def munin_memory(program, what):
    """numeter_storage_memory and numeter_poller_memory. env.pidFile: a file with the pid."""
    def pid():
        return find_pid(program, os.environ.get('pidFile'))

    def values():
        running = pid()
        if running is None:
            raise Away('%s is not running' % program)
        return {name: float(value) for name, value in status_of(running).items()}

    munin('Numeter %s mem usage' % what, 'Memory and threads of %s, as /proc/PID/status has them' % program,
          'Size in kB', [(name, name, info) for name, info in MEMORY], values,
          lambda: None if pid() is not None else '%s is not running' % program)

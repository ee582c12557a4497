"""The storage from ingest to upkeep under a clock that is told, and what other programs find in its metadata."""
import json
import os
import sqlite3
import subprocess
from pathlib import Path

from .program import _die_with_parent
from .servers import RedisServer

DAY = 86400
T0 = 1767225600  # 2026-01-01
GONE_DAYS = 100


class Refused(Exception):
    pass


class Probe:
    """tests/real/upkeep_probe.c as a child; environment: added to ours."""
    def __init__(self, root, meta, mode, trash='-', environment=()):
        self.root = Path(root)
        log = open(str(root) + '.log', 'a')
        self.process = subprocess.Popen([os.environ['UPKEEP_PROBE'], str(root), meta, mode, str(GONE_DAYS), str(trash)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=log, preexec_fn=_die_with_parent,
                                        env=dict(os.environ, **dict(environment)))
        log.close()

    def ask(self, *words):
        return self.write(' '.join(map(str, words)) + '\n')

    def write(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise AssertionError('the probe ended: ' + self.said()[-3000:])
        word, _, rest = answer.strip().partition(' ')
        if word != 'ok':
            raise Refused('%s: %s' % (word, rest))
        return json.loads(rest) if rest else None

    def send(self, messages):
        n = self.write('send %d\n' % len(messages) + ''.join(json.dumps(m) + '\n' for m in messages))
        if n != len(messages):
            raise AssertionError('%d of %d messages stored' % (n, len(messages)))

    def said(self):
        return Path(str(self.root) + '.log').read_text()

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(60)
        self.process.stdout.close()
        said = self.said()
        if status != 0 or 'Sanitizer' in said or 'runtime error' in said:
            raise AssertionError('the probe ended with %s: %s' % (status, said[-3000:]))

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class SqliteRecords:
    def __init__(self, path):
        self.meta, self.path = 'sqlite:%s' % path, path

    def hash(self, key):
        with sqlite3.connect(self.path) as db:
            return dict(db.execute('SELECT field, value FROM hash WHERE key = ?', (key,)))

    def string(self, key):
        with sqlite3.connect(self.path) as db:
            row = db.execute('SELECT value FROM string WHERE key = ?', (key,)).fetchone()
        return None if row is None else str(row[0])

    def check_types(self):
        pass

    def delete_field(self, key, field):
        with sqlite3.connect(self.path) as db:
            db.execute('DELETE FROM hash WHERE key = ? AND field = ?', (key, field))

    def set_field(self, key, field, value):
        with sqlite3.connect(self.path) as db:
            db.execute('INSERT OR REPLACE INTO hash VALUES (?, ?, ?)', (key, field, value))

    def end(self):
        pass


class RedisRecords:
    def __init__(self):
        self.server = RedisServer().start()
        self.client = self.server.client()
        self.client.flushdb()
        self.meta = 'redis:%d' % self.server.port

    def cli(self, *words):
        return subprocess.run(['redis-cli', '-p', str(self.server.port), '-n', '2', *words], capture_output=True,
                              text=True, check=True).stdout.strip()

    def hash(self, key):
        return {k.decode(): v.decode() for k, v in self.client.hgetall(key).items()}

    def string(self, key):
        value = self.client.get(key)
        return None if value is None else value.decode()

    def check_types(self):
        """As an administrator sees them."""
        for key, kind in (('DELETED_HOSTS', 'hash'), ('DELETED_PLUGINS', 'hash'), ('OLD_WSP', 'string'),
                          ('LAST_WSP_CLEAN', 'string')):
            assert self.cli('TYPE', key) in (kind, 'none'), key
        assert self.cli('GET', 'LAST_WSP_CLEAN') == self.string('LAST_WSP_CLEAN')
        lines = self.cli('HGETALL', 'DELETED_HOSTS').split('\n')
        assert dict(zip(lines[::2], lines[1::2])) == self.hash('DELETED_HOSTS') or lines == ['']

    def delete_field(self, key, field):
        self.cli('HDEL', key, field)

    def end(self):
        self.server.close()

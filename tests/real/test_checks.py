#!/usr/bin/python3
"""The nagios checks and munin plugins: every option, each exit status, real Redis and SQLite, munin-run of Debian's
munin-node, and a real daemon that is well, is not, and is not there."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ROOT, ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.servers import RedisServer  # noqa: E402
from support.wait import wait_until  # noqa: E402

NAGIOS, MUNIN = ROOT / 'packaging' / 'nagios', ROOT / 'packaging' / 'munin'
MUNIN_RUN = shutil.which('munin-run', path='/usr/sbin:/usr/bin')
OK, WARNING, CRITICAL, UNKNOWN = range(4)
FIELDS = {
    'numeter_redis_storage': ['redis_size', 'redis_num_keys'],
    'numeter_storage_last_wsp_clean': ['lastwspcleanclean'],
    'numeter_storage_old_datas': ['deleted_hosts', 'deleted_plugins', 'old_wsps'],
    'numeter_storage_stats': ['hosts', 'plugins', 'datas'],
    'numeter_storage_memory': ['VmPeak', 'VmSize', 'VmLck', 'VmHWM', 'VmRSS', 'VmData', 'VmStk', 'VmExe', 'VmLib',
                               'VmPTE', 'VmPTD', 'VmSwap', 'Threads'],
    'numeter_poller_stats': ['plugins', 'seconds'],
}
FIELDS['numeter_poller_memory'] = FIELDS['numeter_storage_memory']


def check(name, *options):
    """(exit status, text in front of the perfdata, {name: value with unit})"""
    done = subprocess.run([NAGIOS / name, *map(str, options)], capture_output=True, text=True, timeout=60)
    assert done.stderr == '' or done.returncode == UNKNOWN, done.stderr
    line, = done.stdout.splitlines()
    text, _, perfdata = line.partition(' | ')
    assert text.startswith(('OK: ', 'WARNING: ', 'CRITICAL: ', 'UNKNOWN: ')[done.returncode]), (done, line)
    found = {}
    for one in perfdata.split():
        name, value, limits = re.fullmatch(r'(\w+)=(-?[\d.e+-]+(?:s|B|c)?);(\d*;\d*)', one).groups()
        found[name] = value, limits
    return done.returncode, text, found


class Answers:
    """A server that says one thing to whoever comes, and then nothing more."""

    def __init__(self, answer, hang=False):
        self.answer, self.hang, self.ended = answer, hang, threading.Event()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
                connection.recv(4096)
                connection.sendall(self.answer)
                if self.hang:
                    self.ended.wait(60)
                connection.close()
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.listener.close()


class Checks(ServersCase):
    needs = ('redis',)
    configs_seen = set()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.redis = RedisServer()
        cls.addClassCleanup(cls.redis.close)
        cls.redis.start()

    def setUp(self):
        super().setUp()
        self.client = self.redis.client()
        self.client.flushall()

    def fill(self, deleted_plugins=1, deleted_hosts=1, old=1, hours=1):
        c = self.client
        c.flushdb()
        for i in range(deleted_plugins):
            c.hset('DELETED_PLUGINS', 'h@p%d' % i, '/w/p%d' % i)
        for i in range(deleted_hosts):
            c.hset('DELETED_HOSTS', 'h%d' % i, '/w/h%d' % i)
        if old is not None:
            c.set('OLD_WSP', json.dumps(['/w/é%d.wsp' % i for i in range(old)]))
        if hours is not None:
            c.set('LAST_WSP_CLEAN', int(time.time() - 3600 * hours))

    def old_data(self, *options):
        return check('check_numeter_old_data', '-p', self.redis.port, *options)

    # ---- nagios

    def test_old_data(self):
        self.fill()
        status, text, perfdata = self.old_data()
        self.assertEqual((status, text), (OK, 'OK: 1 deleted plugins, 1 deleted hosts, 1 old wsps, last cleaning 1 hours '
                                              'ago'))
        self.assertEqual(perfdata['deleted_plugins'], ('1', ';1'))
        self.assertEqual(perfdata['last_clean'][1], ';172800')
        for option, more, said in (('-P', {'deleted_plugins': 3}, '3 deleted plugins (1 allowed)'),
                                   ('-H', {'deleted_hosts': 3}, '3 deleted hosts (1 allowed)'),
                                   ('-o', {'old': 3}, '3 old wsps (1 allowed)'),
                                   ('-c', {'hours': 49}, 'last cleaning 49 hours ago (48 allowed)')):
            self.fill(**more)
            self.assertEqual(self.old_data()[:2], (CRITICAL, 'CRITICAL: ' + said))
            self.assertEqual(self.old_data(option, 3)[0], OK, option)
            self.assertEqual(self.old_data(option, 2)[0], CRITICAL, option)
        self.fill(2, 2, 2, 100)
        self.assertEqual(self.old_data()[1].count(','), 3)
        self.fill(hours=None)
        self.assertEqual(self.old_data()[:2], (UNKNOWN, 'UNKNOWN: no cleaning has been noted yet'))
        self.fill(0, 0, None)
        self.assertEqual(self.old_data()[0], OK)
        self.assertEqual(self.old_data('-d', 3)[0], UNKNOWN)
        # over a Unix socket, and with a password
        self.assertEqual(check('check_numeter_old_data', '-S', self.redis.socket)[0], OK)
        self.client.config_set('requirepass', 'it is secret')
        self.addCleanup(self.client.config_set, 'requirepass', '')
        status, text, _ = self.old_data()
        self.assertEqual(status, UNKNOWN)
        self.assertIn('NOAUTH', text)
        (self.folder / 'password').write_text('it is secret\n')
        self.assertEqual(self.old_data('-a', self.folder / 'password')[0], OK)
        self.client.config_set('requirepass', '')
        # what cannot be understood or does not answer
        self.client.set('OLD_WSP', '{"a": 1}')
        self.assertIn('OLD_WSP is not a JSON list', self.old_data()[1])
        self.client.delete('DELETED_HOSTS')
        self.client.set('DELETED_HOSTS', 'text')
        self.assertIn('WRONGTYPE', self.old_data()[1])
        self.assertEqual(check('check_numeter_old_data', '-p', free_port())[0], UNKNOWN)
        for answer in (b'', b'HTTP/1.1 200 OK\r\n\r\n', b'$99999999999999\r\n', b':x\r\n', b'+OK\r\n$5\r\nab'):
            with Answers(answer) as server:
                self.assertEqual(check('check_numeter_old_data', '-p', server.port)[0], UNKNOWN, answer)
        with Answers(b'', hang=True) as server:
            self.assertEqual(check('check_numeter_old_data', '-p', server.port, '-t', '0.2')[0], UNKNOWN)
        for options in (['-P', 'many'], ['-x'], ['-P', '-1']):
            status = subprocess.run([NAGIOS / 'check_numeter_old_data', *options], capture_output=True, text=True)
            self.assertEqual((status.returncode, status.stdout[:9]), (UNKNOWN, 'UNKNOWN: '), options)

    def test_poller(self):
        log = self.folder / 'poller.log'
        self.assertEqual(check('check_numeter_poller', '-f', log)[0], UNKNOWN)
        log.write_text('a line\n')
        for age, options, status in ((0, [], OK), (590, [], OK), (650, [], WARNING), (1250, [], CRITICAL),
                                     (650, ['-w', 700], OK), (650, ['-c', 640], CRITICAL), (5, ['-w', 1], WARNING)):
            os.utime(log, (time.time() - age, time.time() - age))
            got, text, perfdata = check('check_numeter_poller', '-f', log, *options)
            self.assertEqual(got, status, (age, options, text))
            self.assertLess(abs(int(perfdata['age'][0][:-1]) - age), 5)
        spool = self.folder / 'spool'
        spool.mkdir()
        (spool / 'one').write_text('x')
        os.utime(spool / 'one', (1, 1))
        os.utime(spool, (time.time() - 700, time.time() - 700))
        self.assertEqual(check('check_numeter_poller', '-f', spool)[0], WARNING)
        (spool / 'two').write_text('x')
        self.assertEqual(check('check_numeter_poller', '-f', spool)[0], OK)

    def test_storage(self):
        unix = self.folder / 'http.sock'
        with Daemon(self.folder, http_ingest='true') as daemon:
            daemon.stop()
            daemon.keys['http_listen'] = '127.0.0.1:%d, unix:%s' % (daemon.port, unix)
            daemon.keys['flush_interval_s'] = 3600
            daemon.write_config()
            daemon.start()
            daemon.post([{'hostid': 'h', 'type': 'data', 'plugin': 'p', 'message':
                          {'TimeStamp': str(int(time.time())), 'Plugin': 'p', 'Values': {'a': 1, 'b': 'x'}}}])
            status, text, perfdata = check('check_numeter_storage', '-H', '127.0.0.1', '-p', daemon.port)
            self.assertEqual((status, text), (OK, 'OK: ready, 1 series'))
            self.assertEqual((perfdata['points'][0], perfdata['rejected'][0], perfdata['series'][0]), ('1c', '1c', '1'))
            self.assertEqual(perfdata['flush_lag'][1], '1800;3600')
            self.assertNotIn('queue', perfdata)  # no RabbitMQ
            self.assertEqual(check('check_numeter_storage', '-u', unix)[0], OK)
            # the point waits for its file, for an hour: half a second and it is over a limit of 0
            wait_until(lambda: check('check_numeter_storage', '-u', unix, '-w', '0,0')[0] == WARNING, 10)
            self.assertIn('s flush lag (0 allowed)', check('check_numeter_storage', '-u', unix, '-c', ',0')[1])
            self.assertEqual(check('check_numeter_storage', '-u', unix, '-c', ',0')[0], CRITICAL)
            self.assertEqual(check('check_numeter_storage', '-u', unix, '-w', ',')[0], OK)
            daemon.stop()
            status, text, _ = check('check_numeter_storage', '-p', daemon.port)
            self.assertEqual(status, CRITICAL)
            self.assertIn('does not answer', text)
            self.assertEqual(check('check_numeter_storage', '-u', unix)[0], CRITICAL)
        with Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % free_port()) as daemon:
            status, text, _ = check('check_numeter_storage', '-p', daemon.port)
            self.assertEqual((status, 'broker: ' in text), (CRITICAL, True), text)
        with Answers(b'HTTP/1.0 200 OK\r\n\r\nhello') as server:
            self.assertEqual(check('check_numeter_storage', '-p', server.port)[0], UNKNOWN)
        with Answers(b'', hang=True) as server:
            self.assertEqual(check('check_numeter_storage', '-p', server.port, '-t', '0.2')[0], CRITICAL)
        for options in (['-w', '1'], ['-c', 'a,b'], ['-p', 'x']):
            done = subprocess.run([NAGIOS / 'check_numeter_storage', *options], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout[:9]), (UNKNOWN, 'UNKNOWN: '), options)

    # ---- munin

    def munin(self, name, word=None, **environment):
        """Lines of a plugin that munin-run runs, and its exit status; environment: env.* of its configuration."""
        plugins, conf = self.folder / 'plugins', self.folder / 'plugin-conf.d'
        plugins.mkdir(exist_ok=True)
        conf.mkdir(exist_ok=True)
        if not (plugins / name).exists():
            (plugins / name).symlink_to(MUNIN / name)
        user = 'root' if os.geteuid() == 0 else str(os.geteuid())
        (conf / 'numeter').write_text('[numeter_*]\nuser %s\n' % user +
                                      ''.join('env.%s %s\n' % e for e in environment.items()))
        command = [MUNIN_RUN, '--servicedir', plugins, '--sconfdir', conf, '--ignore-systemd-properties', name]
        done = subprocess.run(command + ([word] if word else []), capture_output=True, text=True, timeout=60)
        return done.stdout.splitlines(), done.returncode

    def values(self, name, **environment):
        """{field: text}, after a look, once a plugin, at what config says of the same fields."""
        if name not in self.configs_seen:
            self.check_config(name, environment)
            self.configs_seen.add(name)
        lines, _ = self.munin(name, **environment)
        found = dict(line.split('.value ') for line in lines)
        self.assertEqual(list(found), FIELDS[name], lines)
        return found

    def check_config(self, name, environment):
        config, status = self.munin(name, 'config', **environment)
        self.assertEqual(status, 0, config)
        config = dict(line.split(' ', 1) for line in config)
        self.assertEqual([k[:-6] for k in config if k.endswith('.label')], FIELDS[name])
        self.assertEqual(config['graph_category'], 'numeter')
        for key in ('graph_title', 'graph_info', 'graph_vlabel', 'graph_args'):
            self.assertTrue(config[key], key)

    @unittest.skipIf(MUNIN_RUN is None, 'no munin-node')
    def test_munin_on_redis(self):
        self.fill(2, 3, 4, 10)
        self.client.hset('HOSTS', 'a', '{}')
        self.client.hset('HOSTS', 'b', '{}')
        self.client.hset('INFOS@a', 'p', json.dumps({'Infos': {'x': {}, 'y': {}}}))
        self.client.hset('INFOS@b', 'p', json.dumps({'Infos': {'x': {}}}))
        self.client.hset('INFOS@b', 'q', 'no JSON')
        where = {'redisPort': self.redis.port}
        self.assertEqual(self.values('numeter_storage_old_datas', **where),
                         {'deleted_hosts': '3', 'deleted_plugins': '2', 'old_wsps': '4'})
        self.assertLess(abs(float(self.values('numeter_storage_last_wsp_clean', **where)['lastwspcleanclean']) - 36000), 10)
        self.assertEqual(self.values('numeter_storage_stats', **where), {'hosts': '2', 'plugins': '3', 'datas': '3'})
        size = self.values('numeter_redis_storage', **where)
        self.assertEqual(size['redis_num_keys'], '7')
        self.assertLess(abs(float(size['redis_size']) - self.client.info()['used_memory'] / 1048576), 1)
        self.assertEqual(self.values('numeter_redis_storage', redisSocket=self.redis.socket, redisDb=3)['redis_num_keys'],
                         '0')
        self.assertEqual(self.munin('numeter_storage_stats', 'autoconf', **where)[0], ['yes'])
        # away: unknown, and said
        where = {'redisPort': free_port()}
        self.assertEqual(self.values('numeter_storage_stats', **where), {f: 'U' for f in FIELDS['numeter_storage_stats']})
        self.assertNotEqual(self.munin('numeter_storage_stats', **where)[1], 0)
        self.assertIn('no (Redis at 127.0.0.1:', self.munin('numeter_storage_stats', 'autoconf', **where)[0][0])
        # as the daemon's configuration says
        config = self.folder / 'storage.cfg'
        config.write_text('[global]\nredis_storage_port = %d  ; ours\nredis_storage_db = 2\n' % self.redis.port)
        self.assertEqual(self.values('numeter_storage_stats', config=config)['hosts'], '2')

    @unittest.skipIf(MUNIN_RUN is None, 'no munin-node')
    def test_munin_and_old_data_on_sqlite(self):
        """While the daemon has the file open."""
        with Daemon(self.folder, http_ingest='true') as daemon:
            daemon.post([{'hostid': 'h%d' % i, 'type': 'data', 'plugin': 'p', 'message':
                          {'TimeStamp': str(int(time.time())), 'Plugin': 'p', 'Values': {'a': 1, 'b': 2}}}
                         for i in range(3)])
            self.assertEqual(self.values('numeter_storage_stats', config=daemon.config_path),
                             {'hosts': '3', 'plugins': '3', 'datas': '6'})
            sqlite = self.folder / 'metadata.sqlite'
            size = self.values('numeter_redis_storage', sqlite=sqlite)
            self.assertEqual(size['redis_num_keys'], '6')  # HOSTS, HOST_ID, WSP_PATH, three of INFOS@
            self.assertGreater(float(size['redis_size']), 0.001)
            self.assertEqual(self.values('numeter_storage_last_wsp_clean', sqlite=sqlite), {'lastwspcleanclean': 'U'})
            self.assertEqual(check('check_numeter_old_data', '-q', sqlite)[:2],
                             (UNKNOWN, 'UNKNOWN: no cleaning has been noted yet'))
            self.assertEqual(check('check_numeter_old_data', '-q', self.folder / 'nosuch')[0], UNKNOWN)
            memory = self.values('numeter_storage_memory', pidFile=self.pid_file(daemon.process.pid))
            status = Path('/proc/%d/status' % daemon.process.pid).read_text()
            self.assertEqual(memory['Threads'], re.search(r'Threads:\s+(\d+)', status)[1])
            self.assertLess(abs(int(memory['VmRSS']) - int(re.search(r'VmRSS:\s+(\d+)', status)[1])), 20000)
            self.assertEqual(self.munin('numeter_storage_memory', 'autoconf')[0], ['yes'])  # by its name
            self.assertEqual(memory['VmPTD'], 'U')
        gone = self.values('numeter_poller_memory', pidFile=self.folder / 'nosuch')
        self.assertEqual(set(gone.values()), {'U'})

    def pid_file(self, pid):
        path = self.folder / 'pid'
        path.write_text('%d\n' % pid)
        return path

    @unittest.skipIf(MUNIN_RUN is None, 'no munin-node')
    def test_munin_poller_stats(self):
        log = self.folder / 'poller.log'
        log.write_text('2026-11-28T17:00:00Z info event=tick.done plugins=7 failed=0 values=9 infos=0 took_ms=10\n'
                       '2026-11-28T17:01:00Z info event=tick.done plugins=31 failed=1 values=150 infos=1 took_ms=250\n'
                       '2026-11-28T17:01:01Z info event=log.reopened pid=7\n')
        self.assertEqual(self.values('numeter_poller_stats', pollerLog=log), {'plugins': '31', 'seconds': '0.25'})
        log.write_text('---- End : numeter_poller, 12 Plugins in 0.5, seconds\n')
        self.assertEqual(self.values('numeter_poller_stats', pollerLog=log), {'plugins': 'U', 'seconds': 'U'})
        self.assertEqual(self.values('numeter_poller_stats', pollerLog=log,
                                     pollerPattern=r'numeter_poller, ([0-9.]+) Plugins in ([0-9.]+), seconds'),
                         {'plugins': '12', 'seconds': '0.5'})
        self.assertEqual(self.munin('numeter_poller_stats', 'autoconf', pollerLog=self.folder / 'nosuch')[0],
                         ['no (no %s)' % (self.folder / 'nosuch')])

    def test_all_are_there(self):
        self.assertEqual({p.name for p in MUNIN.iterdir()}, set(FIELDS))
        for path in list(MUNIN.iterdir()) + list(NAGIOS.iterdir()):
            text = path.read_text()
            self.assertTrue(text.startswith('#!/usr/bin/python3\n') and os.access(path, os.X_OK), path)
            if path.parent == MUNIN:
                self.assertIn('\n#%# family=auto\n#%# capabilities=autoconf\n', text)
            self.assertIn(path.name, (ROOT / 'docs' / 'checks.md').read_text())


if __name__ == '__main__':
    main()

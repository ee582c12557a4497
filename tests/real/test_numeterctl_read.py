#!/usr/bin/python3
"""numeterctl's reading commands on a true daemon's store, in SQLite and Redis, running and stopped."""
import base64
import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ServersCase, main  # noqa: E402
from support.ctl import run_ctl  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.servers import RedisServer  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

TREE = Path(__file__).resolve().parents[2]
ODD_HOST, ODD_PLUGIN, ODD_DS = 'ho"st; é 漢字', 'p l\'ug"in; ü', 'd\'s=|"; ñ'
BRAILLE = re.compile('[\u2801-\u28ff]')


class Reading(ServersCase):
    """A store with a few hosts; subclasses say where its metadata is."""

    @classmethod
    def setUpClass(cls):
        if cls is Reading:
            raise unittest.SkipTest('only its subclasses')
        super().setUpClass()
        cls.now = int(time.time())
        cls.slot = cls.now // 60 * 60
        cls.store = cls.folder / 'store'
        cls.store.mkdir()
        cls.daemon = Daemon(cls.store, http_ingest='true', flush_interval_s=86400, **cls.keys())
        cls.daemon.start()
        cls.addClassCleanup(cls.daemon.end)
        cls.fill()

    @classmethod
    def keys(cls):
        return {}

    @classmethod
    def send(cls, *messages):
        body = b''.join(json.dumps(dict(zip(('hostid', 'type', 'plugin', 'message'), m))).encode() + b'\n'
                        for m in messages)
        status, _, reply = cls.daemon.post(body, 'application/x-ndjson')
        assert (status, reply['rejected']) == (200, []), reply

    @classmethod
    def data(cls, host, plugin, values, ago_s=0):
        return host, 'data', plugin, {'TimeStamp': str(cls.now - ago_s), 'Values': values}

    @classmethod
    def info(cls, host, plugin, infos, **more):
        return host, 'info', plugin, dict({'Plugin': plugin, 'Base': '1000', 'Title': plugin.capitalize(), 'Infos': {
            ds: dict(keys, id=ds) for ds, keys in infos.items()}}, **more)

    @classmethod
    def fill(cls):
        def myinfo(host, name, description):
            return host, 'info', 'MyInfo', {'Plugin': 'MyInfo', 'Name': name, 'ID': host, 'Description': description}

        cls.send(
            myinfo('web1', 'www', 'front'), myinfo('db1', 'database', ''), myinfo(ODD_HOST, 'ö "x"', 'a;b\tc\x1b[31m'),
            cls.info('web1', 'load', {'load': {'label': 'load', 'warning': '5', 'critical': '10'}}, Category='system',
                     Title='Load average', Vlabel='load', Order='load', Describ='How busy'),
            cls.info('web1', 'net', {'down': {'label': 'bps', 'type': 'DERIVE', 'cdef': 'down,8,*', 'graph': 'no'},
                                     'up': {'label': 'bps', 'type': 'DERIVE', 'cdef': 'up,8,*', 'negative': 'down',
                                            'draw': 'AREA', 'colour': '0066b3', 'min': '0'}},
                     Base='1024', Category='net'),
            cls.info(ODD_HOST, ODD_PLUGIN, {ODD_DS: {'label': 'x\x1b[2J', 'warning': ':1'}}),
            *[cls.data('web1', 'load', {'load': 0.1 + i}, 60 * i) for i in range(4) if i != 2],
            *[cls.data('web1', 'net', {'up': 1e20, 'down': 2.5 * i}, 60 * i) for i in range(3)],
            cls.data(ODD_HOST, ODD_PLUGIN, {ODD_DS: 7}),
            cls.data('db1', 'old', {'v': 1}, 3 * 3600), cls.info('db1', 'old', {'v': {}}))

    def ctl(self, *args, **environment):
        return run_ctl('-c', self.daemon.config_path, *args, **environment)

    def fine(self, *args, **environment):
        status, out, err = self.ctl(*args, **environment)
        self.assertEqual((status, err), (0, ''), out)
        return out

    def json(self, *args):
        return json.loads(self.fine(*args, '--json'))

    # ---- hosts and plugins

    def test_hosts(self):
        lines = self.fine('hosts').splitlines()
        self.assertEqual(re.split('  +', lines[0]), ['HOST', 'NAME', 'PLUGINS', 'LAST SEEN', 'DESCRIPTION'])
        self.assertEqual([line.split()[0] for line in lines[1:]], ['db1', 'ho"st;', 'web1'])
        self.assertIn('  database  ', lines[1])
        self.assertRegex(lines[1], r' 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  [23] h \d+ min ago$')
        self.assertIn('a;b\\tc\\x1b[31m', lines[2])
        self.assertEqual(lines[2].index('1'), lines[1].index('1', 4) - 2, 'two letters of two columns')
        self.assertEqual(self.json('hosts'), [
            {'host': 'db1', 'name': 'database', 'description': '', 'plugins': 1, 'last_seen': self.now - 3 * 3600},
            {'host': ODD_HOST, 'name': 'ö "x"', 'description': 'a;b\tc\x1b[31m', 'plugins': 1, 'last_seen': self.now},
            {'host': 'web1', 'name': 'www', 'description': 'front', 'plugins': 2, 'last_seen': self.now}])
        self.assertEqual(self.fine('hosts', '--names'), 'db1\n%s\nweb1\n' % ODD_HOST)
        self.assertEqual(self.json('hosts', '--names'), ['db1', ODD_HOST, 'web1'])

    def test_plugins(self):
        lines = self.fine('plugins', 'web1').splitlines()
        self.assertRegex(lines[1], r'^load    system     1  20.* ago +Load average$')
        self.assertRegex(lines[2], r'^net     net        2  20.* ago +Net$')
        self.assertEqual(self.json('plugins', 'web1'), [
            {'plugin': 'load', 'title': 'Load average', 'category': 'system', 'ds': 1, 'last_seen': self.now},
            {'plugin': 'net', 'title': 'Net', 'category': 'net', 'ds': 2, 'last_seen': self.now}])
        self.assertEqual(self.fine('plugins', '--names', ODD_HOST), ODD_PLUGIN + '\n')
        self.assertEqual(self.json('plugins', '--names', 'web1'), ['load', 'net'])

    def test_info(self):
        out = self.fine('info', 'web1', 'net')
        self.assertRegex(out, re.compile(r'^base +1024$', re.M))
        self.assertRegex(out, re.compile(r'^DS    LABEL  TYPE    DRAW  MIN:MAX  OTHER$', re.M))
        self.assertIn('up    bps    DERIVE  AREA  0:       cdef=up,8,* negative=down colour=0066b3\n', out)
        out = self.fine('info', 'web1', 'load')
        for line in ('title +Load average', 'unit +load', 'order +load', 'description +How busy',
                     'load  load   5        10'):
            self.assertRegex(out, re.compile('^%s$' % line, re.M))
        self.assertIn('x\\x1b[2J', self.fine('info', ODD_HOST, ODD_PLUGIN))
        self.assertEqual(self.json('info', 'web1', 'net'), self.daemon.get('info', host='web1', plugin='net')[2])

    def test_names_that_are_not_there(self):
        for args, why in (
                (('plugins', 'wep1'), 'no host "wep1": did you mean "web1"?'),
                (('plugins', 'nothing-like-it'), 'no host "nothing-like-it"'),
                (('info', 'web1', 'lod'), 'no plugin "lod" of web1: did you mean "load"?'),
                (('info', 'web2', 'load'), 'no host "web2": did you mean "web1"?'),
                (('fetch', 'web1', 'loda'), 'no plugin "loda" of web1: did you mean "load"?'),
                (('fetch', 'web1', 'load', 'lood'), 'lood: nothing is stored of that'),
                (('fetch', 'db2', 'old'), 'no host "db2": did you mean "db1"?'),
                (('graph', 'web1', 'lload'), 'no plugin "lload" of web1: did you mean "load"?'),
                (('last-seen', 'web11'), 'no host "web11": did you mean "web1"?'),
                (('config', 'wsp_pth'), 'no option "wsp_pth": did you mean "wsp_path"?')):
            with self.subTest(args):
                self.assertEqual(self.ctl(*args), (1, '', 'numeterctl: %s\n' % why))
        status, out, err = self.ctl('fetch', 'web1', 'load', 'load,x\x1b')
        self.assertEqual((status, err), (1, 'numeterctl: no data source "x\\x1b"\n'))
        self.assertIn('0.1', out)

    # ---- what numeterctl asks

    def test_verbs_answer_what_the_rest_api_answers(self):
        control, rest = self.daemon.control, lambda path, **parameters: self.daemon.get(path, **parameters)[2]
        self.assertEqual(control('hosts'), rest('hosts'))
        window = {'from': str(self.slot - 600), 'until': str(self.slot)}
        for host in ('web1', ODD_HOST, 'nobody', '..'):
            self.assertEqual(control('list', host=host), rest('list', host=host))
            plugins = list(rest('list', host=host)) + ['nothing', '..']
            for plugin in plugins:
                self.assertEqual(control('info', host=host, plugin=plugin), rest('info', host=host, plugin=plugin))
        self.assertEqual(control('data', host='web1', plugin='net', ds='up,down,up', **window),
                         rest('data', host='web1', plugin='net', ds='up,down,up', from_=window['from'],
                              until=window['until']))
        told, wanted = control('values', host='web1', plugin='net', res='Daily', max_points='10', reduce='max'), rest(
            'values', host='web1', plugin='net', res='Daily', max_points=10, reduce='max')
        self.assertEqual(told['results'], wanted['results'])
        for host in ({}, {'host': 'web1'}, {'host': 'nobody'}):
            told, wanted = control('last_seen', **host), self.daemon.get('last-seen', **host)[2]
            self.assertEqual(dict(told, now=0), dict(wanted, now=0))
        self.assertEqual(control('plugin_counts'), {host: len(rest('list', host=host)) for host in rest('hosts')})
        for verb, arguments, rc, why in (
                ('list', {}, 'refused', 'host is missing'), ('info', {'host': 'web1'}, 'refused', 'plugin is missing'),
                ('data', dict(window, host='web1', plugin='net'), 'refused', 'ds is missing'),
                ('data', {'host': 'web1', 'plugin': 'net', 'ds': 'up'}, 'refused', 'res is missing'),
                ('data', dict(window, host='web1', plugin='net', ds='x'), 'absent', 'no such plugin'),
                ('values', dict(host='web1', plugin='net', res='x'), 'refused', 'res=x: expected'),
                ('list', {'host': 1}, 'refused', 'host: expected a text'),
                ('hosts', {'host': 'x'}, 'refused', 'no argument')):
            told = control(verb, **arguments)
            self.assertEqual(told.get('rc'), rc, (verb, told))
            self.assertIn(why, told['error'])

    # ---- values

    def test_fetch(self):
        lines = self.fine('fetch', 'web1', 'load', '--from', self.slot - 300, '--until', self.slot).splitlines()
        self.assertEqual(lines[0].split(), ['TIME', 'load'])
        self.assertEqual([line.split()[-1] for line in lines[-4:]], ['3.1', '-', '1.1', '0.1'])
        self.assertEqual(lines[-1][:19], time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(self.slot)))
        self.assertEqual(self.fine('fetch', 'web1', 'load', '--until', self.slot, TZ='CET-1').splitlines()[-1][:19],
                         time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(self.slot + 3600)))
        self.assertEqual(len(self.fine('fetch', 'web1', 'load').splitlines()), 61, 'an hour')

    def test_fetch_csv(self):
        rows = list(csv.reader(io.StringIO(self.fine('fetch', 'web1', 'net', '--until', self.slot, '--csv'))))
        self.assertEqual(rows[0], ['time', 'down', 'up'])
        self.assertEqual(rows[-1], [str(self.slot), '0', '1e+20'])
        self.assertEqual(rows[-3], [str(self.slot - 120), '5', '1e+20'])
        self.assertEqual(rows[-4], [str(self.slot - 180), '', ''])
        rows = list(csv.reader(io.StringIO(self.fine('fetch', ODD_HOST, ODD_PLUGIN, '--csv'))))
        self.assertEqual(rows[0], ['time', ODD_DS])

    def test_fetch_json_is_the_rest_apis(self):
        for ds in ('up', 'down,up'):
            for window in ({'from': '-5min'}, {'res': 'Weekly'}, {'from': self.slot - 300, 'until': self.slot},
                           {'res': 'Daily', 'max_points': '7'}):
                options = [o for k, v in window.items() for o in ('--' + k.replace('_', '-'), v)]
                before = after = None
                while before is None or before != after:  # no slot has ended meanwhile
                    before = self.daemon.get('data', host='web1', plugin='net', ds=ds, **window)[2]
                    told = self.json('fetch', 'web1', 'net', ds, *options)
                    after = self.daemon.get('data', host='web1', plugin='net', ds=ds, **window)[2]
                self.assertEqual(told, before)
        day = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(self.slot - 300))
        self.assertEqual(self.json('fetch', 'web1', 'net', 'up', '--from', day),
                         self.daemon.get('data', host='web1', plugin='net', ds='up', from_=self.slot - 300)[2])

    def test_bad_spans_of_time(self):
        for args, why in ((('--from', 'x'), 'from=x: expected Unix seconds'),
                          (('--until', '-6q'), 'until=-6q: expected'),
                          (('--res', 'Hourly'), 'res=Hourly: expected Daily'),
                          (('--res', 'Daily', '--from', '-1h'), 'res and from/until are both there'),
                          (('--from', '-1h', '--until', '-2h'), 'is later than until'),
                          (('--from', '2026-02-30'), 'from=2026-02-30: expected')):
            for command in ('fetch', 'graph'):
                with self.subTest((command, args)):
                    status, out, err = self.ctl(command, 'web1', 'load', *args)
                    self.assertEqual((status, out), (2, ''))
                    self.assertIn(why, err)
        for args, why in ((('fetch', 'web1', 'load', '--max-points', '0'), 'max_points: "0": expected'),
                          (('fetch', 'web1', 'load', '--csv', '--json'), '--csv and --json'),
                          (('graph', 'web1', 'load', '--width', '29'), '--width: "29": expected a whole number'),
                          (('graph', 'web1', 'load', '--height', '4x'), '--height: "4x": expected a whole number'),
                          (('last-seen', '--older-than', 'soon'), '--older-than: "soon": expected a span')):
            status, out, err = self.ctl(*args)
            self.assertEqual((status, out), (2, ''))
            self.assertIn(why, err)

    # ---- graphs

    def test_graph(self):
        out = self.fine('graph', 'web1', 'net', '--from', '-10min', '--width', '60', '--height', '12')
        lines = out.splitlines()
        self.assertEqual(lines[0], 'Net - web1 net')
        self.assertEqual(max(map(len, lines)), 60)
        self.assertEqual(len(lines), 1 + 12 + 1 + 2)
        self.assertTrue(BRAILLE.search(out))
        self.assertNotIn('\x1b', out)
        self.assertRegex(lines[-2], r'bps +\d')
        self.assertRegex(lines[-1], r'- bps +0 +0 +20 +40$')
        ascii_out = self.fine('graph', 'web1', 'net', '--from', '-10min', '--width', '60', LC_ALL='C')
        self.assertTrue(ascii_out.isascii())
        self.assertIn('####', ascii_out)
        for columns, wanted in (('100', 100), ('20', 30), ('x', 80), (None, 80)):
            lines = self.fine('graph', 'web1', 'load', '--from', '-10min', COLUMNS=columns).splitlines()
            self.assertEqual(max(map(len, lines)), wanted)

    def test_graph_of_some_and_as_json(self):
        told = self.json('graph', 'web1', 'net', 'up', '--from', '-10min')
        self.assertEqual((told['title'], [line['ds'] for line in told['lines']]), ('Net', ['up', 'down']))
        self.assertEqual(told['lines'][1], {'ds': 'down', 'label': 'bps', 'last': 0, 'min': 0, 'avg': 20, 'max': 40})
        told = self.json('graph', 'web1', 'net', 'down', '--res', 'Daily')
        self.assertEqual([line['ds'] for line in told['lines']], ['down'])
        status, out, err = self.ctl('graph', 'web1', 'net', 'up', 'sideways')
        self.assertEqual((status, err), (1, 'numeterctl: no data source "sideways"\n'))
        self.assertIn('Net', out)
        self.assertIn('nothing is known of that time',
                      self.fine('graph', 'web1', 'net', '--from', '-2h', '--until', '-1h'))
        self.assertRegex(self.fine('graph', 'db1', 'old'), r'the newest value is of [23] h \d+ min ago')
        self.assertIn('x\\x1b[2J', self.fine('graph', ODD_HOST, ODD_PLUGIN))

    def graph_on_a_terminal(self, columns=50, **environment):
        near, far = pty.openpty()
        env = {k: v for k, v in dict(os.environ, LC_ALL='C.UTF-8', TERM='xterm-256color', **environment).items()
               if k not in ('COLUMNS',)}
        subprocess.run(['stty', '-F', os.ttyname(far), 'cols', str(columns), 'rows', '40'], check=True)
        process = subprocess.Popen([os.environ['NUMETERCTL'], '-c', self.daemon.config_path, 'graph', 'web1', 'net',
                                    '--from', '-10min'], stdin=subprocess.DEVNULL, stdout=far, env=env)
        os.close(far)
        out = b''
        try:
            while True:
                out += os.read(near, 65536)
        except OSError:  # the other end has closed
            pass
        os.close(near)
        self.assertEqual(process.wait(30 * SLOW), 0)
        return out.decode()

    def test_graph_on_a_terminal(self):
        out = self.graph_on_a_terminal(NO_COLOR='')
        self.assertIn('\x1b[38;5;25m', out)
        plain = re.sub('\x1b\\[[0-9;]*m', '', out)
        self.assertNotIn('\x1b', plain)
        self.assertEqual(max(map(len, plain.splitlines())), 50)
        self.assertIn('\x1b[38;2;0;102;179m', self.graph_on_a_terminal(NO_COLOR='', COLORTERM='truecolor'))
        self.assertNotIn('\x1b', self.graph_on_a_terminal(NO_COLOR='1'))

    # ---- who was last heard of when

    def test_last_seen(self):
        lines = self.fine('last-seen').splitlines()
        self.assertEqual([line.split()[0] for line in lines], ['HOST', 'db1', 'ho"st;', 'web1'])
        self.assertRegex(lines[1], r'  [23] h \d+ min ago$')
        told = self.json('last-seen')
        self.assertEqual([(t['host'], t['last_seen']) for t in told],
                         [('db1', self.now - 10800), (ODD_HOST, self.now), ('web1', self.now)])
        self.assertGreaterEqual(told[0]['age_s'], 10800)
        self.assertEqual([t['plugin'] for t in self.json('last-seen', 'web1')], ['load', 'net'])
        status, out, err = self.ctl('last-seen', '--older-than', '2h')
        self.assertEqual((status, err, [line.split()[0] for line in out.splitlines()]), (1, '', ['HOST', 'db1']))
        self.assertEqual(self.fine('last-seen', '--older-than', '3d'), '')
        self.assertEqual(self.fine('last-seen', '--older-than', '2h', 'web1'), '')
        out = self.ctl('last-seen', '--older-than', '2h', '--json', 'db1')[1]
        self.assertEqual(json.loads(out)[0]['plugin'], 'old')

    # ---- limits

    def test_check(self):
        status, out, err = self.ctl('check', 'web1', 'load')
        self.assertEqual((status, out, err), (0, "OK - load is 0.1|'load'=0.1;~:5;~:10\n", ''))
        self.assertEqual(self.ctl('check', 'web1', 'load', '--quiet-ok'), (0, '', ''))
        status, out, err = self.ctl('check', ODD_HOST)
        self.assertEqual((status, err), (1, ''))
        first, second = out.splitlines()
        name = "%s/d's=!\"; ñ" % ODD_PLUGIN
        self.assertEqual(first, "WARNING - %s is 7, warning range :1|'%s'=7;~:1;"
                         % (name, name.replace("'", "''").replace('=', '_')))
        self.assertEqual(second, 'WARNING: %s is 7, warning range :1 (x\\x1b[2J)' % name)
        self.assertEqual(self.ctl('check', ODD_HOST, '--quiet-ok')[1], out, 'it is not OK')
        status, out, err = self.ctl('check')
        self.assertEqual(status, 1)
        self.assertIn('/'.join((ODD_HOST, name)) + ' is 7', out)
        self.assertIn("'web1/load/load'=0.1;~:5;~:10", out)
        status, out, err = self.ctl('check', '--json')
        told = json.loads(out)
        self.assertEqual((status, told['state'], len(told['checked'])), (1, 'WARNING', 2))
        self.assertEqual(told['checked'][1], {
            'host': 'web1', 'plugin': 'load', 'ds': 'load', 'label': 'load', 'state': 'OK', 'value': 0.1,
            'time': self.slot, 'warning': {'min': None, 'max': 5}, 'critical': {'min': None, 'max': 10}})
        self.assertEqual(self.ctl('check', 'db1'), (0, 'OK - nothing has a warning or critical range\n', ''))

    def test_check_says_unknown_where_it_cannot(self):
        for args, why in ((('wep1',), 'no host "wep1": did you mean "web1"?'),
                          (('web1', 'lod'), 'no plugin "lod" of web1: did you mean "load"?'),
                          (('--max-age', 'x'), '--max-age: "x": expected a span of time'),
                          (('--max-age', '0'), '--max-age: "0": expected a span of time'),
                          (('a', 'b', 'c'), 'unexpected argument "c"'), (('-c', '/nowhere.cfg'), '/nowhere.cfg')):
            status, out, err = self.ctl('check', *args)
            self.assertEqual((status, err), (3, ''))
            self.assertTrue(out.startswith('UNKNOWN - ') and why in out and out.count('\n') == 1, out)
        self.assertEqual(self.ctl('check', '--nope')[0], 3)

    # ---- the daemon stopped

    def test_zz_with_the_daemon_stopped_it_says_the_same(self):
        asked = (('hosts', '--json'), ('hosts', '--names'), ('plugins', 'web1', '--json'),
                 ('plugins', ODD_HOST, '--names'),
                 ('info', 'web1', 'net'), ('info', ODD_HOST, ODD_PLUGIN, '--json'), ('plugins', 'wep1'),
                 ('fetch', 'web1', 'net', '--from', self.slot - 300, '--until', self.slot, '--csv'),
                 ('fetch', ODD_HOST, ODD_PLUGIN, ODD_DS, '--from', self.slot - 60, '--until', self.slot, '--json'),
                 ('fetch', 'web1', 'load', '--from', 'x'), ('last-seen', '--older-than', '2h', 'web1'),
                 ('graph', 'web1', 'net', '--from', self.slot - 600, '--until', self.slot),
                 ('check', 'web1', '--json', '--max-age', '1h'), ('check', ODD_HOST, ODD_PLUGIN, '--max-age', '1h'))
        def told(args):
            """What is in files already was heard of at the beginning of its slot."""
            status, out, err = self.ctl(*args)
            return status, re.sub(r'("last_seen": )(\d+)', lambda m: m[1] + str(int(m[2]) // 60 * 60), out), err

        running = [told(args) for args in asked]
        self.daemon.stop()
        for args, before in zip(asked, running):
            with self.subTest(args):
                self.assertEqual(told(args), before)
        status, out, err = self.ctl('hosts', NUMETERCTL_ALONE='no')
        self.assertEqual((status, out), (2, ''))
        self.assertIn('not running', err)
        self.daemon.start()
        self.assertEqual(told(asked[7]), running[7], 'and the daemon finds all')


class OnSqlite(Reading):
    def test_statuses_of_limits(self):
        cases = ((':92', 92, 'OK'), (':92', 93, 'CRITICAL'), ('5:', 4, 'CRITICAL'), ('5:10', 7, 'OK'),
                 (':', 1e9, 'OK'), ('abc', 1, 'CRITICAL'), ('abc', 0, 'OK'), ('92', 92.004, 'OK'))
        infos = {'c%d' % i: {'critical': limit} for i, (limit, _, _) in enumerate(cases)}
        infos['w'] = {'warning': '1', 'critical': '3'}
        infos['none'] = {'warning': '1'}
        infos['late'] = {'warning': '1', 'unknown_limit': '20'}
        infos['gone'] = {'warning': '1'}
        values = {'c%d' % i: value for i, (_, value, _) in enumerate(cases)}
        self.send(self.info('limits', 'p', infos), self.data('limits', 'p', dict(values, w=2)),
                  self.data('limits', 'p', {'late': 1, 'gone': 1}, 600))
        status, out, err = self.ctl('check', 'limits', '--json')
        told = {c['ds']: c for c in json.loads(out)['checked']}
        self.assertEqual((status, err), (2, ''))
        for i, (limit, value, state) in enumerate(cases):
            self.assertEqual(told['c%d' % i]['state'], state, (limit, value))
        self.assertEqual([told[ds]['state'] for ds in ('w', 'none', 'late', 'gone')],
                         ['WARNING', 'UNKNOWN', 'OK', 'UNKNOWN'])
        self.assertEqual((told['none']['time'], told['gone']['value']), (None, None))
        out = self.ctl('check', 'limits', 'p')[1]
        self.assertTrue(out.startswith('CRITICAL - 3 CRITICAL, 1 WARNING, 2 UNKNOWN, 6 OK|'), out)
        self.assertIn('UNKNOWN: none has no value\n', out)
        self.assertRegex(out, r'UNKNOWN: gone is not known, its last value is of 1\d min \d+ s ago\n')
        self.assertIn("'gone'=U;~:1;", out)
        out = self.ctl('check', 'limits', '--json', '--max-age', '1h')[1]
        told = {c['ds']: c['state'] for c in json.loads(out)['checked']}
        self.assertEqual((told['gone'], told['none']), ('OK', 'UNKNOWN'))
        self.send(self.info('only', 'p', {'v': {'warning': '1'}}))
        self.assertEqual(self.ctl('check', 'only')[0], 3)

    # ---- what was kept aside

    def test_rejected(self):
        def refuse(body, content_type='application/json'):
            self.daemon.post(body, content_type)

        for t, value in ((1, 1), (self.now, 'a\x1b')):
            refuse({'hostid': 'web9', 'type': 'data', 'plugin': 'x',
                    'message': {'TimeStamp': str(t), 'Values': {'v': value}}})
        refuse(b'{"hostid": "\xff\xfe\x00\n', 'application/x-ndjson')
        wait_until(lambda: len(self.fine('rejected', '--json').splitlines()) == 3, 10, 'all are kept')
        out = self.fine('rejected')
        self.assertRegex(out.splitlines()[0], r'^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  http  too_old  web9/x  ')
        self.assertNotIn('\x1b', out)
        lines = [json.loads(line) for line in self.fine('rejected', '--json').splitlines()]
        reasons = [line['reason'] for line in lines]
        self.assertEqual(reasons[:2], ['too_old', 'value'])
        self.assertEqual(len(self.fine('rejected', '--reason', 'value', '--json').splitlines()), 1)
        self.assertEqual(len(self.fine('rejected', '--host', 'web9', '--json').splitlines()), 2)
        self.assertEqual(self.fine('rejected', '--since', int(time.time()) + 100), '')
        self.assertEqual(len(self.fine('rejected', '--since', '-1h', '--json').splitlines()), 3)
        lines_of_table = self.fine('rejected', '--summary').splitlines()
        self.assertEqual(lines_of_table[0].split(), ['COUNT', 'REASON', 'HOST', 'LAST'])
        told = json.loads(self.fine('rejected', '--summary', '--json'))
        self.assertEqual(sorted((t['reason'], t['host'], t['count']) for t in told if t['host']),
                         [('too_old', 'web9', 1), ('value', 'web9', 1)])
        done = subprocess.run([os.environ['NUMETERCTL'], '-c', self.daemon.config_path, 'rejected', '--body',
                               '--reason', reasons[2]], capture_output=True, timeout=30 * SLOW)
        self.assertIn(base64.b64decode(lines[2]['body_base64']), done.stdout)
        for args, why in ((('--reason', 'vlaue'), 'no reason "vlaue": did you mean "value"?'),
                          (('--since', 'x'), '--since: "x": expected'),
                          (('--summary', '--follow'), 'give one of them')):
            status, out, err = self.ctl('rejected', *args)
            self.assertEqual((status, out), (2, ''))
            self.assertIn(why, err)

    # ---- the shell

    def complete(self, *words):
        script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _numeterctl; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(['bash', '-c', script, 'bash', TREE / 'packaging/numeterctl.bash-completion',
                               os.environ['NUMETERCTL'], '-c', self.daemon.config_path, *words], capture_output=True,
                              text=True, timeout=30 * SLOW)
        self.assertEqual(done.stderr, '')
        return sorted(done.stdout.splitlines())

    def test_completion_knows_the_hosts_and_plugins(self):
        self.assertEqual(self.complete('info', 'we'), ['web1'])
        self.assertEqual(self.complete('info', 'web1', ''), ['load', 'net'])
        self.assertEqual(self.complete('fetch', '--from', '-6h', 'web1', 'l'), ['load'])
        self.assertEqual(self.complete('graph', '--w'), ['--width'])
        self.assertEqual(self.complete('rejected', '--host', 'd'), ['db1'])
        self.assertEqual(self.complete('fetch', '--res', 'M'), ['Monthly'])
        self.assertEqual(self.complete('config', 'wsp_path_'), ['wsp_path_md5_char'])
        self.assertEqual(self.complete('last-seen', 'db1', ''), [''])
        quoted = [name for name in self.complete('plugins', '') if name.startswith('ho')]
        self.assertEqual(len(quoted), 1)
        unquoted = subprocess.run(['bash', '-c', 'printf %s ' + quoted[0]], capture_output=True, text=True).stdout
        self.assertEqual(unquoted, ODD_HOST)
        self.assertEqual(len(self.complete('info', quoted[0], '')), 1)


class OnRedis(Reading):
    needs = ('redis',)

    @classmethod
    def keys(cls):
        cls.redis = RedisServer()
        cls.redis.start()
        cls.addClassCleanup(cls.redis.close)
        return {'redis_storage_host': '127.0.0.1', 'redis_storage_port': cls.redis.port, 'redis_storage_db': 2}

    # ---- metadata changed by hand

    def redis_cli(self, *words):
        done = subprocess.run(['redis-cli', '-h', '127.0.0.1', '-p', str(self.redis.port), '-n', '2', *words],
                              capture_output=True, text=True, timeout=30 * SLOW)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertNotIn('ERR', done.stdout)

    def soon(self, question, wanted):
        """Within one second of what was changed, and what two questions take."""
        wait_until(lambda: question() == wanted, 1.2, lambda: 'the API says %r; it says %r' % (wanted, question()))

    def rest(self, path, **parameters):
        return self.daemon.get(path, **parameters)[2]

    def names(self, *args):
        out = self.ctl(*args, '--names', '--json')
        return json.loads(out[1]) if out[0] == 0 else out[0]

    def test_hosts_changed_by_hand(self):
        hosts = self.rest('hosts')
        self.redis_cli('HSET', 'HOSTS', 'by-hand', '{"Name": "typed", "Description": "x"}')
        self.soon(lambda: self.rest('hosts').get('by-hand'), {'Name': 'typed', 'Description': 'x'})
        self.assertEqual(self.names('hosts'), sorted([*hosts, 'by-hand']))
        self.assertIn('typed', self.fine('hosts'))
        self.redis_cli('HSET', 'HOSTS', 'by-hand', '{"Name": "again"}')
        self.soon(lambda: self.rest('hinfo', host='by-hand'), {'Name': 'again'})
        self.redis_cli('HDEL', 'HOSTS', 'by-hand')
        self.soon(lambda: self.rest('hosts'), hosts)
        self.assertEqual(self.names('hosts'), sorted(hosts))
        self.redis_cli('DEL', 'HOSTS')
        self.soon(lambda: self.rest('hosts'), {})
        self.assertEqual(self.names('hosts'), [])
        for host, value in hosts.items():
            self.redis_cli('HSET', 'HOSTS', host, json.dumps(value))
        self.soon(lambda: self.rest('hosts'), hosts)
        self.assertEqual(self.names('hosts'), sorted(hosts))

    def test_infos_changed_by_hand(self):
        infos = self.rest('list', host='web1')
        typed = {'Title': 'Typed', 'Infos': {'v': {'id': 'v'}}}
        self.redis_cli('HSET', 'INFOS@web1', 'by-hand', json.dumps(typed))
        self.soon(lambda: self.rest('info', host='web1', plugin='by-hand'), typed)
        self.soon(lambda: self.rest('list', host='web1').get('by-hand'), typed)
        self.assertEqual(self.names('plugins', 'web1'), ['by-hand', 'load', 'net'])
        self.assertEqual(self.json('info', 'web1', 'by-hand'), typed)
        self.redis_cli('HDEL', 'INFOS@web1', 'by-hand')
        self.soon(lambda: self.rest('info', host='web1', plugin='by-hand'), {})
        self.soon(lambda: self.rest('list', host='web1'), infos)
        self.assertEqual(self.ctl('info', 'web1', 'by-hand')[0], 1)
        self.redis_cli('DEL', 'INFOS@web1')
        self.soon(lambda: self.rest('list', host='web1'), {})
        self.soon(lambda: self.rest('info', host='web1', plugin='load'), {})
        self.assertEqual(self.ctl('plugins', 'web1'), (1, '', 'numeterctl: no host "web1" with plugins\n'))
        for plugin, value in infos.items():
            self.redis_cli('HSET', 'INFOS@web1', plugin, json.dumps(value))
        self.soon(lambda: self.rest('list', host='web1'), infos)
        self.assertEqual(self.names('plugins', 'web1'), ['load', 'net'])

    def test_folders_changed_by_hand(self):
        """WSP_PATH says where a host's files are; a host without an entry has none."""
        self.daemon.flush()
        client = self.redis.client()
        here, there, odd = (client.hget('WSP_PATH', host).decode() for host in ('web1', 'db1', ODD_HOST))

        def files_of(host, plugin, ds):
            """How many values the REST API and numeterctl have."""
            told = self.daemon.data(host, plugin, [ds])
            status, out, _ = self.ctl('fetch', host, plugin, ds, '--csv', '--res', 'Daily')
            rows = [row.split(',') for row in out.splitlines()[1:]] if status == 0 else []
            return len(told.get(ds, {})), sum(1 for _, v in rows if v)

        self.assertEqual((files_of('web1', 'load', 'load'), files_of('web1', 'old', 'v')), ((3, 3), (0, 0)))
        self.redis_cli('HSET', 'WSP_PATH', 'web1', there)
        self.soon(lambda: files_of('web1', 'old', 'v'), (1, 1))
        self.redis_cli('HDEL', 'WSP_PATH', 'web1')
        self.soon(lambda: files_of('web1', 'old', 'v'), (0, 0))
        self.assertEqual(self.daemon.get('data', host='web1', plugin='load', ds='load', res='Daily')[0], 404)
        self.redis_cli('HSET', 'WSP_PATH', 'web1', here)
        self.soon(lambda: files_of('web1', 'load', 'load'), (3, 3))
        self.redis_cli('DEL', 'WSP_PATH')
        self.soon(lambda: files_of('web1', 'load', 'load'), (0, 0))
        self.redis_cli('HSET', 'WSP_PATH', 'web1', here, 'db1', there, ODD_HOST, odd)
        self.soon(lambda: files_of('web1', 'load', 'load'), (3, 3))


if __name__ == '__main__':
    main()

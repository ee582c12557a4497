#!/usr/bin/python3
"""What Graphite and munin have kept, taken over: trees that Debian's carbon-cache and munin's master wrote, every archive
compared slot by slot, read past the program and through its REST API."""
import json
import math
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import whisper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import numeterctl as ctl, wspfile  # noqa: E402
from support.carbon_cache import HAVE_CARBON_CACHE, CarbonCache  # noqa: E402
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.munin_master import HAVE_MUNIN, MuninMaster  # noqa: E402
from support.munin_node import ScriptedNode  # noqa: E402
from support.wait import wait_until  # noqa: E402

ARCHIVES = [(60, 1440), (300, 2016), (600, 4608), (3600, 8784)]  # what is configured by default
WINDOWS = [('Daily', 0), ('Weekly', 1), ('Monthly', 2), ('Yearly', 3)]
HAVE_RRDTOOL = shutil.which('rrdtool') is not None

SCHEMAS = '[fine]\npattern = \\.load\\.\nretentions = 10s:1h,1m:1d,5m:7d\n[all]\npattern = .*\nretentions = 1m:1d,5m:7d\n'
AGGREGATIONS = ('[max]\npattern = \\.max$\nxFilesFactor = 0.1\naggregationMethod = max\n'
                '[all]\npattern = .*\nxFilesFactor = 0.5\naggregationMethod = average\n')
# name by carbon → series here
NAMES = {'web1.example.org.load.shortterm': ('web1.example.org', 'load', 'shortterm'),
         'web1.example.org.load.max': ('web1.example.org', 'load', 'max'),
         'web2.cpu.user': ('web2', 'cpu', 'user'),
         'web2.uptime': ('web2', 'carbon', 'uptime'),
         'lonely': ('carbon', 'carbon', 'lonely'),
         'disk.root.used;dc=fra;rack=b.4': ('disk', 'root', 'used;dc=fra;rack=b.4')}


class Case(ServersCase):
    maxDiff = 2000

    def daemon(self, name='d', **keys):
        (self.folder / name).mkdir()
        return Daemon(self.folder / name, **keys)

    def file(self, daemon, host, plugin, ds):
        found = list(daemon.wsp_path.glob('*/%s/%s/%s.wsp' % (re.sub(r'[ ./"\']', '', host), plugin, ds)))
        self.assertEqual(len(found), 1, (host, plugin, ds, found))
        return found[0]

    def assert_nothing_staged(self, daemon):
        self.assertEqual([p.name for p in (daemon.wsp_path / '.import').iterdir()], ['.lock'])

    def assert_slots(self, got, expected, what, relative=0.0):
        self.assertEqual(sorted(got), sorted(expected), what)
        for t in got:
            self.assertTrue(math.isclose(got[t], expected[t], rel_tol=relative, abs_tol=0), (what, t, got[t], expected[t]))

    def values(self, daemon, host, plugin, ds, res):
        """(first slot, behind the last, step, known points) of a reply."""
        status, _, reply = daemon.get('data', host=host, plugin=plugin, ds=ds, res=res)
        self.assertEqual(status, 200, reply)
        start, step, values = reply['TS_start'], reply['TS_step'], reply['DATAS'][ds]
        return (start, start + step * len(values), step,
                {start + i * step: v for i, v in enumerate(values) if v is not None})


@unittest.skipUnless(HAVE_CARBON_CACHE, 'no carbon-cache on this machine')
class Whisper(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.folder / 'carbon'
        folder.mkdir()
        now = int(time.time())
        with CarbonCache(folder, SCHEMAS, AGGREGATIONS) as carbon:
            for n, name in enumerate(NAMES):
                carbon.send([(name, (i * 37 + n) % 1009 / 8, now - i * 10) for i in range(0, 360)])
                carbon.send([(name, i / 3 + n, now - 3600 - i * 60) for i in range(0, 900, 7 if n == 0 else 1)])
                carbon.send([(name, i * 1e6, now - 86400 - i * 300) for i in range(0, 1200)])
            cls.tree = carbon.tree
            wait_until(lambda: len(list(cls.tree.rglob('*.wsp'))) == len(NAMES), 30, 'carbon-cache writes its files')
        # it has ended: all is written

    def test_every_slot_is_here(self):
        with self.daemon() as d:
            account = ctl.account(d, 'import', 'whisper', self.tree)
            self.assertEqual((account['hosts'], account['files'], account['new'], account['skipped']), (4, 6, 6, []))
            n_points = 0
            for name, (host, plugin, ds) in NAMES.items():
                source = self.source(name)
                theirs, ours = wspfile.read(source), wspfile.read(self.file(d, host, plugin, ds))
                self.assertEqual(ours, theirs, name)
                n_points += sum(len(slots) for _, _, slots in theirs[2])
                for span_s in (1800, 86400 - 600, 6 * 86400):
                    now = int(time.time())
                    (start, end, step), values = whisper.fetch(str(source), now - span_s, now, now)
                    status, _, reply = d.get('data', host=host, plugin=plugin, ds=ds, from_=now - span_s, until=now)
                    self.assertEqual((status, reply['TS_start'], reply['TS_step'], reply['DATAS'][ds]),
                                     (200, start, step, values), (name, span_s))
                self.assertIn(ds, d.get('info', host=host, plugin=plugin)[2]['Infos'])
            self.assertEqual(account['points'], n_points)
            self.assertGreater(n_points, 6 * 1500)
            self.assertEqual(sorted(d.get('hosts')[2]), ['carbon', 'disk', 'web1.example.org', 'web2'])
            self.assertEqual(sorted(d.get('list', host='web2')[2]), ['carbon', 'cpu'])
            self.assert_nothing_staged(d)
            again = ctl.account(d, 'import', 'whisper', self.tree)
            self.assertEqual((again['new'], again['filled'], again['skipped']), (0, 6, []))
            self.assertEqual(wspfile.read(self.file(d, 'web2', 'cpu', 'user')), wspfile.read(self.source('web2.cpu.user')))

    def source(self, name):
        if ';' in name:
            return next(self.tree.glob('_tagged/*/*/%s.wsp' % name.replace('.', '_DOT_')))
        return self.tree / (name.replace('.', '/') + '.wsp')

    def test_what_is_here_stays_unless_it_is_to_be_replaced(self):
        now = int(time.time()) // 60 * 60
        mine = {now - 60 * i: 7000.0 + i for i in range(3, 300, 3)}
        with self.daemon(http_ingest='true') as d:
            status, _, reply = d.post([{'hostid': 'web2', 'type': 'data', 'plugin': 'cpu',
                                        'message': {'TimeStamp': t, 'Values': {'user': v}}} for t, v in mine.items()])
            self.assertEqual((status, reply['accepted']), (200, len(mine)))
            self.values(d, 'web2', 'cpu', 'user', 'Daily')  # a reply that must not be kept
            self.assertEqual(ctl.account(d, 'import', 'whisper', self.tree, '--prefix', 'web2')['new'], 2)
            account = ctl.account(d, 'import', 'whisper', self.tree, '--map', 'host.plugin.ds', status=1)
            self.assertEqual((account['new'], account['filled'], len(account['skipped'])), (1, 1, 4))
            theirs = wspfile.read(self.source('web2.cpu.user'))[2][0][2]
            _, _, archives = wspfile.read(self.file(d, 'web2', 'cpu', 'user'))
            self.assertEqual([(s, n) for s, n, _ in archives], ARCHIVES)
            self.assert_slots(archives[0][2], {**theirs, **mine}, 'filled')
            first, end, _, shown = self.values(d, 'web2', 'cpu', 'user', 'Daily')
            self.assert_slots(shown, {t: v for t, v in archives[0][2].items() if first <= t < end}, 'shown')
            account = ctl.account(d, 'import', 'whisper', self.tree, '--replace', '--map', 'host.cpu.ds', status=1)
            self.assertEqual(account['skipped'][0]['why'], 'it does not fit --map host.cpu.ds')
            account = ctl.account(d, 'import', 'whisper', self.tree, '--replace', '--map', 'host.plugin.ds', status=1)
            self.assertEqual((account['new'], account['replaced']), (0, 2))
            _, _, archives = wspfile.read(self.file(d, 'web2', 'cpu', 'user'))
            self.assertEqual([(s, n) for s, n, _ in archives], [(60, 1440), (300, 2016)])
            self.assert_slots(archives[0][2], {**mine, **theirs}, 'replaced')
            self.assertEqual(d.data('web2', 'cpu', ['user'])['user'].get(now - 60 * 30), theirs[now - 60 * 30])

    def test_names(self):
        d = self.daemon()
        tree = self.folder / 'tree'
        for path in ('collectd/web1/load/load/shortterm', 'collectd/web1/uptime', 'other/x', 'a'):
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            whisper.create(str(tree / (path + '.wsp')), [(60, 10)])

        odd = self.folder / 'odd'
        (odd / 'we\u202eb').mkdir(parents=True)
        whisper.create(str(odd / 'we\u202eb' / 'x.wsp'), [(60, 10)])
        status, out, err = ctl.run(d, 'import', 'whisper', odd, '--dry-run')
        self.assertEqual((status, out.decode(), err), (0, 'we\\u202eb  carbon  x  <-  we\\u202eb/x.wsp\n', ''))

        def plan(*options, status=0):
            answer = ctl.account(d, 'import', 'whisper', tree, '--dry-run', *options, status=status)
            return ([(s['host'], s['plugin'], s['ds']) for s in answer['series']], [s['path'] for s in answer['skipped']])

        self.assertEqual(plan()[0], [('carbon', 'carbon', 'a'), ('collectd', 'web1', 'uptime'),
                                     ('collectd.web1.load', 'load', 'shortterm'), ('other', 'carbon', 'x')])
        self.assertEqual(plan('--prefix', 'collectd'), (
            [('web1', 'carbon', 'uptime'), ('web1.load', 'load', 'shortterm')], []))
        self.assertEqual(plan('--map', 'collectd.host.plugin+.ds', status=1)[0], [('web1', 'load.load', 'shortterm')])
        self.assertEqual(plan('--map', '-.host.ds', '--host', 'h', status=1)[0], [('h', 'carbon', 'uptime')])
        self.assertEqual(plan('--host', 'h')[0], [('h', 'carbon', 'a'), ('h', 'collectd.web1', 'uptime'),
                                                  ('h', 'collectd.web1.load.load', 'shortterm'), ('h', 'other', 'x')])
        self.assertEqual(plan('--layout', 'numeter', status=1), (
            [('load', 'load', 'shortterm'), ('collectd', 'web1', 'uptime')][::-1], ['a.wsp', 'other/x.wsp']))
        for options, why in ((['--map', 'plugin.ds'], 'expected the words host and ds'), (['--layout', 'x'], '--layout x'),
                             (['--map', 'host+.ds+'], 'only one word'), (['--as', 'x'], 'has no --as'),
                             (['--layout', 'numeter', '--map', 'host.ds'], 'no --map'), (['--rate', '0'], '--rate 0')):
            status, _, err = ctl.run(d, 'import', 'whisper', tree, *options)
            self.assertEqual(status, 2)
            self.assertIn(why, err)
        self.assertEqual(ctl.run(d, 'import', 'nope', tree)[0], 2)
        self.assertEqual(ctl.run(d, 'import', 'whisper', self.folder / 'none')[0], 2)
        self.assertFalse(d.wsp_path.exists())  # a dry run and wrong usage leave nothing

    def test_bad_files_are_left_out_and_the_others_come(self):
        tree = self.folder / 'tree'
        (tree / 'h/p').mkdir(parents=True)
        now = int(time.time())
        whisper.create(str(tree / 'h/p/good.wsp'), [(60, 10)])
        whisper.update(str(tree / 'h/p/good.wsp'), 5.0, now)
        whisper.create(str(tree / 'h/p/none.wsp'), [(60, 10)])
        good = (tree / 'h/p/good.wsp').read_bytes()
        (tree / 'h/p/short.wsp').write_bytes(good[:100])
        (tree / 'h/p/noise.wsp').write_bytes(os.urandom(4096))
        (tree / 'h/p/empty.wsp').write_bytes(b'')
        (tree / 'h/p/longer.wsp').write_bytes(good + b'tail')
        (tree / 'h/p/link.wsp').symlink_to('good.wsp')
        os.mkfifo(tree / 'h/p/pipe.wsp')
        (tree / 'h/p/\x1b[31m.wsp').write_bytes(good)
        (tree / 'h/p/note.txt').write_text('no series')
        with self.daemon() as d:
            answer = ctl.account(d, 'import', 'whisper', tree, status=1)
            self.assertEqual((answer['new'], answer['empty'], answer['points']), (2, 1, 2))
            self.assertEqual(sorted(s['path'] for s in answer['skipped']), ['h/p/' + n for n in (
                '\x1b[31m.wsp', 'empty.wsp', 'link.wsp', 'noise.wsp', 'pipe.wsp', 'short.wsp')])
            self.assertNotIn('\x1b', ctl.run(d, 'import', 'whisper', tree)[2])
            self.assertEqual(wspfile.read(self.file(d, 'h', 'p', 'good')), wspfile.read(tree / 'h/p/good.wsp'))
            self.assertEqual(d.data('h', 'p', ['longer'])['longer'], {now - now % 60: 5.0})
            self.assert_nothing_staged(d)

    def other(self, name, archives, values):
        """A Graphite tree with web1.p.d."""
        path = self.folder / name / 'web1' / 'p' / 'd.wsp'
        path.parent.mkdir(parents=True)
        whisper.create(str(path), archives)
        whisper.update_many(str(path), list(values.items()))
        return self.folder / name

    def post(self, daemon, host, values):
        status, _, reply = daemon.post([{'hostid': host, 'type': 'data', 'plugin': 'p', 'message': {
            'TimeStamp': t, 'Values': {'d': v}}} for t, v in values.items()])
        self.assertEqual((status, reply['accepted']), (200, len(values)))
        daemon.flush()

    def test_times_to_come_are_not_taken(self):
        """carbon stores points ahead of the clock; in our slots they would end what is there, and bar what comes."""
        now = int(time.time()) // 60 * 60
        past = {now - 60 * i: float(i) for i in range(1, 20)}
        ahead = {t + 86400: -1.0 for t in list(past)[5:9]}  # the same slots, one lap on
        tree = self.other('tree', [(60, 1440), (300, 2016)], {**past, **ahead})
        with self.daemon(http_ingest='true') as d:
            account = ctl.account(d, 'import', 'whisper', tree)
            self.assertEqual((account['new'], account['skipped']), (1, []))
            self.assertGreaterEqual(account['future'], 4)
            kept = {t: v for t, v in past.items() if t + 86400 not in ahead}
            self.assert_slots(wspfile.read(self.file(d, 'web1', 'p', 'd'))[2][0][2], kept, 'new')
            missing = {t: v for t, v in past.items() if t not in kept}
            self.post(d, 'web1', missing)
            self.assert_slots(wspfile.read(self.file(d, 'web1', 'p', 'd'))[2][0][2], past, 'came after')
            for options in ([], ['--replace']):
                account = ctl.account(d, 'import', 'whisper', tree, *options)
                self.assertGreaterEqual(account['future'], 4)
                self.assert_slots(wspfile.read(self.file(d, 'web1', 'p', 'd'))[2][0][2], past, options)
            self.assertEqual(ctl.run(d, 'verify')[0], 0)

    def test_what_has_no_room_is_told(self):
        now = int(time.time()) // 60 * 60
        stored = {now - 600 * i: float(i) for i in range(1, 30)}
        fine = self.other('fine', [(10, 360), (60, 1440)], {now - 10 * i: 0.5 for i in range(1, 100)})
        short = self.other('short', [(60, 10)], {now - 60 * i: 7.0 for i in range(1, 10)})
        with self.daemon(http_ingest='true') as d:
            self.post(d, 'web1', stored)
            for _ in range(2):  # asked again it is told again
                account = ctl.account(d, 'import', 'whisper', fine, status=1)
                self.assertEqual((account['filled'], [s['path'] for s in account['skipped']]), (1, ['web1/p/d.wsp']))
                self.assertIn('99 of its values have no room', account['skipped'][0]['why'])
            before = wspfile.read(self.file(d, 'web1', 'p', 'd'))[2][0][2]
            account = ctl.account(d, 'import', 'whisper', short)
            self.assertEqual((account['filled'], account['skipped']), (1, []))
            account = ctl.account(d, 'import', 'whisper', short, '--replace')
            self.assertEqual((account['replaced'], account['aside']), (1, 1))
            self.assertEqual([a[:2] for a in wspfile.read(self.file(d, 'web1', 'p', 'd'))[2]], [(60, 10)])
            aside = list((d.wsp_path / '.quarantine').rglob('d.wsp'))
            self.assertEqual(len(aside), 1)
            kept = wspfile.read(aside[0])[2][0][2]
            self.assertEqual({t: kept.get(t) for t in before}, before)
            self.assertEqual({t: kept.get(t) for t in stored}, stored)

    def test_a_host_that_goes_meanwhile(self):
        """Adopting and deleting at once: no folder is left of a host that is not there."""
        now = int(time.time())
        whisper.create(str(self.folder / 'x.wsp'), [(60, 10)])
        with self.daemon(http_ingest='true') as d:
            (d.wsp_path / '.import').mkdir()
            for i in range(20):
                host = 'h%d' % i
                self.post(d, host, {now: 1})
                for k in range(20):
                    shutil.copy(self.folder / 'x.wsp', d.wsp_path / '.import' / ('%d.wsp' % k))
                files = [{'plugin': 'q', 'ds': 'd%d' % k, 'file': '%d.wsp' % k} for k in range(20)]
                adopting = threading.Thread(target=d.control, args=('adopt',), kwargs={'host': host, 'files': files})
                adopting.start()
                time.sleep(i % 5 / 1000)
                d.control('delete', what=host)
                adopting.join()
                self.assertNotIn(host, d.get('hosts')[2])
                self.assertEqual(list(d.wsp_path.glob('*/' + host)), [], i)

    def test_a_lock_that_is_not_the_imports(self):
        """The staging folder is the daemon's, and the import may be root's: no file elsewhere is opened by a planted name."""
        tree = self.folder / 'tree'
        tree.mkdir()
        whisper.create(str(tree / 'x.wsp'), [(60, 10)])
        precious = self.folder / 'precious'
        precious.write_text('precious')
        with self.daemon() as d:
            staging = d.wsp_path / '.import'
            staging.mkdir()
            for plant in (lambda lock: lock.symlink_to(precious), lambda lock: os.link(precious, lock), os.mkfifo,
                          lambda lock: lock.symlink_to(self.folder / 'none')):
                plant(staging / '.lock')
                status, _, err = ctl.run(d, 'import', 'whisper', tree)
                self.assertEqual((status, precious.read_text()), (2, 'precious'), err)
                self.assertIn('.lock', err)
                (staging / '.lock').unlink()
            self.assertFalse((self.folder / 'none').exists())
            staging.rmdir()
            staging.symlink_to(self.folder)
            self.assertEqual(ctl.run(d, 'import', 'whisper', tree)[0], 2)
            self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ['d', 'precious', 'tree'])

    def test_what_the_daemon_takes(self):
        """The verb by itself: nothing outside the staging folder, no name that leads out of the tree."""
        with self.daemon(http_ingest='true') as d:
            d.post({'hostid': 'h', 'type': 'data', 'plugin': 'p',
                    'message': {'TimeStamp': int(time.time()), 'Values': {'a': 1}}})
            staging = d.wsp_path / '.import'
            self.assertEqual(d.control('adopt', host='h', files=[])['rc'], 'absent')
            staging.mkdir()
            whisper.create(str(self.folder / 'x.wsp'), [(60, 10)])
            (staging / 'link.wsp').symlink_to(self.folder / 'x.wsp')
            os.link(self.folder / 'x.wsp', staging / 'two.wsp')
            (staging / 'noise.wsp').write_bytes(b'noise')
            os.mkfifo(staging / 'pipe.wsp')
            whisper.create(str(staging / 'ok.wsp'), [(60, 10)])
            for name in ('../../x.wsp', '/etc/passwd', 'link.wsp', 'two.wsp', 'noise.wsp', 'pipe.wsp', 'none', '.lock', '..'):
                answer = d.control('adopt', host='h', files=[{'plugin': 'p', 'ds': 'b', 'file': name}])
                self.assertEqual((answer['new'], answer['filled'], len(answer['failed'])), (0, 0, 1), name)
            for plugin, ds in (('..', 'b'), ('p', '../b'), ('p/q', 'b'), ('', 'b'), ('p', 'x' * 252)):
                answer = d.control('adopt', host='h', files=[{'plugin': plugin, 'ds': ds, 'file': 'ok.wsp'}])
                self.assertEqual((answer['new'], len(answer['failed'])), (0, 1), (plugin, ds))
            for arguments in ({}, {'host': 'h'}, {'host': 'h', 'files': {}}, {'host': 'h', 'files': ['x']},
                              {'host': '', 'files': []}, {'host': 'h', 'files': [{'plugin': 'p', 'ds': 'd'}]},
                              {'host': 'h', 'files': [], 'replace': 1},
                              {'host': 'h', 'files': [{'plugin': 'p', 'ds': 'd', 'file': 'a\0b'}]}):
                self.assertEqual(d.control('adopt', **arguments)['rc'], 'refused', arguments)
            self.assertEqual(d.control('adopt', host='unknown', files=[])['rc'], 'absent')
            for name, rc in (('none', 'absent'), ('../x', 'refused'), ('pipe.wsp', 'refused'), (None, 'refused')):
                self.assertEqual(d.control('adopt_metadata', file=name)['rc'], rc, name)
            (staging / 'messages').write_text('{"hostid": "h"}\nnoise\n\n{"hostid": "h", "type": "info", "message": '
                                              '{"Plugin": "p", "Infos": {"a": {"id": "a"}}}}\n')
            answer = d.control('adopt_metadata', file='messages')
            self.assertEqual((answer['stored'], answer['infos'], [r['index'] for r in answer['refused']]), (1, 1, [0, 1]))
            answer = d.control('adopt_metadata', file='messages')
            self.assertEqual((answer['stored'], answer['known']), (0, 1))
            self.assertEqual(list(d.rejected_path.glob('*')), [])
            now = int(time.time())
            (staging / 'messages').write_text('noise\n' + ''.join(json.dumps(
                {'hostid': 'h', 'type': 'data', 'plugin': 'p', 'message': {'TimeStamp': t, 'Values': {'a': 1}}}) + '\n'
                for t in (now, now + 86400, now - 9 * 366 * 86400)))
            answer = d.control('adopt_metadata', file='messages')
            self.assertEqual((answer['stored'], [(r['index'], r['reason']) for r in answer['refused']]),
                             (1, [(0, answer['refused'][0]['reason']), (2, 'future'), (3, 'too_old')]))
            self.assertEqual(d.control('adopt', host='h', files=[{'plugin': 'p', 'ds': 'b', 'file': 'ok.wsp'}])['new'], 1)
            self.assertEqual(sorted(p.name for p in d.wsp_path.glob('*/h/p/*')), ['a.wsp', 'b.wsp'])


def rrd_rows(path):
    """{ds: [(step, [(end, value), …]), …]} of the AVERAGE archives, from what `rrdtool dump` prints."""
    text = subprocess.run(['rrdtool', 'dump', path], capture_output=True, check=True, text=True).stdout
    step, last = int(re.search(r'<step>\s*(\d+)', text).group(1)), int(re.search(r'<lastupdate>\s*(\d+)', text).group(1))
    names = [n.strip() for n in re.findall(r'<name>(.*?)</name>', text)]
    rows = {name: [] for name in names}
    for rra in re.findall(r'<rra>(.*?)</rra>', text, re.S):
        if re.search(r'<cf>\s*AVERAGE', rra) is None:
            continue
        span = step * int(re.search(r'<pdp_per_row>\s*(\d+)', rra).group(1))
        lines = re.findall(r'<row>(.*?)</row>', rra)
        first = last - last % span - span * (len(lines) - 1)
        for at, name in enumerate(names):
            rows[name].append((span, [(first + i * span, float(re.findall(r'<v>\s*(.*?)\s*</v>', line)[at]))
                                      for i, line in enumerate(lines)]))
    return rows


def slots_of(archives, step, n_slots, xff=0.5):
    """{slot: value} by the rule of numeterctl(8), of rows of an .rrd."""
    archives = sorted(archives)
    tables = [(span, {end - span: v for end, v in rows}, rows[0][0] - span) for span, rows in archives]
    newest = max(rows[-1][0] - span for span, rows in archives)
    newest -= newest % step
    for span, rows in archives:
        if span == step:
            newest = rows[-1][0] - span
    slots = {}
    for t in range(newest - step * (n_slots - 1), newest + step, step):
        value = math.nan
        for span, table, _ in tables:
            if span == step:
                value = table.get(t, math.nan)
        for span, table, _ in tables:
            if math.isnan(value) and span < step and step % span == 0:
                known = [v for v in (table.get(t + k, math.nan) for k in range(0, step, span)) if not math.isnan(v)]
                if known and len(known) / (step // span) >= xff:
                    value = sum(known) / len(known)
        for span, table, first in tables:
            if not math.isnan(value):
                break
            if span > step and span % step == 0:
                value = table.get(t, math.nan)
            if first <= t:
                break
        if not math.isnan(value):
            slots[t] = value
    return slots


@unittest.skipUnless(HAVE_MUNIN and HAVE_RRDTOOL, 'no munin or rrdtool on this machine')
class Rrd(Case):
    DAYS = 60
    SERIES = {('load', 'load'): 'load-load-g', ('if_eth0', 'down'): 'if_eth0-down-d', ('if_eth0', 'up'): 'if_eth0-up-c',
              ('diskstats_iops', 'sda_rd'): 'diskstats_iops-sda_rd-g',
              ('diskstats_iops.sda', 'rd'): 'diskstats_iops-sda-rd-g'}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        now = int(time.time())
        times = range((now - cls.DAYS * 86400) // 300 * 300 + 17, now, 300)

        def history(field, value, times=times):
            # a gap of two hours, one of five minutes now and then
            return ''.join('%s.value %d:%s\n' % (field, t, value(t)) for t in times
                           if not 7000 < t % 400000 < 14200 and t // 300 % 97 != 5)

        plugins = {
            'load': {'config': 'graph_title Load average\ngraph_args --base 1024 -l 0\ngraph_vlabel load\n'
                               'graph_category system\ngraph_info How many # wait\nload.label load\nload.warning 10\n'
                               'load.critical 120\nload.info first line\n',
                     'fetch': history('load', lambda t: (t // 300) % 17 / 4)},
            'if_eth0': {'config': 'graph_order down up\ngraph_title eth0 traffic\ngraph_category network\n'
                                  'graph_vlabel bits in (-) / out (+) per ${graph_period}\ndown.label received\n'
                                  'down.type DERIVE\ndown.graph no\ndown.cdef down,8,*\ndown.min 0\nup.label bps\n'
                                  'up.type COUNTER\nup.negative down\nup.cdef up,8,*\nup.colour 00ff00\nup.draw AREA\n',
                        'fetch': history('down', lambda t: (t % 10**8) * 5 + t // 300 % 7, times[-6000:]) +
                        history('up', lambda t: (t % 10**8) * 11, times[-6000:])},
            'diskstats': {'config': 'multigraph diskstats_iops\ngraph_title IOs\ngraph_order sda_rd\nsda_rd.label rd\n'
                                    'multigraph diskstats_iops.sda\ngraph_title sda IOs\nrd.label rd\n',
                          'fetch': 'multigraph diskstats_iops\n' + history('sda_rd', lambda t: t % 1000, times[-3000:]) +
                                   'multigraph diskstats_iops.sda\n' + history('rd', lambda t: t % 997, times[-3000:])},
        }
        with ScriptedNode(plugins) as node:
            master = MuninMaster(cls.folder, {'example.org;web-1.example.org': node.port})
            master.update()
        cls.tree = master.dbdir
        cls.host = 'web-1.example.org'

    def rows(self, name):
        return rrd_rows(self.tree / 'example.org' / ('web-1.example.org-%s.rrd' % name))['42']

    def test_every_row_is_here(self):
        with self.daemon() as d:
            account = ctl.account(d, 'import', 'rrd', self.tree)
            self.assertEqual((account['hosts'], account['new'], account['infos'], account['skipped']), (1, 5, 4, []))
            n_points = 0
            for (plugin, ds), name in self.SERIES.items():
                rows = self.rows(name)
                self.assertEqual([step for step, _ in rows], [300, 1800, 7200, 86400])
                _, _, archives = wspfile.read(self.file(d, self.host, plugin, ds))
                self.assertEqual([(s, n) for s, n, _ in archives], ARCHIVES)
                expected = [slots_of(rows, step, n) for step, n in ARCHIVES]
                for (step, _, got), want in zip(archives, expected):
                    self.assertGreater(len(want), 200)
                    self.assert_slots(got, want, (name, step), relative=1e-9)
                    n_points += len(got)
                for res, i in WINDOWS:
                    first, end, step, shown = self.values(d, self.host, plugin, ds, res)
                    self.assertEqual(step, ARCHIVES[i][0])
                    self.assert_slots(shown, {t: v for t, v in expected[i].items() if first <= t < end}, (name, res),
                                      relative=1e-9)
            self.assertEqual(account['points'], n_points)
            # days that only the coarsest archive of munin has
            yearly = wspfile.read(self.file(d, self.host, 'load', 'load'))[2][3][2]
            self.assertLess(min(yearly), time.time() - 55 * 86400)
            self.assert_infos(d)
            again = ctl.account(d, 'import', 'rrd', self.tree)
            self.assertEqual((again['new'], again['filled'], again['infos'], again['skipped']), (0, 5, 0, []))
            self.assertEqual(wspfile.read(self.file(d, self.host, 'load', 'load'))[2][3][2], yearly)

    def assert_infos(self, d):
        infos = d.get('list', host=self.host)[2]
        self.assertEqual(sorted(infos), ['diskstats_iops', 'diskstats_iops.sda', 'if_eth0', 'load'])
        load = infos['load']
        self.assertEqual((load['Title'], load['Vlabel'], load['Category'], load['Base'], load['Order'], load['Describ']),
                         ('Load average', 'load', 'system', '1024', 'load', 'How many # wait'))
        self.assertEqual(load['Infos'], {'load': {'label': 'load', 'warning': '10', 'critical': '120',
                                                  'info': 'first line', 'id': 'load'}})
        traffic = infos['if_eth0']
        self.assertEqual((traffic['Order'], traffic['Vlabel']),
                         ('down up', 'bits in (-) / out (+) per ${graph_period}'))
        self.assertEqual(traffic['Infos']['up'], {'label': 'bps', 'type': 'COUNTER', 'negative': 'down', 'cdef': 'up,8,*',
                                                  'colour': '00ff00', 'draw': 'AREA', 'id': 'up'})
        self.assertEqual(traffic['Infos']['down']['graph'], 'no')
        self.assertEqual(infos['diskstats_iops.sda']['Title'], 'sda IOs')
        for plugin in infos:
            status, headers, body = d.request('GET', '/numeter-storage/graph.svg?host=%s&plugin=%s&res=Weekly' %
                                              (self.host, plugin))
            self.assertEqual((status, headers['content-type'][:13]), (200, 'image/svg+xml'))
            self.assertGreater(len(body), 5000)

    def test_their_own_archives(self):
        d = self.daemon()
        account = ctl.account(d, 'import', 'rrd', self.tree, '--archives', 'rrd', '--rename',
                              'x=y,web-1.example.org=web-1-123456')  # no daemon runs
        self.assertEqual(account['new'], 5)
        for (plugin, ds), name in self.SERIES.items():
            _, _, archives = wspfile.read(self.file(d, 'web-1-123456', plugin, ds))
            self.assertEqual([(s, n) for s, n, _ in archives], [(300, 576), (1800, 432), (7200, 540), (86400, 450)])
            for (step, _, got), (span, rows) in zip(archives, self.rows(name)):
                known = {end - step: v for end, v in rows if not math.isnan(v)}
                self.assertEqual(span, step)
                # a row that is unknown may be known of finer ones
                self.assert_slots({t: v for t, v in got.items() if t in known}, known, (name, step), relative=1e-9)
                self.assertLessEqual(set(got), {end - step for end, _ in rows})
        with d:
            self.assertGreater(len(d.data('web-1-123456', 'load', ['load'], 'Weekly')['load']), 50)

    def test_without_a_datafile(self):
        tree = self.folder / 'tree'
        shutil.copytree(self.tree / 'example.org', tree / 'example.org')
        shutil.copytree(self.tree / 'example.org', tree / 'g', ignore=lambda _, names: [n for n in names if 'load' not in n])
        os.rename(tree / 'g/web-1.example.org-load-load-g.rrd', tree / 'g/db1-load-load-g.rrd')
        answer = ctl.account(self.daemon(), 'import', 'rrd', tree, '--dry-run')
        self.assertEqual({(s['host'], s['plugin'], s['ds']) for s in answer['series']}, {
            (self.host, 'load', 'load'), (self.host, 'if_eth0', 'down'), (self.host, 'if_eth0', 'up'),
            (self.host, 'diskstats_iops', 'sda_rd'), (self.host, 'diskstats_iops-sda', 'rd'), ('db1', 'load', 'load')})

    def test_any_tree(self):
        tree = self.folder / 'tree'
        now = int(time.time()) // 10 * 10

        def make(path, names):
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(['rrdtool', 'create', tree / path, '-s', '10', '-b', str(now - 4000),
                            *['DS:%s:GAUGE:20:U:U' % n for n in names], 'RRA:AVERAGE:0.1:1:360',
                            'RRA:AVERAGE:0.1:7:100', 'RRA:MAX:0.1:1:360'], check=True)
            subprocess.run(['rrdtool', 'update', tree / path] + [
                '%d:%s' % (now - 3600 + 10 * i, ':'.join('%g' % (i / 8 + k * 100) for k in range(len(names))))
                for i in range(361)], check=True)

        make('web1/load/load.rrd', ['shortterm', 'midterm'])
        make('web1/cpu-0/cpu-user.rrd', ['value'])
        make('web1/memory.rrd', ['used', 'free'])
        make('web1/a/b/c.rrd', ['value'])
        make('top.rrd', ['x'])
        (tree / 'web1/noise.rrd').write_bytes(b'RRD\0' + os.urandom(3000))
        (tree / 'web1/text.rrd').write_text('text')
        with self.daemon(sections='[archives all]\narchives = 10:720, 70:200\n') as d:
            account = ctl.account(d, 'import', 'rrd', tree, status=1)
            self.assertEqual(account['new'], 6)
            self.assertEqual(sorted(s['path'] for s in account['skipped']), ['top.rrd', 'web1/noise.rrd', 'web1/text.rrd'])
            self.assertEqual(sorted(d.get('list', host='web1')[2]), ['a-b', 'cpu-0', 'load', 'memory'])
            for plugin, ds, path, name in (('load', 'load.shortterm', 'web1/load/load.rrd', 'shortterm'),
                                           ('load', 'load.midterm', 'web1/load/load.rrd', 'midterm'),
                                           ('cpu-0', 'cpu-user', 'web1/cpu-0/cpu-user.rrd', 'value'),
                                           ('memory', 'free', 'web1/memory.rrd', 'free')):
                rows = rrd_rows(tree / path)[name]
                for step, n, got in wspfile.read(self.file(d, 'web1', plugin, ds))[2]:
                    want = slots_of(rows, step, n)
                    self.assertGreater(len(want), 40)
                    self.assert_slots(got, want, (plugin, ds, step), relative=1e-9)
        other = self.daemon('other', sections='[archives all]\narchives = 60:720\n')
        account = ctl.account(other, 'import', 'rrd', tree, '--host', 'h', status=1)
        self.assertEqual(account['new'], 0)
        self.assertIn('its rows of 70 s fit none', json.dumps(account['skipped']))
        self.assertEqual(ctl.account(other, 'import', 'rrd', tree, '--host', 'h', '--archives', 'rrd', status=1)['new'], 7)

    def test_wrong_usage(self):
        d = self.daemon()
        (self.folder / 'datafile').write_text('no datafile\n')
        for folder, options, why in ((self.tree, ['--archives', 'x'], '--archives x'), (self.tree, ['--rename', 'x'], 'OLD=NEW'),
                                     (self.tree, ['--map', 'host.ds'], 'has no --map'), (self.folder / 'no', [], 'No such'),
                                     (self.folder, [], 'datafile: the first line')):
            status, _, err = ctl.run(d, 'import', 'rrd', folder, *options)
            self.assertEqual(status, 2)
            self.assertIn(why, err)


if __name__ == '__main__':
    main()

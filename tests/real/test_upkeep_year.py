#!/usr/bin/python3
"""
A year of hosts that come, go and return, on SQLite and on Redis, noted and deleted: at every cleaning the four records,
/hosts, /list, /last-seen, /categories, files and trash are what they should be. The clock is upkeep_probe's, the rest is
real.
"""
import json
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ServersCase, main  # noqa: E402
from support.upkeep import DAY, T0, Probe, RedisRecords, Refused, SqliteRecords  # noqa: E402

FOLDERS = {}


def value_of(host, ds, day):
    return day + {'user': 0.25, 'steal': 0.5, 'used': 0.75}[ds] + 1000 * (len(host) % 7)


class Year:
    """The storage and what it should look like."""

    def __init__(self, case, folder, records, mode, trash='-'):
        self.case, self.records, self.mode, self.deletes = case, records, mode, mode == 'deleted'
        self.root = Path(folder) / 'wsps'
        self.trash_path = self.root / '.trash' if trash == '-' else Path(trash)
        self.probe = Probe(self.root, records.meta, mode, trash)
        self.shown = {}           # host → its plugins in /list
        self.noted_hosts, self.noted_plugins = set(), set()
        self.trash = []           # (kind, host, plugin or None, day)
        self.due = []             # the same: into the trash at the next cleaning, unless it is back
        self.old = []             # OLD_WSP, relative
        self.cleaned = None
        self.failed = []
        self.day = 0

    def now(self):
        return T0 + self.day * DAY

    def go(self, day):
        self.day = day
        self.probe.ask('now', self.now())

    def messages(self, host, plugins):
        found = []
        for plugin, values in plugins.items():
            found.append({'hostid': host, 'type': 'info', 'plugin': plugin,
                          'message': {'Plugin': plugin, 'Category': 'c', 'Infos': {ds: {'id': ds} for ds in values}}})
            found.append({'hostid': host, 'type': 'data', 'plugin': plugin,
                          'message': {'TimeStamp': self.now(), 'Values': values}})
        return found

    def host_messages(self, host, plugins=('cpu', 'disk'), steal=True):
        all_plugins = {'cpu': {'user': value_of(host, 'user', self.day)},
                       'disk': {'used': value_of(host, 'used', self.day)}, 'empty': {'none': 'U'}}
        if steal:
            all_plugins['cpu']['steal'] = value_of(host, 'steal', self.day)
        return self.messages(host, {p: all_plugins[p] for p in plugins})

    def path(self, host, *rest):
        folder = self.records.hash('WSP_PATH').get(host) or FOLDERS[host]
        return str(Path(folder, *rest))

    def values(self, host, plugin, ds, first, last):
        """{day: value} of what a reader finds."""
        answer = self.probe.ask('data', host, plugin, ds, T0 + first * DAY - 3600, T0 + last * DAY)
        start, step = answer['TS_start'], answer['TS_step']
        self.case.assertEqual(step, 3600)
        return {(start + i * step - T0) // DAY: v for i, v in enumerate(answer['DATAS'][ds]) if v is not None}

    def check_history(self, host, plugin, ds, days):
        days = set(days)
        self.case.assertEqual(self.values(host, plugin, ds, min(days), max(days)),
                              {d: value_of(host, ds, d) for d in days})

    def clean(self, judged=True):
        answer = self.probe.ask('clean')
        self.cleaned = self.now()
        self.case.assertEqual(answer['judged'], judged)
        self.case.assertEqual([f['host'] for f in answer['failed']], self.failed, answer)
        self.verify()
        return answer

    def verify(self):
        equal, records = self.case.assertEqual, self.records
        what = 'day %d, %s' % (self.day, self.mode)
        equal(set(self.probe.ask('hosts')), set(self.shown), what)
        equal({h: t is not None for h, t in self.probe.ask('seen')['hosts'].items()},
              {h: True for h in self.shown}, what)
        categories = set()
        for host, plugins in self.shown.items():
            equal(set(self.probe.ask('list', host)), plugins, (what, host))
            equal(set(self.probe.ask('seen', host)['plugins']), plugins, (what, host))
            categories |= plugins
        equal(self.probe.ask('categories'), {'c': sorted(categories)} if categories else {}, what)
        for host in self.noted_hosts - set(self.shown):
            equal(self.probe.ask('list', host), {}, (what, host))
            equal(self.probe.ask('seen', host)['last'], None, (what, host))
        noted = records.hash('DELETED_HOSTS')
        equal(noted, {h: FOLDERS[h] for h in self.noted_hosts}, what)
        equal(records.hash('DELETED_PLUGINS'),
              {'%s@%s' % (h, p): '%s/%s' % (FOLDERS[h], p) for h, p in self.noted_plugins}, what)
        if self.cleaned is not None:
            equal(records.string('LAST_WSP_CLEAN'), str(self.cleaned), what)
            equal(json.loads(records.string('OLD_WSP')), [str(self.root / p) for p in self.old], what)
        listed = self.probe.ask('restore')
        equal([(e['kind'], e['host'], e['plugin']) for e in listed['trash']], [t[:3] for t in self.trash], what)
        equal({e['state'] for e in listed['trash']} - {'whole'}, set(), what)
        entries = [p.name for p in self.trash_path.iterdir()] if self.trash_path.exists() else []
        equal(sorted(entries), [e['entry'] for e in listed['trash']], what)
        stats = self.probe.ask('stats')
        equal((stats['hosts'], stats['plugins']), (len(self.noted_hosts), len(self.noted_plugins)), what)
        if self.day % 12:  # mostly what waits stays in journal and cache
            return
        self.probe.ask('flush')
        in_trash = {(h, p) for kind, h, p, _ in self.trash}
        for host in set(self.shown) | self.noted_hosts:
            there = Path(FOLDERS[host]).is_dir()
            equal(there, host in self.shown or (host, None) not in in_trash, (what, host))

    # ---- what should happen

    def gone(self, host):
        plugins = self.shown.pop(host)
        self.noted_hosts.add(host)
        if self.deletes:
            self.due.append(('host', host, None, self.day))
        return plugins

    def plugin_gone(self, host, plugin):
        self.shown[host].remove(plugin)
        self.noted_plugins.add((host, plugin))
        if self.deletes:
            self.due.append(('plugin', host, plugin, self.day))

    def empties(self):
        """What the next cleaning moves into the trash, and removes for good."""
        for entry in [t for t in self.due if t[3] < self.day]:
            self.due.remove(entry)
            kind, host, plugin, _ = entry
            still = plugin is None and host in self.noted_hosts or (host, plugin) in self.noted_plugins
            if still and host not in self.failed:
                self.trash.append((kind, host, plugin, self.day))
        for entry in [t for t in self.trash if t[3] + 7 <= self.day]:
            self.trash.remove(entry)
            kind, host, plugin, _ = entry
            if kind == 'host' and host not in self.shown:
                self.noted_hosts.discard(host)
            if kind == 'plugin' and plugin not in self.shown.get(host, ()):
                self.noted_plugins.discard((host, plugin))


class UpkeepYear(ServersCase):
    def setUp(self):
        super().setUp()
        if os.access('/dev/shm', os.W_OK):  # syncing is tested elsewhere, and costs half of a year
            self.folder = Path(tempfile.mkdtemp(prefix='numeter-year-', dir='/dev/shm'))
            self.addCleanup(shutil.rmtree, self.folder, True)

    def backend(self, name):
        records = SqliteRecords(str(self.folder / 'meta.sqlite')) if name == 'sqlite' else RedisRecords()
        self.addCleanup(records.end)
        return records

    def begin(self, backend, mode, **more):
        FOLDERS.clear()
        y = Year(self, self.folder, self.backend(backend), mode, **more)
        self.addCleanup(lambda: y.probe.process.poll() is None and y.probe.kill())
        return y

    def run_year(self, backend, mode):
        y = self.begin(backend, mode)
        listed = {'a', 'b', 'd', 'e', 'l'}
        y.go(0)
        y.probe.ask('listed', *sorted(listed))
        y.probe.ask('open')
        for day in range(366):
            if 300 <= day < 303:
                if day == 300:
                    y.probe.ask('close')
                continue
            y.go(day)
            if day == 303:
                self.after_the_outage(y)
            self.one_day(y, day, listed)
            if day == 0:
                FOLDERS.update(y.records.hash('WSP_PATH'))
                y.shown = {h: {'cpu', 'disk'} for h in 'abcdel'}
                y.shown['a'] = {'cpu', 'disk', 'empty'}
                y.verify()
            self.events(y, day, listed)
            if day == 180:
                y.probe.ask('close')
                y.probe.ask('open')
            if day % 2 == 0:
                y.empties()
                y.clean()
            if day % 30 == 0:
                y.records.check_types()
        y.check_history('a', 'cpu', 'user', set(range(366)) - {300, 301, 302})
        self.assertEqual((self.folder / 'outside/cpu/user.wsp').stat().st_size, y.outside_bytes)
        y.probe.ask('close')
        y.probe.end()

    def after_the_outage(self, y):
        """Three days the storage was away: who was silent then is not to blame."""
        y.probe.ask('patience', 60)
        y.probe.ask('open')
        failed, y.failed = y.failed, []
        answer = y.clean(judged=False)
        y.failed = failed
        self.assertEqual([answer[k] for k in ('hosts', 'plugins', 'files', 'returned')], [[], [], [], []])
        y.probe.ask('patience', 3600)

    def one_day(self, y, day, listed):
        m = y.host_messages('a', ['cpu', 'empty'] + ([] if 40 <= day < 80 else ['disk']), not 120 <= day < 160)
        if day <= 20 or 100 <= day <= 170 or day >= 200:
            m += y.host_messages('b')
        if day <= 30 or day >= 250:
            m += y.host_messages('c')
        if day not in (51, 56):
            m += y.host_messages('d', ['cpu'] if day in (61, 62) else ['cpu', 'disk']) if day != 52 else []
        m += y.host_messages('e' if day < 70 else 'e.new')
        if day <= 24:
            m += y.host_messages('l')
        if day in (80, 100, 200, 250, 57, 160):  # these come back, or are new
            self.returns(y, day)
        y.probe.send(m)
        if day in (57, 80, 100, 160, 200, 250):
            y.verify()

    def returns(self, y, day):
        if day == 57:
            y.shown['d'] = {'cpu', 'disk'}
            y.noted_hosts.discard('d')
        elif day == 80:
            y.shown['a'].add('disk')
            y.noted_plugins.discard(('a', 'disk'))
        elif day in (100, 200):
            y.shown['b'] = {'cpu', 'disk'}
            y.noted_hosts.discard('b')
        elif day == 250:
            y.shown['c'] = {'cpu', 'disk'}
            y.noted_hosts.discard('c')

    def events(self, y, day, listed):
        """What happens on that day, and what the cleaning behind it is to find."""
        probe = y.probe
        if day == 20:
            self.assertEqual(probe.ask('dry')['hosts'], [])
        elif day == 25:
            probe.ask('flush')
            shutil.move(FOLDERS['l'], self.folder / 'outside')
            os.symlink(self.folder / 'outside', FOLDERS['l'])
            y.outside_bytes = (self.folder / 'outside/cpu/user.wsp').stat().st_size
        elif day == 26:
            listed.discard('l')
            probe.ask('listed', *sorted(listed))
        elif day == 28:
            before = probe.ask('dry')
            self.assertEqual([h['host'] for h in before['hosts']], ['l'])
            self.assertEqual((before['dry_run'], before['hosts'][0]['last']), (True, T0 + 24 * DAY))
            y.verify()  # a dry run changes nothing
            y.gone('l')
        elif day == 30:
            y.failed = ['l'] if y.deletes else []
        elif day == 42:
            y.plugin_gone('a', 'disk')
        elif day == 50:
            self.delete_d(y)
        elif day == 52:
            self.restore_d(y)
        elif day == 55:
            probe.ask('delete', 'd')
            y.trash.append(('host', 'd', None, day))
            y.noted_hosts.add('d')
            del y.shown['d']
            y.verify()
        elif day == 57:
            self.assertEqual(y.values('d', 'cpu', 'user', 40, 57), {57: value_of('d', 'user', 57)})
        elif day == 58:
            answer = probe.ask('restore', 'd')
            self.assertEqual((len(answer['restored']), answer['filled']), (1, 3))
            y.trash.remove(('host', 'd', None, 55))
            y.check_history('d', 'cpu', 'user', set(range(40, 59)) - {51, 52, 56})
            y.verify()
        elif day == 60:
            listed.discard('b')
            probe.ask('listed', *sorted(listed))
            probe.ask('delete', 'd/disk')
            y.trash.append(('plugin', 'd', 'disk', day))
            y.noted_plugins.add(('d', 'disk'))
            y.shown['d'].remove('disk')
            y.verify()
            self.assertFalse(Path(FOLDERS['d'], 'disk').exists())
            y.gone('b')
        elif day == 62:
            probe.ask('restore', 'd/disk')
            y.trash.remove(('plugin', 'd', 'disk', 60))
            y.noted_plugins.discard(('d', 'disk'))
            y.shown['d'].add('disk')
            y.verify()
            y.check_history('d', 'disk', 'used', set(range(40, 61)) - {51, 52, 56})
        elif day == 63:
            probe.ask('delete', 'd/cpu/steal')
            y.trash.append(('files', 'd', None, day))
            y.verify()
            with self.assertRaisesRegex(Refused, 'absent'):
                y.values('d', 'cpu', 'steal', 40, 63)
        elif day == 64:
            self.assertEqual(probe.ask('restore', 'd/cpu/steal')['filled'], 1)
            y.trash.remove(('files', 'd', None, 63))
            y.check_history('d', 'cpu', 'steal', set(range(40, 65)) - {51, 52, 56})
        elif day == 69:
            self.rename_e(y)
        elif day == 70:
            y.shown['e.new'] = {'cpu', 'disk'}
            self.assertEqual(y.values('e.new', 'cpu', 'user', 60, 70),
                             {d: value_of('e.new' if d == 70 else 'e', 'user', d) for d in range(60, 71)})
        elif day == 90:
            listed.add('b')
            probe.ask('listed', *sorted(listed))
            if not y.deletes:  # on the list again: shown, silent as it is
                y.noted_hosts.discard('b')
                y.shown['b'] = {'cpu', 'disk'}
        elif day == 132:
            y.gone('c')
        elif day == 150:
            listed.discard('b')
            probe.ask('listed', *sorted(listed))
        elif day == 160:
            y.old = []
        elif day == 174:
            y.gone('b')
        elif day == 176 and not y.deletes:
            # hidden from lists; who asks by name gets it
            self.assertEqual(probe.ask('host', 'b')['ID'], 'b')
            self.assertEqual(probe.ask('info', 'b', 'cpu')['Plugin'], 'cpu')
            y.check_history('b', 'cpu', 'user', range(160, 171))
        elif day == 200:
            if y.deletes:
                self.assertEqual(y.values('b', 'cpu', 'user', 150, 200), {200: value_of('b', 'user', 200)})
            else:
                y.check_history('b', 'cpu', 'user', set(range(0, 21)) | set(range(100, 171)) | {200})
        elif day == 250:
            old = set() if y.deletes else set(range(0, 31))
            y.check_history('c', 'cpu', 'user', old | {250})
        elif day == 304:
            self.assertEqual([h['host'] for h in y.probe.ask('dry')['hosts']], y.failed)

        if 122 <= day < 160:
            stale = str(Path(FOLDERS['a'], 'cpu/steal.wsp').relative_to(y.root))
            y.old = [stale] if not y.deletes or day in (122, 123, 124, 125) else []
            if y.deletes and day == 124:
                y.trash.append(('files', 'a', None, day))

    def delete_d(self, y):
        with self.assertRaisesRegex(Refused, 'absent'):
            y.probe.ask('delete', 'nobody')
        with self.assertRaisesRegex(Refused, 'absent'):
            y.probe.ask('delete', 'd/nothing')
        y.probe.ask('delete', 'd')
        y.trash.append(('host', 'd', None, y.day))
        y.noted_hosts.add('d')
        del y.shown['d']
        y.verify()
        self.assertFalse(Path(FOLDERS['d']).exists())
        for key in ('HOSTS', 'HOST_ID', 'WSP_PATH'):
            self.assertNotIn('d', y.records.hash(key))
        self.assertEqual(y.records.hash('INFOS@d'), {})

    def restore_d(self, y):
        entry = y.probe.ask('restore')['trash'][-1]
        self.assertEqual((entry['host'], entry['why']), ('d', 'deleted by hand'))
        answer = y.probe.ask('restore', entry['entry'])
        self.assertEqual((answer['restored'], answer['files'], answer['filled']), ([entry['entry']], 3, 0))
        y.trash.remove(('host', 'd', None, 50))
        y.noted_hosts.discard('d')
        y.shown['d'] = {'cpu', 'disk'}
        self.assertEqual(y.records.hash('WSP_PATH')['d'], FOLDERS['d'])
        y.verify()
        y.check_history('d', 'cpu', 'user', range(0, 51))
        with self.assertRaisesRegex(Refused, 'absent'):
            y.probe.ask('restore', 'd')

    def rename_e(self, y):
        for to, why in (('a', 'refused'), ('e', 'refused')):
            with self.assertRaisesRegex(Refused, why):
                y.probe.ask('rename', 'e', to)
        with self.assertRaisesRegex(Refused, 'absent'):
            y.probe.ask('rename', 'nobody', 'x')
        old = json.loads(y.records.hash('HOSTS')['e'])
        y.probe.ask('rename', 'e', 'e.new')
        del y.shown['e']
        y.shown['e.new'] = {'cpu', 'disk'}
        FOLDERS['e.new'] = y.records.hash('WSP_PATH')['e.new']
        new = json.loads(y.records.hash('HOSTS')['e.new'])
        self.assertEqual(Path(FOLDERS['e.new']).name, 'enew')
        self.assertEqual(new['HostIDFiltredName'], 'enew')
        self.assertEqual(new['hostIDHash'], y.records.hash('HOST_ID')['e.new'])
        self.assertEqual({k: v for k, v in new.items() if not k.startswith('host') and k != 'HostIDFiltredName'},
                         {k: v for k, v in old.items() if not k.startswith('host') and k != 'HostIDFiltredName'})
        self.assertEqual(set(y.records.hash('INFOS@e.new')), {'cpu', 'disk'})
        for key in ('HOSTS', 'HOST_ID', 'WSP_PATH', 'INFOS@e'):
            self.assertNotIn('e', y.records.hash(key))
        self.assertEqual(y.records.hash('INFOS@e'), {})
        self.assertFalse(Path(FOLDERS['e']).exists())
        y.verify()

    def test_noted_on_sqlite(self):
        self.run_year('sqlite', 'noted')

    def test_deleted_on_sqlite(self):
        self.run_year('sqlite', 'deleted')

    @unittest.skipIf(shutil.which('redis-server') is None, 'no redis-server')
    def test_noted_on_redis(self):
        self.run_year('redis', 'noted')

    @unittest.skipIf(shutil.which('redis-server') is None, 'no redis-server')
    def test_deleted_on_redis(self):
        self.run_year('redis', 'deleted')


if __name__ == '__main__':
    main()

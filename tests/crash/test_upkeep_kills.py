#!/usr/bin/python3
"""
Killed at any call while a host, plugin or series is deleted, restored, renamed: what the next start finds is finished or
undone, nothing is lost, and no other host is touched. NUMETER_LONG=1: at every single call; NUMETER_SEED repeats a run.
"""
import json
import os
import random
import shutil
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import faultfs  # noqa: E402
from support.case import ServersCase, main  # noqa: E402
from support.faultfs import FaultFs  # noqa: E402
from support.upkeep import DAY, T0, Probe, Refused, SqliteRecords  # noqa: E402
from support.wait import LONG  # noqa: E402

SEED = int(os.environ.get('NUMETER_SEED') or random.randrange(1 << 32))
EVERY = (faultfs.WRITES | faultfs.SYNCS | faultfs.CREATE | faultfs.RENAME | faultfs.UNLINK | faultfs.MKDIR | faultfs.LINK
         | faultfs.TRUNCATE)
PICKS = 4  # calls at which it dies, of each action


class Kills(ServersCase):
    def setUp(self):
        super().setUp()
        if not os.environ.get('NUMETER_FAULTFS'):
            self.skipTest('NUMETER_FAULTFS does not name the library')
        print('seed %d' % SEED, flush=True)
        self.dice = random.Random(SEED)
        self.faults = FaultFs(self.folder / 'faults')
        self.records = SqliteRecords(str(self.folder / 'meta.sqlite'))
        self.far = self.make_far()
        self.root, self.day, self.sent = self.folder / 'wsps', 0, {}
        self.start()

    def make_far(self):
        """trash_path, of another file system; None: it is the near one."""
        return None

    def start(self):
        self.probe = Probe(self.root, self.records.meta, 'deleted', self.far or '-',
                           environment=self.faults.environment(os.environ['UPKEEP_PROBE']))
        self.addCleanup(lambda p: p.process.poll() is None and p.kill(), self.probe)
        self.probe.ask('now', T0 + self.day * DAY)
        self.probe.ask('listed', 'h', 'k', 'new')
        self.probe.ask('open')

    def send(self, host):
        """A day's values of two plugins."""
        self.day += 1
        self.probe.ask('now', T0 + self.day * DAY)
        self.probe.send([m for plugin, ds in (('cpu', 'user'), ('cpu', 'idle'), ('disk', 'used')) for m in (
            {'hostid': host, 'type': 'info', 'plugin': plugin, 'message': {'Plugin': plugin, 'Infos': {ds: {'id': ds}}}},
            {'hostid': host, 'type': 'data', 'plugin': plugin,
             'message': {'TimeStamp': T0 + self.day * DAY, 'Values': {ds: self.day}}})])
        self.sent.setdefault(host, set()).add(self.day)

    def days(self, host, plugin, ds):
        answer = self.probe.ask('data', host, plugin, ds, T0, T0 + self.day * DAY)
        start, step = answer['TS_start'], answer['TS_step']
        found = {(start + i * step - T0) // DAY: v for i, v in enumerate(answer['DATAS'][ds]) if v is not None}
        self.assertEqual(found, {d: d for d in found})
        return set(found)

    def check_whole(self, host):
        for plugin, ds in (('cpu', 'user'), ('cpu', 'idle'), ('disk', 'used')):
            self.assertEqual(self.days(host, plugin, ds), self.sent[host], (host, plugin, ds))
        self.assertEqual(set(self.probe.ask('list', host)), {'cpu', 'disk'})
        self.assertIn(host, self.probe.ask('hosts'))

    def dies(self, action, nth, outcome):
        """False: the action came to its end before the nth call."""
        self.faults.arm(EVERY, outcome, '/' if self.far else self.folder, nth=nth)
        try:
            action()
            died = False
        except (AssertionError, BrokenPipeError):
            died = True
        self.faults.disarm()
        if died:
            self.probe.process.wait(10)
            for pipe in (self.probe.process.stdin, self.probe.process.stdout):
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
            self.start()
            self.probe.ask('recover')
        return died

    def calls_of(self, action):
        """How many calls the whole action takes."""
        self.faults.arm(EVERY, faultfs.DIE, '/' if self.far else self.folder, nth=1 << 30)
        action()
        n = self.faults.calls()
        self.faults.disarm()
        return n

    def picks(self, n):
        every = range(1, n + 1)
        return every if LONG else sorted(self.dice.sample(every, min(PICKS, n)))

    def trash(self):
        entries = self.probe.ask('restore')['trash']
        self.assertEqual({e['state'] for e in entries} - {'whole'}, set())
        found = {folder: sorted(p.name for p in folder.iterdir()) if folder.exists() else []
                 for folder in (self.root / '.trash', self.far) if folder}
        self.assertEqual(found.pop(self.far or self.root / '.trash'), [e['entry'] for e in entries])
        self.assertEqual(list(found.values()), [[]] if self.far else [])
        return entries

    def run_action(self, do, settle, prepare=lambda: None):
        """do under the knife, settle judges what is there and brings all back to how it was."""
        for host in ('h', 'k'):
            self.send(host)
        self.probe.ask('flush')
        prepare()
        n = self.calls_of(do)
        settle()
        died = 0
        for nth in self.picks(n):
            with self.subTest(nth=nth, of=n):
                self.send('h')
                self.send('k')
                prepare()
                died += self.dies(do, nth, self.dice.choice([faultfs.DIE, faultfs.DIE_AFTER]))
                settle()
                self.check_whole('k')
        print('died at %d of %d calls' % (died, n), flush=True)
        self.assertGreater(died, 0)
        self.probe.end()

    # ---- actions

    def settle_delete(self, what, gone):
        """Either nothing was done, or all of it."""
        def settle():
            entries = self.trash()
            self.assertLessEqual(len(entries), 1)
            if entries:
                gone()
                self.probe.ask('restore', what)
            self.check_whole('h')
            self.assertEqual(self.records.hash('DELETED_HOSTS'), {})
            self.assertEqual(self.records.hash('DELETED_PLUGINS'), {})
            self.assertEqual(self.trash(), [])
        return settle

    def test_delete_a_host(self):
        def gone():
            self.assertNotIn('h', self.probe.ask('hosts'))
            self.assertEqual(self.records.hash('INFOS@h'), {})
            self.assertEqual(set(self.records.hash('DELETED_HOSTS')), {'h'})
            self.assertEqual([p.name for p in self.root.glob('??/*')], ['k'])
        self.run_action(lambda: self.probe.ask('delete', 'h'), self.settle_delete('h', gone))

    def test_delete_a_plugin(self):
        def gone():
            self.assertEqual(set(self.probe.ask('list', 'h')), {'disk'})
            self.assertEqual(set(self.records.hash('DELETED_PLUGINS')), {'h@cpu'})
        self.run_action(lambda: self.probe.ask('delete', 'h/cpu'), self.settle_delete('h/cpu', gone))

    def test_delete_a_series(self):
        def gone():
            with self.assertRaises(Refused):
                self.days('h', 'cpu', 'user')
        self.run_action(lambda: self.probe.ask('delete', 'h/cpu/user'), self.settle_delete('h/cpu/user', gone))

    def settle_restore(self):
        if self.trash():
            self.probe.ask('restore', 'h')
        self.check_whole('h')
        self.assertEqual(self.records.hash('DELETED_HOSTS'), {})
        self.assertEqual(self.trash(), [])

    def test_restore_a_host(self):
        self.run_action(lambda: self.probe.ask('restore', 'h'), self.settle_restore,
                        lambda: self.probe.ask('delete', 'h'))

    def test_restore_onto_one_that_is_back(self):
        def prepare():
            self.probe.ask('delete', 'h')
            self.send('h')
        self.run_action(lambda: self.probe.ask('restore', 'h'), self.settle_restore, prepare)

    def test_rename(self):
        def settle():
            hosts = set(self.probe.ask('hosts'))
            self.assertIn(hosts, ({'h', 'k'}, {'new', 'k'}))
            self.assertFalse((self.root / '.rename').exists())
            for key in ('HOST_ID', 'WSP_PATH'):
                self.assertEqual(set(self.records.hash(key)), hosts)
            if 'new' in hosts:
                self.sent['new'] = self.sent['h']
                self.check_whole('new')
                self.assertEqual(self.records.hash('INFOS@h'), {})
                self.assertEqual(json.loads(self.records.hash('HOSTS')['new'])['HostIDFiltredName'], 'new')
                self.probe.ask('rename', 'new', 'h')
            self.check_whole('h')
        self.run_action(lambda: self.probe.ask('rename', 'h', 'new'), settle)


class FarKills(Kills):
    """The trash is on another file system: copied there and back."""

    def make_far(self):
        if not os.access('/dev/shm', os.W_OK) or os.stat('/dev/shm').st_dev == os.stat(self.folder).st_dev:
            self.skipTest('there is no second file system')
        far = Path('/dev/shm/numeter-kills-%d' % os.getpid())
        far.mkdir()
        self.addCleanup(shutil.rmtree, far, True)
        return far

    test_rename = None  # nothing of it is in the trash


if __name__ == '__main__':
    main()

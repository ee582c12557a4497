#!/usr/bin/python3
"""numeterctl clean, delete, restore and rename: with a running daemon, without one; and what other programs note."""
import errno
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import whisper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.servers import RedisServer  # noqa: E402
from support import faultfs  # noqa: E402
from support.faultfs import FaultFs  # noqa: E402
from support.upkeep import DAY, T0, Probe, Refused, SqliteRecords  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402


class UpkeepVerbs(ServersCase):
    def daemon(self, **keys):
        daemon = Daemon(self.folder, http_ingest='true', **keys)
        self.addCleanup(daemon.end)
        return daemon

    def ctl(self, daemon, *args):
        done = subprocess.run([os.environ['NUMETERCTL'], '-c', str(daemon.config_path), *args], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, timeout=60 * SLOW)
        self.assertNotRegex(done.stderr, 'Sanitizer|runtime error')
        return done.returncode, done.stdout, done.stderr

    def ctl_json(self, daemon, *args):
        status, out, err = self.ctl(daemon, '--json', *args)
        self.assertEqual((status, err), (0, ''), out)
        return json.loads(out)

    def send(self, daemon, host, t, value, plugin='cpu'):
        status, _, answer = daemon.post([
            {'hostid': host, 'type': 'info', 'plugin': plugin,
             'message': {'Plugin': plugin, 'Category': 'system', 'Infos': {'user': {'id': 'user'}}}},
            {'hostid': host, 'type': 'data', 'plugin': plugin, 'message': {'TimeStamp': t, 'Values': {'user': value}}}])
        self.assertEqual((status, answer['accepted'], answer['rejected']), (200, 2, []))

    def hosts(self, daemon):
        return set(daemon.get('hosts')[2])

    def values(self, daemon, host):
        return sorted(daemon.data(host, 'cpu', ['user']).get('user', {}).values())

    def test_with_a_daemon(self):
        daemon = self.daemon().start()
        now = int(time.time())
        self.send(daemon, 'web-1', now - 120, 1)
        self.send(daemon, 'web-2', now - 120, 2)
        status, out, _ = self.ctl(daemon, 'clean', '--dry-run')
        self.assertEqual(status, 0)
        self.assertIn('nothing was changed; what is stale is noted and its files stay\n0 hosts that are gone', out)
        self.assertIn('nothing was judged', out)
        self.assertEqual(self.ctl_json(daemon, 'clean'), {
            'dry_run': False, 'judged': False, 'clock_leapt': False, 'deletes': False, 'hosts': [], 'plugins': [],
            'files': [], 'returned': [], 'removed': [], 'failed': []})
        # an answer that a client keeps is not shown behind a change
        self.assertEqual(self.hosts(daemon), {'web-1', 'web-2'})
        status, out, _ = self.ctl(daemon, 'delete', 'web-1')
        entry = re.search(r'web-1 is in the trash; back with: numeterctl restore (\S+)\n', out).group(1)
        self.assertEqual(self.hosts(daemon), {'web-2'})
        self.assertEqual(daemon.get('list', host='web-1')[2], {})
        self.assertEqual(daemon.get('data', host='web-1', plugin='cpu', ds='user', res='Daily')[0], 404)
        status, out, _ = self.ctl(daemon, 'restore')
        self.assertRegex(out, r'(?m)^%s +host +\S+Z  web-1 \(deleted by hand\)$' % entry)
        self.assertRegex(out, r'(?m)^noted +host +web-1$')
        self.send(daemon, 'web-1', now - 60, 3)  # it is a new one
        self.assertEqual(self.values(daemon, 'web-1'), [3])
        self.assertEqual(self.hosts(daemon), {'web-1', 'web-2'})
        status, out, _ = self.ctl(daemon, 'restore', entry)
        self.assertEqual((status, out), (0, 'restored %s\n0 files put back, 1 filled\n' % entry))
        self.assertEqual(self.values(daemon, 'web-1'), [1, 3])
        status, out, err = self.ctl(daemon, 'rename', 'web-1', 'web-2')
        self.assertEqual((status, out), (1, ''))
        self.assertIn('host "web-2" has something already', err)
        status, out, _ = self.ctl(daemon, 'rename', 'web-1', 'shop 1')
        self.assertRegex(out, r'\Aweb-1 is shop 1 now, in \w\w/shop1\n\Z')
        self.assertEqual(self.values(daemon, 'shop 1'), [1, 3])
        self.assertEqual(self.hosts(daemon), {'shop 1', 'web-2'})
        self.send(daemon, 'shop 1', now, 4)
        self.assertEqual(self.values(daemon, 'shop 1'), [1, 3, 4])
        # an answer kept for those who ask the same is not given any more
        asked = dict(host='web-2', plugin='cpu', ds='user', from_=now - 600, until=now)
        daemon.flush()
        before = daemon.get('data', **asked)
        self.assertEqual((before[0], daemon.get('data', **asked)[2]), (200, before[2]))
        self.assertEqual(self.ctl_json(daemon, 'delete', 'web-2/cpu/user')['kind'], 'files')
        self.assertEqual(daemon.get('data', **asked)[0], 404)
        self.ctl_json(daemon, 'restore', 'web-2/cpu/user')
        self.assertEqual(daemon.get('data', **asked)[2], before[2])
        for args in (('delete', 'nobody'), ('restore', 'nobody'), ('rename', 'nobody', 'x')):
            status, out, err = self.ctl(daemon, *args)
            self.assertEqual((status, out), (1, ''), args)
            self.assertIn('nobody', err)
        metrics = daemon.request('GET', '/metrics')[2].decode()
        self.assertIn('\nnumeter_storage_gone_hosts 0\n', metrics)
        self.assertIn('\nnumeter_storage_last_clean_seconds 1', metrics)
        daemon.stop()

    def test_what_has_no_room_stays_in_the_trash(self):
        daemon = self.daemon().start()
        now = int(time.time())
        old = [now - 3600 * h for h in (1, 2, 3)]
        for i, t in enumerate(old):
            self.send(daemon, 'web-1', t, 10 + i)
        status, out, _ = self.ctl(daemon, 'delete', 'web-1')
        entry = re.search(r'restore (\S+)\n', out).group(1)
        self.send(daemon, 'web-1', now, 3)
        daemon.flush()
        file = next(daemon.wsp_path.glob('*/web-1/cpu/user.wsp'))
        file.unlink()
        whisper.create(str(file), [(60, 10)])  # of an administrator who wanted less
        whisper.update(str(file), 3.0, now)
        for _ in range(2):  # and again
            status, out, err = self.ctl(daemon, 'restore', entry)
            self.assertEqual((status, out), (1, '0 files put back, 1 filled\n'))
            self.assertIn('%s stays in the trash: 1 of its files know more' % entry, err)
        answer = json.loads(self.ctl(daemon, 'restore', entry, '--json')[1])
        self.assertEqual((answer['restored'], answer['kept']), ([], [{'entry': entry, 'without_room': 1, 'damaged': 0}]))
        self.assertEqual(self.values(daemon, 'web-1'), [3])
        self.assertEqual(self.ctl(daemon, 'resize', 'web-1', '60:1440, 300:2016')[0], 0)
        status, out, _ = self.ctl(daemon, 'restore', entry)
        self.assertEqual((status, out), (0, 'restored %s\n0 files put back, 1 filled\n' % entry))
        self.assertEqual(sorted(self.values(daemon, 'web-1')), [3, 10, 11, 12])
        self.assertEqual(self.ctl_json(daemon, 'restore')['trash'], [])
        daemon.stop()

    def test_without_a_daemon(self):
        daemon = self.daemon().start()
        now = int(time.time())
        self.send(daemon, 'a/b', now - 60, 1)  # a slash in its name
        self.send(daemon, 'a/b', now - 60, 5, 'disk')
        daemon.stop()
        answer = self.ctl_json(daemon, 'delete', 'a/b/disk')
        self.assertEqual((answer['kind'], answer['host']), ('plugin', 'a/b'))
        answer = self.ctl_json(daemon, 'delete', 'a/b')
        self.assertEqual(answer['kind'], 'host')
        status, _, err = self.ctl(daemon, 'restore', 'a/b/disk')
        self.assertEqual(status, 1)
        self.assertIn('host a/b is not there itself: restore it first', err)
        self.assertEqual(self.ctl_json(daemon, 'restore', 'a/b')['files'], 2)
        self.assertEqual(self.ctl_json(daemon, 'clean')['judged'], False)
        self.assertEqual(self.ctl_json(daemon, 'rename', 'a/b', 'c')['new'], 'c')
        daemon.start()
        self.assertEqual(self.hosts(daemon), {'c'})
        self.assertEqual(set(daemon.get('list', host='c')[2]), {'cpu', 'disk'})
        self.assertEqual(self.values(daemon, 'c'), [1])
        daemon.stop()

    def test_a_trash_on_another_file_system(self):
        if not os.access('/dev/shm', os.W_OK) or os.stat('/dev/shm').st_dev == os.stat(self.folder).st_dev:
            self.skipTest('there is no second file system')
        far = Path('/dev/shm/numeter-trash-%d' % os.getpid())
        self.addCleanup(shutil.rmtree, far, True)
        daemon = self.daemon(trash_path=far / 'trash').start()
        self.send(daemon, 'h', int(time.time()) - 60, 1)
        daemon.flush()
        entry = self.ctl_json(daemon, 'delete', 'h')['entry']
        self.assertEqual([p.name for p in (far / 'trash').iterdir()], [entry])
        self.assertTrue((far / 'trash' / entry / 'files/cpu/user.wsp').exists())
        self.assertEqual(list((daemon.wsp_path / '.trash').iterdir()), [])
        self.assertEqual(self.ctl_json(daemon, 'restore', 'h')['restored'], [entry])
        self.assertEqual(self.values(daemon, 'h'), [1])
        self.assertEqual(list((far / 'trash').iterdir()), [])
        # it cannot be reached: what is removed stays near, goes on later, and can be restored all the time
        (far / 'trash').rmdir()
        (far / 'trash').write_text('')
        entry = self.ctl_json(daemon, 'delete', 'h')['entry']
        self.assertEqual([p.name for p in (daemon.wsp_path / '.trash').iterdir()], [entry])
        self.assertEqual([e['entry'] for e in self.ctl_json(daemon, 'restore')['trash']], [entry])
        (far / 'trash').unlink()
        self.ctl_json(daemon, 'clean')
        self.assertEqual([p.name for p in (far / 'trash').iterdir()], [entry])
        self.assertEqual(self.ctl_json(daemon, 'restore', 'h')['restored'], [entry])
        self.assertEqual(self.values(daemon, 'h'), [1])
        daemon.stop()

    def test_a_note_of_nothing_goes(self):
        daemon = self.daemon().start()
        records = SqliteRecords(self.folder / 'metadata.sqlite')
        for host in ('h', 'k'):
            self.send(daemon, host, int(time.time()) - 60, 1)
            self.ctl_json(daemon, 'delete', host + '/cpu')
            entry = self.ctl_json(daemon, 'delete', host)['entry']
        shutil.rmtree(daemon.wsp_path / '.trash' / entry)  # k's own; its plugin's is still there
        self.ctl_json(daemon, 'clean')
        self.assertEqual(set(records.hash('DELETED_HOSTS')), {'h'})
        self.assertEqual(set(records.hash('DELETED_PLUGINS')), {'h@cpu', 'k@cpu'})
        shutil.rmtree(daemon.wsp_path / '.trash')
        self.ctl_json(daemon, 'clean')
        self.assertEqual((records.hash('DELETED_HOSTS'), records.hash('DELETED_PLUGINS')), ({}, {}))
        daemon.stop()

    def test_a_folder_of_two_hosts_is_left_alone(self):
        daemon = self.daemon().start()
        self.send(daemon, 'h', int(time.time()) - 60, 1)
        records = SqliteRecords(self.folder / 'metadata.sqlite')
        records.set_field('WSP_PATH', 'other', records.hash('WSP_PATH')['h'] + '/sub')
        for args in (('delete', 'h'), ('rename', 'h', 'x')):
            status, _, err = self.ctl(daemon, *args)
            self.assertEqual(status, 1)
            self.assertIn('is also that of host other: not touched', err)
        self.assertEqual(self.values(daemon, 'h'), [1])
        self.assertEqual(self.ctl_json(daemon, 'restore')['trash'], [])
        daemon.stop()

    @unittest.skipIf(shutil.which('redis-server') is None, 'no redis-server')
    def test_an_administrator_notes_with_redis_cli(self):
        redis = RedisServer().start()
        self.addCleanup(redis.close)
        daemon = self.daemon(redis_storage_port=redis.port, redis_storage_host='127.0.0.1').start()
        client, now = redis.client(), int(time.time())
        for host in ('h', 'k'):
            self.send(daemon, host, now - 120, 1)
            self.send(daemon, host, now - 120, 1, 'disk')
        path = client.hget('WSP_PATH', 'h').decode()

        def soon(condition, what):
            began = time.monotonic()
            wait_until(condition, 5, what, every_s=0.02)
            self.assertLess(time.monotonic() - began, 1.1 * SLOW, what)

        client.hset('DELETED_HOSTS', 'h', path)
        soon(lambda: self.hosts(daemon) == {'k'}, 'it is hidden')
        soon(lambda: daemon.get('list', host='h')[2] == {}, 'its plugins are')
        self.assertEqual(self.values(daemon, 'h'), [1])
        self.assertEqual(daemon.get('hinfo', host='h')[2]['ID'], 'h')
        client.hdel('DELETED_HOSTS', 'h')
        soon(lambda: self.hosts(daemon) == {'h', 'k'}, 'it is shown')
        client.hset('DELETED_PLUGINS', 'h@disk', path + '/disk')
        soon(lambda: set(daemon.get('list', host='h')[2]) == {'cpu'}, 'the plugin is hidden')
        self.assertEqual(daemon.get('categories')[2], {'system': ['cpu', 'disk']})
        self.send(daemon, 'h', now - 60, 2, 'disk')  # its info comes with it: the long way
        self.assertEqual(set(daemon.get('list', host='h')[2]), {'cpu', 'disk'})
        self.assertEqual(client.hgetall('DELETED_PLUGINS'), {})
        client.hset('DELETED_HOSTS', 'h', path)
        soon(lambda: self.hosts(daemon) == {'k'}, 'it is hidden again')
        self.assertEqual(self.ctl_json(daemon, 'restore', 'h')['shown'], [{'host': 'h', 'plugin': None}])
        self.assertEqual(self.hosts(daemon), {'h', 'k'})
        daemon.stop()


class UnderAToldClock(ServersCase):
    """What upkeep_probe does when told."""

    def open(self, mode='noted'):
        self.records = SqliteRecords(str(self.folder / 'meta.sqlite'))
        self.root = self.folder / 'wsps'
        probe = Probe(self.root, self.records.meta, mode)
        self.addCleanup(lambda: probe.process.poll() is None and probe.kill())
        probe.ask('now', T0)
        probe.ask('open')
        return probe

    def send(self, probe, host, t, value, plugin='cpu', ds='user'):
        probe.send([{'hostid': host, 'type': 'info', 'plugin': plugin,
                     'message': {'Plugin': plugin, 'Infos': {ds: {'id': ds}}}},
                    {'hostid': host, 'type': 'data', 'plugin': plugin,
                     'message': {'TimeStamp': t, 'Values': {ds: value}}}])

    def values(self, probe, host):
        answer = probe.ask('data', host, 'cpu', 'user', T0 - DAY, T0 + 9 * DAY)
        return [v for v in answer['DATAS']['user'] if v is not None]

    def test_a_new_name_that_began_to_send_keeps_what_is_its_own(self):
        probe = self.open()
        self.send(probe, 'a', T0, 1)
        self.send(probe, 'b', T0, 2)
        probe.ask('flush')
        folder = {h: Path(p) for h, p in self.records.hash('WSP_PATH').items()}
        below = {h: str(p.relative_to(self.root)) for h, p in folder.items()}
        note = {'host': 'a', 'new': 'b', 'from': below['a'], 'to': below['b']}
        # cut short when the folder of the new name stood there already; by this version, and an older one
        for more in ({'inode': str(folder['a'].stat().st_ino)}, {}):
            (self.root / '.rename').write_text(json.dumps(dict(note, **more)))
            probe.ask('recover')
            self.assertFalse((self.root / '.rename').exists())
            self.assertEqual(set(probe.ask('hosts')), {'a', 'b'})
            self.assertEqual((self.values(probe, 'a'), self.values(probe, 'b')), ([1], [2]))
        # and when it had moved
        shutil.rmtree(folder['b'])
        note['inode'] = str(folder['a'].stat().st_ino)
        folder['a'].rename(folder['b'])
        (self.root / '.rename').write_text(json.dumps(note))
        probe.ask('recover')
        self.assertEqual(set(probe.ask('hosts')), {'b'})
        probe.ask('close')
        probe.end()

    def test_a_clock_that_leaps_and_a_young_daemon_remove_nothing(self):
        probe = self.open('deleted')
        for host in 'ab':
            self.send(probe, host, T0, 1)
        probe.ask('delete', 'a')
        probe.ask('now', T0 + 300 * DAY)
        nothing = {k: [] for k in ('hosts', 'plugins', 'files', 'returned', 'removed', 'failed')}
        for command, leapt in (('leapt 1', True), ('patience 3599', False)):
            probe.ask(*command.split())
            for verb in ('dry', 'clean'):
                answer = probe.ask(verb)
                self.assertEqual({k: answer[k] for k in nothing}, nothing, command)
                self.assertEqual((answer['judged'], answer['clock_leapt']), (False, leapt))
            self.assertEqual(set(probe.ask('hosts')), {'b'})
            self.assertEqual([e['host'] for e in probe.ask('restore')['trash']], ['a'])
            probe.ask('leapt', 0)
        probe.ask('patience', 3600)
        answer = probe.ask('clean')
        self.assertEqual((answer['judged'], [h['host'] for h in answer['hosts']], len(answer['removed'])),
                         (True, ['b'], 1))
        self.assertEqual(probe.ask('restore')['trash'], [])  # b is noted first
        probe.ask('close')
        probe.end()

    def test_who_boots_while_a_cleaning_runs_loses_nothing(self):
        probe = self.open('deleted')
        parts = (('cpu', 'user'), ('cpu', 'idle'), ('disk', 'used'))
        for plugin, ds in parts:
            self.send(probe, 'h', T0, 1, plugin, ds)
        probe.ask('flush')
        probe.ask('close')
        probe.ask('now', T0 + 4 * DAY)
        probe.ask('open')
        self.send(probe, 'h', T0 + 4 * DAY, 2)  # after four days the first of three
        answer = probe.ask('clean')
        self.assertEqual(([p['plugin'] for p in answer['plugins']], [Path(f).name for f in answer['files']]),
                         (['disk'], ['idle.wsp']))
        self.assertEqual(probe.ask('restore')['trash'], [])
        self.send(probe, 'h', T0 + 4 * DAY, 2, 'disk', 'used')
        self.assertEqual(set(probe.ask('list', 'h')), {'cpu', 'disk'})
        probe.ask('now', T0 + 5 * DAY)
        self.send(probe, 'h', T0 + 5 * DAY, 3)
        probe.ask('clean')  # idle did not come back
        self.assertEqual([e['kind'] for e in probe.ask('restore')['trash']], ['files'])
        self.assertEqual(sorted(p.name for p in self.root.glob('??/h/*/*.wsp')), ['used.wsp', 'user.wsp'])
        probe.ask('close')
        probe.end()

    def test_a_host_without_files_is_renamed(self):
        probe = self.open()
        probe.send([{'hostid': 'a', 'type': 'info', 'plugin': 'cpu',
                     'message': {'Plugin': 'cpu', 'Infos': {'user': {'id': 'user'}}}}])
        probe.send([{'hostid': 'a', 'type': 'data', 'plugin': 'cpu',
                     'message': {'TimeStamp': T0, 'Values': {'user': 'U'}}}])
        probe.ask('rename', 'a', 'b')
        self.assertEqual(set(probe.ask('hosts')), {'b'})
        self.assertFalse((self.root / '.rename').exists())
        self.send(probe, 'b', T0, 3)
        self.assertEqual(self.values(probe, 'b'), [3])
        with self.assertRaisesRegex(Refused, 'absent'):
            probe.ask('rename', 'a', 'c')
        probe.ask('close')
        probe.end()


class Parts(ServersCase):
    """Without inputs, under a clock that is told."""

    def setUp(self):
        super().setUp()
        self.records = SqliteRecords(str(self.folder / 'meta.sqlite'))
        self.root = self.folder / 'wsps'
        self.now = T0

    def start(self, mode='deleted', trash='-', environment=()):
        self.probe = Probe(self.root, self.records.meta, mode, trash, environment)
        self.addCleanup(lambda p: p.process.poll() is None and p.kill(), self.probe)
        self.at(self.now)
        self.probe.ask('open')

    def at(self, now):
        self.now = now
        self.probe.ask('now', now)

    def send(self, host, value, plugins=('cpu',)):
        self.probe.send([m for plugin in plugins for m in (
            {'hostid': host, 'type': 'info', 'plugin': plugin, 'message': {'Plugin': plugin, 'Infos': {'user': {}}}},
            {'hostid': host, 'type': 'data', 'plugin': plugin,
             'message': {'TimeStamp': self.now, 'Values': {'user': value}}})])

    def values(self, host, plugin='cpu'):
        answer = self.probe.ask('data', host, plugin, 'user', self.now - 4 * DAY, self.now + 3600)
        return [v for v in answer['DATAS']['user'] if v is not None]

    def set_trigger(self, event):
        with sqlite3.connect(self.records.path) as db:
            db.execute("CREATE TRIGGER t BEFORE %s BEGIN SELECT RAISE(ABORT, 'refused'); END" % event)

    def drop_trigger(self):
        with sqlite3.connect(self.records.path) as db:
            db.execute('DROP TRIGGER t')

    # ---- a trash elsewhere

    def far(self):
        if not os.access('/dev/shm', os.W_OK) or os.stat('/dev/shm').st_dev == os.stat(self.folder).st_dev:
            self.skipTest('there is no second file system')
        far = Path('/dev/shm/numeter-far-%d' % os.getpid())
        far.mkdir()
        self.addCleanup(shutil.rmtree, far, True)
        return far

    def check_one_second(self, far, away):
        """All that one second removes is there, each under a name of its own."""
        self.start(trash=far)
        for i, host in enumerate('abc'):
            self.send(host, i)
        for i, host in enumerate('abc'):
            if away and host == 'b':
                far.rename(str(far) + '.away')
                far.write_text('')
            self.probe.ask('delete', host)
        if away:
            far.unlink()
            Path(str(far) + '.away').rename(far)
            self.probe.ask('recover')
        trash = self.probe.ask('restore')['trash']
        self.assertEqual(sorted(e['host'] for e in trash), ['a', 'b', 'c'])
        self.assertEqual(sorted(p.name for p in far.iterdir()), sorted(e['entry'] for e in trash))
        self.assertEqual(list((self.root / '.trash').iterdir()), [])
        for i, host in reversed(list(enumerate('abc'))):
            self.assertEqual(len(self.probe.ask('restore', host)['restored']), 1, host)
            self.assertEqual(self.values(host), [i])
        self.assertEqual(list(far.iterdir()), [])
        self.probe.end()

    def test_one_second_to_another_file_system(self):
        self.check_one_second(self.far(), False)

    def test_one_second_to_another_file_system_that_is_away(self):
        self.check_one_second(self.far() / 'trash', True)

    def test_one_second_to_another_folder(self):
        (self.folder / 'trash').mkdir()
        self.check_one_second(self.folder / 'trash', False)

    def test_one_second_to_another_folder_that_is_away(self):
        (self.folder / 'trash').mkdir()
        self.check_one_second(self.folder / 'trash', True)

    def test_what_is_not_the_same_is_no_copy(self):
        far = self.far()
        self.start(trash=far)
        self.send('h', 1)
        entry = self.probe.ask('delete', 'h')['entry']
        # half of it is far, as a kill between copying back and removing there may leave it
        shutil.copytree(far / entry, self.root / '.trash' / entry)
        (far / entry / 'files/cpu/user.wsp').unlink()
        self.probe.ask('recover')
        self.assertEqual(list((self.root / '.trash').iterdir()), [])
        self.probe.ask('restore', 'h')
        self.assertEqual(self.values('h'), [1])
        # the whole of it: near is the copy
        entry = self.probe.ask('delete', 'h')['entry']
        shutil.copytree(far / entry, self.root / '.trash' / entry)
        self.probe.ask('recover')
        self.assertEqual([p.name for p in far.iterdir()], [entry])
        self.assertEqual(list((self.root / '.trash').iterdir()), [])
        self.probe.end()

    # ---- whose folder it is

    def test_a_shared_folder_is_left_alone(self):
        self.start()
        self.send('h', 1, ('cpu', 'disk'))
        path = self.records.hash('WSP_PATH')['h']
        entry = self.probe.ask('delete', 'h/disk')['entry']
        self.records.set_field('WSP_PATH', 'other', path)
        for what in (('delete', 'h'), ('delete', 'h/cpu'), ('delete', 'h/cpu/user'), ('restore', entry)):
            with self.assertRaisesRegex(Refused, 'also that of host other: not touched', msg=what):
                self.probe.ask(*what)
        self.records.delete_field('WSP_PATH', 'other')
        self.assertEqual([e['entry'] for e in self.probe.ask('restore')['trash']], [entry])
        self.assertEqual(self.values('h'), [1])
        self.probe.ask('restore', entry)
        # nor does it go where another is by now, around it or in it
        entry = self.probe.ask('delete', 'h')['entry']
        for other in (path, path + '/sub', os.path.dirname(path)):
            self.records.set_field('WSP_PATH', 'other', other)
            with self.assertRaisesRegex(Refused, 'also that of host other: not touched', msg=other):
                self.probe.ask('restore', 'h')
            self.assertFalse(Path(path).exists())
        self.records.delete_field('WSP_PATH', 'other')
        self.probe.ask('restore', 'h')
        self.assertEqual((self.values('h'), self.values('h', 'disk')), ([1], [1]))
        self.probe.end()

    # ---- what was cut short

    def test_an_info_without_files_is_not_lost(self):
        self.start()
        self.send('h', 1)
        self.records.set_field('INFOS@h', 'bare', '{"Plugin": "bare"}')
        self.set_trigger("INSERT ON hash WHEN NEW.key = 'DELETED_PLUGINS'")
        with self.assertRaises(Refused):
            self.probe.ask('delete', 'h/bare')
        self.drop_trigger()
        # killed behind the transaction
        self.records.delete_field('INFOS@h', 'bare')
        self.records.set_field('DELETED_PLUGINS', 'h@bare', 'p')
        document = json.loads(next((self.root / '.trash').glob('*/entry.json')).read_text())
        self.assertEqual((document['plugin'], len(document['metadata'])), ('bare', 1))
        self.probe.ask('recover')
        self.assertEqual(self.records.hash('INFOS@h')['bare'], '{"Plugin": "bare"}')
        self.assertEqual(self.records.hash('DELETED_PLUGINS'), {})
        self.assertEqual(self.probe.ask('restore')['trash'], [])
        self.probe.end()

    def check_back(self, host, is_back):
        """An entry as a kill leaves it behind taking the files."""
        self.start()
        self.send(host, 1)
        self.probe.ask('flush')
        entry, folder = self.root / '.trash/20260101T000000Z-1', Path(self.records.hash('WSP_PATH')[host])
        entry.mkdir(parents=True)
        folder.rename(entry / 'files')
        (entry / 'entry.json').write_text(json.dumps({
            'version': 1, 'kind': 'host', 'host': host, 'plugin': None, 'ds': None, 'why': 'w',
            'folder': str(folder.relative_to(self.root)), 'time': self.now,
            'metadata': [{'key': key, 'field': host, 'value': self.records.hash(key)[host]}
                         for key in ('HOSTS', 'HOST_ID', 'WSP_PATH')]}))
        self.at(self.now + 3 * DAY)
        if is_back:
            self.send(host, 2)
        self.probe.end()  # all is in files, and nothing has been heard since the next start
        self.now += 60
        self.start()
        self.probe.ask('recover')
        self.assertEqual(host in self.probe.ask('hosts'), is_back)
        self.assertEqual([e['state'] for e in self.probe.ask('restore')['trash']], ['whole'])
        if is_back:
            self.assertEqual(self.values(host), [2])
        self.probe.end()
        shutil.rmtree(self.root / '.trash')

    def test_a_host_that_went_on_sending_is_back(self):
        self.check_back('lives', True)
        self.check_back('dead', False)
        self.assertEqual(set(self.records.hash('DELETED_HOSTS')), {'dead'})

    def test_what_failed_is_tried_again(self):
        self.start()
        self.send('h', 1)
        self.assertTrue(self.probe.ask('stats')['unfinished'])  # nobody has looked since the start
        self.probe.ask('recover')
        self.assertFalse(self.probe.ask('stats')['unfinished'])
        for trigger, action in (("INSERT ON hash WHEN NEW.key = 'DELETED_HOSTS'", ('delete', 'h')),
                                ("INSERT ON hash WHEN NEW.field = 'k'", ('rename', 'h', 'k'))):
            self.set_trigger(trigger)
            with self.assertRaises(Refused):
                self.probe.ask(*action)
            self.assertTrue(self.probe.ask('stats')['unfinished'], action)
            with self.assertRaises(Refused):
                self.probe.ask('recover')
            self.assertTrue(self.probe.ask('stats')['unfinished'], action)
            self.drop_trigger()
            self.probe.ask('recover')
            self.assertFalse(self.probe.ask('stats')['unfinished'], action)
            if action[0] == 'delete':
                self.assertEqual(self.probe.ask('hosts'), {})
                self.probe.ask('restore', 'h')
        self.assertEqual((list(self.probe.ask('hosts')), self.values('k')), (['k'], [1]))
        self.probe.end()

    # ---- one odd host

    def test_one_odd_host_keeps_no_other_from_being_cleaned(self):
        if not os.environ.get('NUMETER_FAULTFS'):
            self.skipTest('NUMETER_FAULTFS does not name the library')
        faults = FaultFs(self.folder / 'faults')
        self.start(environment=faults.environment(os.environ['UPKEEP_PROBE']))
        for host in 'abc':
            self.send(host, 1)
        self.probe.end()
        self.now = T0 + 120 * DAY
        self.start(environment=faults.environment(os.environ['UPKEEP_PROBE']))
        folder = {h: Path(p) for h, p in self.records.hash('WSP_PATH').items()}
        # another file system is mounted in it
        def mount():
            entry = time.strftime('%Y%m%dT%H%M%SZ-1', time.gmtime(self.now))
            faults.arm(faultfs.RENAME, faultfs.FAIL, self.root / '.trash' / entry / 'files', error=errno.EXDEV)

        mount()
        with self.assertRaisesRegex(Refused, 'another file system'):
            self.probe.ask('delete', 'b')
        self.assertEqual(self.probe.ask('restore')['trash'], [])
        self.at(self.now + 101 * DAY)
        self.assertEqual([h['host'] for h in self.probe.ask('clean')['hosts']], ['a', 'b', 'c'])  # noted first
        # it cannot be read
        faults.arm(faultfs.OPEN, faultfs.FAIL, folder['a'] / 'cpu', error=errno.EIO, all_from_nth=True, rule=1)
        mount()
        answer = self.probe.ask('clean')
        self.assertEqual([f['host'] for f in answer['failed']], ['a', 'b'], answer)
        self.assertEqual([h['host'] for h in answer['hosts']], ['c'])
        self.assertFalse(folder['c'].exists())
        faults.disarm()
        faults.disarm(1)
        self.assertEqual([h['host'] for h in self.probe.ask('clean')['hosts']], ['a', 'b'])
        # and back again
        faults.arm(faultfs.RENAME, faultfs.FAIL, folder['c'], error=errno.EXDEV)
        with self.assertRaisesRegex(Refused, 'refused: c: another file system'):
            self.probe.ask('restore', 'c')
        faults.disarm()
        self.assertEqual(self.probe.ask('restore', 'c')['files'], 1)
        self.probe.end()


class WhileOthersWork(ServersCase):
    """Hosts send, readers read, while the same hosts are deleted, restored, renamed and cleaned."""

    def test_all_at_once(self):
        daemon = Daemon(self.folder, http_ingest='true', wsp_delete='true')
        self.addCleanup(daemon.end)
        daemon.start()
        now, end, failures = int(time.time()) // 60 * 60 - 3600, threading.Event(), []

        def message(host, i):
            return {'hostid': host, 'type': 'data', 'plugin': 'p',
                    'message': {'TimeStamp': now + i % 60 * 60, 'Values': {'a': i, 'b': 1}}}

        def run(what):
            try:
                i = 0
                while not end.is_set():
                    what(i)
                    i += 1
            except Exception as why:  # told below
                failures.append(repr(why))

        def send(i):
            status, _, answer = daemon.post([message('h%d' % k, i) for k in range(4)])
            assert (status, answer['accepted']) == (200, 4), (status, answer)

        def read(i):
            for path, more in (('hosts', {}), ('list', {'host': 'h1'}), ('last-seen', {}), ('categories', {}),
                               ('data', {'host': 'h1', 'plugin': 'p', 'ds': 'a,b', 'res': 'Daily'})):
                status = daemon.get(path, **more)[0]
                assert status in (200, 404), (path, status)

        threads = [threading.Thread(target=run, args=(what,)) for what in (send, send, read)]
        for t in threads:
            t.start()
        try:
            for i in range(6):
                host = 'h%d' % (i % 2)
                deleted = daemon.control('delete', what=host)
                assert 'error' not in deleted or deleted['rc'] == 'absent', deleted
                wait_until(lambda: host in daemon.get('hosts')[2], 10, 'it is back by sending')
                if 'error' not in deleted:
                    restored = daemon.control('restore', what=host)
                    assert 'error' not in restored, restored
                assert 'error' not in daemon.control('clean'), 'clean'
                renamed = daemon.control('rename', host='h3', new='renamed-%d' % i)
                assert 'error' not in renamed or renamed['rc'] == 'absent', renamed
        finally:
            end.set()
            for t in threads:
                t.join()
        self.assertEqual(failures, [])
        send(7)
        hosts = set(daemon.get('hosts')[2])
        self.assertLessEqual({'h0', 'h1', 'h2', 'h3'}, hosts)
        self.assertEqual(daemon.control('restore')['trash'], [])
        self.assertEqual(daemon.data('h0', 'p', ['b'])['b'][now + 7 * 60], 1)
        daemon.stop()


if __name__ == '__main__':
    main()

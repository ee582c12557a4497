#!/usr/bin/python3
"""numeterctl verify: a tree with every kind of damage, found and repaired, with the daemon running and stopped."""
import json
import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import wsp_file  # noqa: E402
from support.case import main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.fast import FastCase  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

ARCHIVES = [(60, 60), (300, 48), (600, 60)]
SPELLED = '60:60, 300:48, 600:60'
HEADER = 16 + 12 * 3


def points(now):
    return [{t: float(t % 9973 + step) for t in range(now - now % step - (n - 1) * step, now + 1, step)}
            for step, n in ARCHIVES]


def slot(archive, index):
    return HEADER + 12 * (sum(n for _, n in ARCHIVES[:archive]) + index)


def put(content, archive, index, t, value=1.0):
    at = slot(archive, index)
    return content[:at] + struct.pack('>Id', t, value) + content[at + 12:]


class Verify(FastCase):
    def run_ctl(self, daemon, *args):
        done = subprocess.run([os.environ['NUMETERCTL'], '-c', str(daemon.config_path), *map(str, args)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW)
        self.assertNotRegex(done.stderr, 'Sanitizer|runtime error')
        return done.returncode, done.stdout, done.stderr

    def verify(self, daemon, *args):
        code, out, err = self.run_ctl(daemon, '--json', 'verify', *args)
        self.assertEqual(err, '')
        lines = [json.loads(line) for line in out.splitlines()]
        return code, lines[:-1], lines[-1]

    def damage_all(self, folder, now):
        """One file for each kind: {name: (content, finding, how many points are lost, or None: nothing is saved)}."""
        good = wsp_file.build(ARCHIVES, points(now))
        n = len(good)
        t7 = now - now % 60 - 52 * 60  # of slot 7 of the finest
        t7_300 = now - now % 300 - 40 * 300
        kinds = {
            'good': (good, None, 0),
            'empty': (b'', 'header', None),
            'stub': (good[:30], 'header', None),
            'noise': (os.urandom(n), 'header', None),
            'odd_noise': (os.urandom(1000), 'header', None),
            'aggregation': (struct.pack('>I', 77) + good[4:], 'header', 0),
            'longest': (good[:4] + b'\0\0\0\1' + good[8:], 'header', 0),
            'xff': (good[:8] + struct.pack('>f', -3) + good[12:], 'header', 0),
            'count': (good[:12] + b'\0\0\0\2' + good[16:], 'header', 0),
            'offset': (good[:28] + b'\0\0\0\0' + good[32:], 'header', 0),
            'step': (good[:32] + b'\0\0\0\0' + good[36:], 'header', 0),
            'order': (good[:16] + good[28:40] + good[16:28] + good[40:], 'header', 0),
            'zero_header': (bytes(HEADER) + good[HEADER:], 'header', 0),
            'header_and_short': (b'\xff' * 16 + good[16:-12], 'header', None),
            'short': (good[:slot(2, 10)], 'short', 50),
            'torn_slot': (good[:slot(2, 59) + 5], 'short', 1),
            'short_by_all': (good[:HEADER], 'short', sum(k for _, k in ARCHIVES)),
            'long': (good + b'garbage', 'long', 0),
            'off_step': (put(good, 0, 7, t7 + 1), 'time', 1),
            'elsewhere': (put(good, 0, 7, t7 - 60), 'place', 1),
            'future': (put(good, 1, 7, t7_300 + 1000 * 48 * 300), 'future', 1),
            'nan': (put(good, 0, 7, t7, float('nan')), 'nan', 1),
            'no_base': (put(good, 0, 0, 0), 'base', 1),
            'wrong_base': (put(good, 0, 0, now - now % 60 - 30 * 60), 'base', 1),
            'many': (put(put(put(good, 0, 7, 1), 0, 8, 2), 1, 9, 0xffffffff) + b'x', 'long', 3),
        }
        folder.mkdir(parents=True, exist_ok=True)
        for name, (content, _, _) in kinds.items():
            (folder / (name + '.wsp')).write_bytes(content)
        return kinds

    def repair_and_look(self, daemon, kinds, folder, now):
        code, findings, told = self.verify(daemon)
        self.assertEqual(code, 1)
        bad = [name for name, (_, kind, _) in kinds.items() if kind is not None]
        seen = {}
        for line in findings:
            seen.setdefault(Path(line['path']).stem, []).append(line['finding'])
        for name, (_, kind, _) in kinds.items():
            self.assertIn(kind, seen.get(name, [None]), (name, findings))
        self.assertEqual((told['files'], told['bad'], told['mended']), (len(kinds), len(bad), 0))
        for name, (content, _, _) in kinds.items():  # nothing was touched
            self.assertEqual((folder / (name + '.wsp')).read_bytes(), content)
        before = os.stat(folder / 'short.wsp')

        code, findings, told = self.verify(daemon, '--repair')
        self.assertEqual(code, 1)
        lost = [name for name, (_, _, n) in kinds.items() if n is None]
        self.assertEqual((told['bad'], told['mended'], told['set_aside'], told['not_repaired']),
                         (len(bad), len(bad) - len(lost), len(lost), 0), findings)
        done = {Path(line['path']).stem: line['repair'] for line in findings if 'repair' in line}
        wanted = points(now)
        n_points = sum(len(p) for p in wanted)
        for name, (content, kind, n_lost) in kinds.items():
            path = folder / (name + '.wsp')
            aside = daemon.wsp_path / '.quarantine' / path.relative_to(daemon.wsp_path)
            if kind is None:
                self.assertEqual(path.read_bytes(), content)
                self.assertFalse(aside.exists())
                continue
            self.assertEqual(aside.read_bytes(), content, name)
            self.assertEqual(path.exists(), n_lost is not None, name)
            if n_lost is None:
                self.assertEqual(done[name]['done'], 'set_aside')
                continue
            self.assertEqual((done[name]['done'], done[name]['header_rebuilt']), ('mended', kind == 'header'), name)
            self.assertEqual(done[name]['kept'], n_points - n_lost, name)
            self.assertEqual(done[name]['cleared'] + done[name]['missing'],
                             n_lost - (name == 'no_base'), name)
            _, _, archives, stored = wsp_file.read(path.read_bytes())
            self.assertEqual(archives, ARCHIVES, name)
            self.assertEqual(sum(len(p) for p in stored), n_points - n_lost, name)
            for had, has in zip(wanted, stored):
                self.assertEqual({t: had[t] for t in has}, has, name)
        after = os.stat(folder / 'short.wsp')
        self.assertEqual((after.st_mode, after.st_uid, int(after.st_mtime)),
                         (before.st_mode, before.st_uid, int(before.st_mtime)))
        code, findings, told = self.verify(daemon)
        self.assertEqual((code, findings, told['files']), (0, [], len(kinds) - len(lost)))

    def make_host(self, daemon, host='myhost'):
        """A host that the metadata has, so that its folder is somebody's: the folder."""
        message = {'TimeStamp': str(int(time.time())), 'Values': {'a': 1}}
        self.assertEqual(daemon.post({'hostid': host, 'type': 'data', 'plugin': 'p', 'message': message})[0], 200)
        daemon.flush()
        path, = daemon.wsp_path.glob('*/%s/p/a.wsp' % host)
        path.unlink()
        return path.parent.parent

    def test_every_kind_of_damage_while_it_runs(self):
        with Daemon(self.folder, http_ingest='true', archives=SPELLED, flush_interval_s=3600) as daemon:
            folder = self.make_host(daemon) / 'df'
            now = int(time.time())
            kinds = self.damage_all(folder, now)
            self.repair_and_look(daemon, kinds, folder, now)
            # what was mended is written on
            message = {'TimeStamp': str(now + 60), 'Values': {'short': 4711, 'no_base': 4712}}
            daemon.post({'hostid': 'myhost', 'type': 'data', 'plugin': 'df', 'message': message})
            daemon.flush()
            for ds, value in (('short', 4711.0), ('no_base', 4712.0)):
                _, _, _, stored = wsp_file.read((folder / (ds + '.wsp')).read_bytes())
                self.assertIn(value, stored[0].values())
            self.assertEqual(self.verify(daemon)[0], 0)

    def test_every_kind_of_damage_while_it_is_stopped(self):
        daemon = Daemon(self.folder, http_ingest='true', archives=SPELLED)
        with daemon:
            folder = self.make_host(daemon) / 'df'
        now = int(time.time())
        kinds = self.damage_all(folder, now)
        no_socket = Daemon(self.folder, http_ingest='true', archives=SPELLED, control_socket='')
        self.repair_and_look(daemon, kinds, folder, now)
        # one that runs and cannot be asked has the lock
        with no_socket:
            code, _, err = self.run_ctl(no_socket, 'verify', '--repair')
            self.assertEqual(code, 1)
            self.assertIn('held by another daemon, pid %d' % no_socket.process.pid, err)

    def test_folders_leftovers_and_owners(self):
        with Daemon(self.folder, http_ingest='true', archives=SPELLED) as daemon:
            folder = self.make_host(daemon)
            now = int(time.time())
            good = wsp_file.build(ARCHIVES, points(now))
            for path in (folder / 'df', daemon.wsp_path / '0c/nobodys/df'):
                path.mkdir(parents=True)
                (path / 'a.wsp').write_bytes(good)
            (folder / 'df' / '.new-4000000-1').write_bytes(b'x')  # no such process
            (folder / 'df' / ('.new-%d-1' % os.getpid())).write_bytes(b'x')
            os.rename(self.make_host(daemon, 'gone'), self.folder / 'elsewhere')
            code, findings, told = self.verify(daemon)
            self.assertEqual(code, 1)
            self.assertEqual(sorted((line['finding'], line['path'].split('/')[1]) for line in findings),
                             [('leftover', 'myhost'), ('missing', 'gone'), ('nobodys', 'nobodys')])
            self.assertEqual((told['nobodys'], told['missing'], told['leftovers'], told['bad']), (1, 1, 1, 0))
            # patterns
            self.assertEqual(self.verify(daemon, 'nobod*')[1][0]['finding'], 'nobodys')
            self.assertEqual(len(self.verify(daemon, 'nobod*', 'gone')[1]), 2)
            self.assertEqual(self.verify(daemon, 'myhost/load')[2]['files'], 0)
            self.assertEqual(self.verify(daemon, 'myhost/df/a')[2]['files'], 1)
            code, findings, told = self.verify(daemon, '--repair', 'myhost')
            self.assertEqual([line.get('repair', {}).get('done') for line in findings], [None, 'removed'])
            self.assertEqual([p.name for p in (folder / 'df').glob('.new-*')], ['.new-%d-1' % os.getpid()])
            self.assertEqual(self.verify(daemon, 'myhost')[0], 0)
            code, out, err = self.run_ctl(daemon, 'verify', '--rate', '1000')
            self.assertEqual((code, err), (1, ''))
            self.assertRegex(out, r'\n2 files, 0 with something wrong; 1 folders of nobody, 1 hosts without their '
                             r'folder, 0 leftovers\n\Z')
        self.assertIn('--rate "x"', self.run_ctl(daemon, 'verify', '--rate', 'x')[2])

    def test_what_the_daemon_may_not_write(self):
        if os.geteuid() != 0:
            self.skipTest('not root')
        daemon = Daemon(self.folder, user='nobody', group='nogroup')
        folder = daemon.wsp_path / '0c/h/df'
        folder.mkdir(parents=True)
        (folder / 'a.wsp').write_bytes(wsp_file.build(ARCHIVES, points(int(time.time()))))
        for path in (self.folder, daemon.wsp_path):
            os.chmod(path, 0o777)
        code, findings, told = self.verify(daemon, 'h')
        self.assertEqual((code, [line['finding'] for line in findings]), (1, ['nobodys', 'owner']))
        self.assertIn('mode 0644', findings[1]['detail'])

    def test_no_false_alarm_while_points_come_in(self):
        """Files that are being written all the time are never called damaged."""
        with Daemon(self.folder, http_ingest='true', archives='1:3600, 10:3600', flush_interval_s=1) as daemon:
            stop = threading.Event()

            def feed():
                t = int(time.time()) - 3000
                while not stop.is_set():
                    message = {'TimeStamp': str(t), 'Values': {'ds%d' % i: t for i in range(50)}}
                    daemon.post({'hostid': 'myhost', 'type': 'data', 'plugin': 'p', 'message': message})
                    t += 1
            thread = threading.Thread(target=feed)
            thread.start()
            try:
                wait_until(lambda: len(list(daemon.wsp_path.glob('*/*/*/*.wsp'))) == 50, 10, 'its files')
                end = time.monotonic() + 1
                while time.monotonic() < end:
                    code, findings, told = self.verify(daemon)
                    self.assertEqual((code, findings, told['files']), (0, [], 50))
            finally:
                stop.set()
                thread.join()

    def test_names_that_would_turn_a_terminal_round(self):
        daemon = Daemon(self.folder, archives=SPELLED)
        plugin = daemon.wsp_path / 'a/\u202ehost\u2028/d\u202ef'
        plugin.mkdir(parents=True)
        (plugin / 'x\u202e.wsp').write_bytes(b'none')
        (plugin / '.new-4000000-\x1b[2J').write_bytes(b'')
        code, out, err = self.run_ctl(daemon, 'verify')
        self.assertEqual((code, err), (1, ''))
        self.assertRegex(out, r'(?m)^a/\\u202ehost\\u2028/d\\u202ef/x\\u202e\.wsp: header: ')
        self.assertRegex(out, r'(?m)^a/.*/\.new-4000000-\\x1b\[2J: leftover: ')
        self.assertNotRegex(out, '[\u202e\u2028\x1b]')
        code, out, err = self.run_ctl(daemon, 'backup', self.folder / 'backup')
        self.assertEqual((code, err), (0, ''))
        code, out, err = self.run_ctl(daemon, 'backup', '--verify', self.folder / 'backup')
        self.assertEqual((code, err), (1, ''))
        self.assertRegex(out, r'(?m)x\\u202e\.wsp: header: ')
        self.assertNotRegex(out, '[\u202e\u2028]')


if __name__ == '__main__':
    main()

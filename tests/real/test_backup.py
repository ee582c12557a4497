#!/usr/bin/python3
"""numeterctl backup and restore-backup: a copy while points come in, read back by a fresh daemon."""
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.fast import FastCase  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

ARCHIVES = '60:1440, 300:600, 3600:100'


class Feed(threading.Thread):
    """Posts minutes of several hosts as fast as they are taken; `sent` holds what was accepted."""

    def __init__(self, daemon, hosts=4, n_ds=20):
        super().__init__()
        self.daemon_, self.hosts, self.n_ds = daemon, hosts, n_ds
        self.begin = int(time.time()) // 60 * 60 - 1400 * 60
        self.lock = threading.Lock()
        self.sent = {}  # (host, ds) → {time: value}
        self.stop = threading.Event()
        self.error = None
        self.n = 0

    def run(self):
        try:
            while not self.stop.is_set() and self.n < 1390:
                t = self.begin + 60 * self.n
                for h in range(self.hosts):
                    values = {'ds%d' % i: float(self.n * 100 + i + h) for i in range(self.n_ds)}
                    status, _, reply = self.daemon_.post({
                        'hostid': 'host "%d" é' % h, 'type': 'data', 'plugin': 'df',
                        'message': {'TimeStamp': str(t), 'Values': values}})
                    assert (status, reply['accepted']) == (200, 1), reply
                    with self.lock:
                        for ds, v in values.items():
                            self.sent.setdefault(('host "%d" é' % h, ds), {})[t] = v
                self.n += 1
        except BaseException as e:
            self.error = e

    def accepted(self):
        with self.lock:
            return {key: dict(points) for key, points in self.sent.items()}

    def run_from(self, n):
        """In this thread: the minutes from n on."""
        self.n = n
        self.run()
        if self.error is not None:
            raise self.error

    def end(self):
        self.stop.set()
        self.join()
        if self.error is not None:
            raise self.error


class Backup(FastCase):
    def run_ctl(self, daemon, *args):
        done = subprocess.run([os.environ['NUMETERCTL'], '-c', str(daemon.config_path), *map(str, args)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW)
        self.assertNotRegex(done.stderr, 'Sanitizer|runtime error')
        return done.returncode, done.stdout, done.stderr

    def told(self, daemon, *args, code=0):
        status, out, err = self.run_ctl(daemon, '--json', *args)
        self.assertEqual((status, err), (code, ''), out)
        return json.loads(out.splitlines()[-1])

    def check_read_back(self, daemon, sent):
        """Every point, by the REST API of the daemon."""
        for host in {h for h, _ in sent}:
            first = min(min(p) for (h, _), p in sent.items() if h == host)
            names = [ds for h, ds in sent if h == host]
            status, _, reply = daemon.get('data', host=host, plugin='df', ds=','.join(names), from_=first - 60,
                                          until=first + 86400)
            self.assertEqual((status, reply['TS_step']), (200, 60))
            for ds in names:
                values = reply['DATAS'][ds]
                for t, v in sent[host, ds].items():
                    self.assertEqual(values[(t - reply['TS_start']) // 60], v, (host, ds, t))

    def metadata(self, path):
        with sqlite3.connect('file:%s?mode=ro' % path, uri=True) as db:
            return (sorted(db.execute('SELECT key, field, value FROM hash'), key=repr),
                    sorted(db.execute('SELECT key, value FROM string')))

    def test_a_backup_while_points_come_in_at_speed(self):
        target = self.folder / 'backup'
        (self.folder / 'one').mkdir()
        with Daemon(self.folder / 'one', http_ingest='true', archives=ARCHIVES, coarse_delay_s=3600) as daemon:
            feed = Feed(daemon)
            feed.start()
            try:
                wait_until(lambda: feed.n > 20, 10, 'points')
                daemon.post({'hostid': 'host "0" é', 'type': 'info',
                             'message': {'Plugin': 'MyInfo', 'Name': 'x' * 5000, 'ID': 'host "0" é'}})
                before = feed.accepted()
                told = self.told(daemon, 'backup', '--rate', 200, target)
                self.assertEqual((told['failed'], told['copied'], told['current']), (0, 80, 0))
                n_meanwhile = len(feed.accepted()['host "3" é', 'ds0']) - len(before['host "3" é', 'ds0'])
                self.assertEqual(self.told(daemon, 'backup', '--verify', target)['found'], 0)
                # once more, into the same folder, then nothing has changed
                middle = feed.accepted()
                self.told(daemon, 'backup', target)
            finally:
                feed.end()
            self.assertGreater(n_meanwhile, 0)
            told = self.told(daemon, 'backup', target)
            all_of_it = feed.accepted()
            self.assertEqual(told['copied'] + told['current'], 80)
            told = self.told(daemon, 'backup', target)
            self.assertEqual((told['copied'], told['current']), (0, 80))
        self.assertGreater(len(middle['host "0" é', 'ds0']), 20)
        # a fresh daemon elsewhere, running
        (self.folder / 'two').mkdir()
        with Daemon(self.folder / 'two', http_ingest='true', archives=ARCHIVES,
                    wsp_path=self.folder / 'two/other/place') as fresh:
            told = self.told(fresh, 'restore-backup', target)
            self.assertEqual((told['put'], told['kept'], told['failed']), (80, 0, 0))
            self.check_read_back(fresh, all_of_it)
            self.assertEqual(self.told(fresh, 'verify')['bad'], 0)
            self.assertIn('x' * 5000, json.dumps(fresh.get('hinfo', host='host "0" é')[2]))
            told = self.told(fresh, 'restore-backup', target)
            self.assertEqual((told['put'], told['kept'], told['failed']), (0, 80, 0))
            # the host goes on in the same files
            feed = Feed(fresh, hosts=1, n_ds=1)
            feed.run_from(1389)
            fresh.flush()
            self.assertEqual(len(list(fresh.wsp_path.glob('*/*/df/ds0.wsp'))), 4)
        # and one that is stopped, from the same backup: the journal is not needed
        (self.folder / 'three').mkdir()
        third = Daemon(self.folder / 'three', archives=ARCHIVES)
        self.assertEqual(self.told(third, 'restore-backup', target)['put'], 80)
        with third:
            self.check_read_back(third, all_of_it)

    def test_points_that_were_accepted_before_are_in_it(self):
        """The first backup alone, taken while points come in, restored."""
        target = self.folder / 'backup'
        (self.folder / 'one').mkdir()
        for args in ((), ('--through-daemon',)):
            shutil.rmtree(self.folder / 'one')
            (self.folder / 'one').mkdir()
            shutil.rmtree(target, True)
            with Daemon(self.folder / 'one', http_ingest='true', archives=ARCHIVES, flush_interval_s=1) as daemon:
                feed = Feed(daemon, hosts=3, n_ds=10)
                feed.start()
                try:
                    wait_until(lambda: feed.n > 20, 10, 'points')
                    before = feed.accepted()
                    told = self.told(daemon, 'backup', target, *args)
                    self.assertEqual(told['through_daemon'], 30 if args else told['through_daemon'])
                finally:
                    feed.end()
            shutil.rmtree(self.folder / 'two', True)
            (self.folder / 'two').mkdir()
            with Daemon(self.folder / 'two', archives=ARCHIVES) as fresh:
                self.told(fresh, 'restore-backup', target)
                self.check_read_back(fresh, before)

    def test_a_stopped_daemon_s_journal_is_in_it(self):
        """Points that only the journal has, as after kill -9."""
        (self.folder / 'one').mkdir()
        daemon = Daemon(self.folder / 'one', http_ingest='true', archives=ARCHIVES, flush_interval_s=86400).start()
        feed = Feed(daemon, hosts=1, n_ds=5)
        feed.run_from(1300)
        daemon.kill9()
        self.assertEqual(list(daemon.wsp_path.glob('*/*/*/*.wsp')), [])
        self.assertEqual(self.told(daemon, 'backup', self.folder / 'backup')['copied'], 5)
        (self.folder / 'two').mkdir()
        with Daemon(self.folder / 'two', archives=ARCHIVES) as fresh:
            self.told(fresh, 'restore-backup', self.folder / 'backup')
            self.check_read_back(fresh, feed.accepted())

    def test_metadata_of_any_bytes_is_the_same_afterwards(self):
        (self.folder / 'one').mkdir()
        daemon = Daemon(self.folder / 'one', http_ingest='true', archives=ARCHIVES)
        with daemon:
            feed = Feed(daemon, hosts=2, n_ds=1)
            feed.run_from(1385)
        db = sqlite3.connect(self.folder / 'one/metadata.sqlite')
        rows = [('DELETED_HOSTS', 'old', '/srv/x'), ('DELETED_PLUGINS', 'old@df', '/srv/y'),
                ('INFOS@host "0" é', 'raw', b'\xff\x00\xfe'), ('INFOS@host "0" é', b'\xf0\x01', b'\x00'),
                ('INFOS@host "0" é', 'long', '{"x": "%s"}' % ('é"\\' * 150000))]
        rows += [('INFOS@host "1" é', 'plugin%d' % i, 'x' * 5000) for i in range(2000)]
        db.executemany('INSERT INTO hash VALUES (?, ?, ?)', rows)
        db.execute("INSERT INTO string VALUES ('OLD_WSP', '[\"/srv/a.wsp\"]'), ('LAST_WSP_CLEAN', '1400000000')")
        db.commit()
        db.close()
        with daemon:
            told = self.told(daemon, 'backup', self.folder / 'backup')
        hashes, strings = self.metadata(self.folder / 'one/metadata.sqlite')
        self.assertEqual(told['metadata'], len(hashes) + len(strings))
        (self.folder / 'two').mkdir()
        with Daemon(self.folder / 'two', wsp_path=self.folder / 'one/wsps2') as fresh:
            self.told(fresh, 'restore-backup', self.folder / 'backup')
        new_hashes, new_strings = self.metadata(self.folder / 'two/metadata.sqlite')
        moved = [(k, f, v.replace('/one/wsps/', '/one/wsps2/') if k == 'WSP_PATH' else v) for k, f, v in hashes]
        self.assertEqual((new_hashes, new_strings), (moved, strings))

    def test_a_host_that_moves_past_the_walk_is_in_it(self):
        """Renamed while files are walked in order: from a folder that was not looked at yet to one that was."""
        target = self.folder / 'backup'
        (self.folder / 'one').mkdir()
        with Daemon(self.folder / 'one', http_ingest='true', archives=ARCHIVES) as daemon:
            feed = Feed(daemon, hosts=4, n_ds=4)
            feed.run_from(1380)
            daemon.flush()
            md5 = lambda name: hashlib.md5(name.encode()).hexdigest()  # noqa: E731
            names = sorted(('host "%d" é' % i for i in range(4)), key=md5)
            new = next(n for n in ('new%d' % i for i in range(10000)) if md5(n) < md5(names[0]))
            backup = subprocess.Popen([os.environ['NUMETERCTL'], '-c', str(daemon.config_path), '--json', 'backup',
                                       '--rate', '8', str(target)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            wait_until(lambda: list(target.glob('wsps/*/*/df/*.wsp')), 20, 'a first file')
            code, _, err = self.run_ctl(daemon, 'rename', names[-1], new)
            self.assertEqual((code, err), (0, ''))
            out, err = backup.communicate(timeout=60 * SLOW)
            self.assertEqual((backup.returncode, err), (0, ''))
            self.assertEqual(json.loads(out)['failed'], 0)
            self.assertEqual(self.told(daemon, 'backup', '--verify', target)['found'], 0)
        (self.folder / 'two').mkdir()
        with Daemon(self.folder / 'two', archives=ARCHIVES) as fresh:
            self.told(fresh, 'restore-backup', target)
            self.check_read_back(fresh, {(new if host == names[-1] else host, ds): points
                                         for (host, ds), points in feed.accepted().items()})

    def test_a_folder_that_is_another_host_s_now(self):
        mine, other = 'host "0" é', 'host "1" é'
        (self.folder / 'one').mkdir()
        with Daemon(self.folder / 'one', http_ingest='true', archives=ARCHIVES) as daemon:
            feed = Feed(daemon, hosts=2, n_ds=2)
            feed.run_from(1385)
            self.told(daemon, 'backup', self.folder / 'backup')
            folder = daemon.control('describe', host=mine)['folder']
        (self.folder / 'two').mkdir()
        fresh = Daemon(self.folder / 'two', http_ingest='true', archives=ARCHIVES)
        with fresh:
            fresh.post({'hostid': 'squatter', 'type': 'data', 'plugin': 'df',
                        'message': {'TimeStamp': str(int(time.time())), 'Values': {'ds1': 7}}})
        with sqlite3.connect(self.folder / 'two/metadata.sqlite') as db:
            db.execute("UPDATE hash SET value = ? WHERE key = 'WSP_PATH'", (str(fresh.wsp_path / folder),))
        with fresh:
            code, out, err = self.run_ctl(fresh, '--json', 'restore-backup', self.folder / 'backup')
            self.assertEqual((code, err), (1, 'numeterctl: %s: its folder %s is that of squatter here: its files are '
                                              'left out\n' % (mine, fresh.wsp_path / folder)))
            told = json.loads(out)
            self.assertEqual((told['put'], told['kept'], told['failed']), (2, 0, 3))  # the host, and its files
            self.assertFalse((fresh.wsp_path / folder / 'df/ds0.wsp').exists())
            self.check_read_back(fresh, {key: points for key, points in feed.accepted().items() if key[0] == other})

    def test_another_tree_than_the_daemon_s_is_not_touched(self):
        """wsp_path was changed in the file, and the daemon still runs with the old one."""
        (self.folder / 'one').mkdir()
        with Daemon(self.folder / 'one', http_ingest='true', archives=ARCHIVES) as daemon:
            feed = Feed(daemon, hosts=1, n_ds=1)
            feed.run_from(1385)
            self.told(daemon, 'backup', self.folder / 'good')
            tar = self.folder / 'host.tar'
            self.assertEqual(self.run_ctl(daemon, 'export', 'host "0" é', tar)[0], 0)
            daemon.keys['wsp_path'] = other = self.folder / 'other'
            other.mkdir()
            daemon.write_config()
            for args in (('backup', self.folder / 'bad'), ('verify',), ('verify', '--repair'), ('resize', '*', '60:10'),
                         ('restore-backup', self.folder / 'good'), ('import', 'host', tar),
                         ('export', 'host "0" é', self.folder / 'bad.tar')):
                code, out, err = self.run_ctl(daemon, *args)
                self.assertEqual((code, out), (2, ''), args)
                self.assertRegex(err, r'\Anumeterctl: wsp_path is %s in .* %s: restart it' % (other, daemon.wsp_path))
            self.assertEqual((list(other.iterdir()), (self.folder / 'bad').exists(), (self.folder / 'bad.tar').exists()),
                             ([], False, False))
            # the same one by another name
            other.rmdir()
            other.symlink_to(daemon.wsp_path)
            self.assertEqual(self.told(daemon, 'verify')['bad'], 0)

    def test_what_is_gone_what_is_broken_off_and_what_is_damaged(self):
        target = self.folder / 'backup'
        (self.folder / 'one').mkdir()
        with Daemon(self.folder / 'one', http_ingest='true', archives=ARCHIVES) as daemon:
            feed = Feed(daemon, hosts=2, n_ds=3)
            feed.run_from(1380)
            self.told(daemon, 'backup', target)
            shutil.copytree(target, self.folder / 'copy')
            gone, = daemon.wsp_path.glob('*/host0é/df/ds1.wsp')
            name = gone.relative_to(daemon.wsp_path)
            content = gone.read_bytes()
            gone.unlink()
            self.told(daemon, 'backup', target)
            self.assertEqual((target / 'wsps' / name).read_bytes(), content)
            self.assertEqual(self.told(daemon, 'backup', '--delete', target)['removed'], 1)
            self.assertFalse((target / 'wsps' / name).exists())
            self.assertEqual((target / 'removed' / name).read_bytes(), content)
            self.assertEqual(self.told(daemon, 'backup', '--verify', target)['files'], 5)
            # broken off
            (target / '.partial').touch()
            for args in (('backup', '--verify', target), ('restore-backup', target)):
                code, out, err = self.run_ctl(daemon, *args)
                self.assertEqual((code, out), (1 if args[0] == 'backup' else 2, ''))
                self.assertIn('not finished', err)
            self.told(daemon, 'backup', target)
            self.assertFalse((target / '.partial').exists())
            # what happens to a backup on a bad disk
            copy = self.folder / 'copy'
            some = next((copy / 'wsps').glob('*/*/df/ds0.wsp'))
            for harm, finding in ((lambda: os.truncate(some, 1000), 'short'), (some.unlink, 'count'),
                                  (lambda: (copy / 'metadata.jsonl').write_text('{"key": "HOS'), 'damaged')):
                harm()
                code, out, err = self.run_ctl(daemon, '--json', 'backup', '--verify', copy)
                self.assertEqual((code, err), (1, ''))
                self.assertIn(finding, [json.loads(line).get('finding') for line in out.splitlines()])
            for name in ('manifest.json', 'wsps'):
                path = copy / name
                path.unlink() if path.is_file() else shutil.rmtree(path)
                self.assertNotEqual(self.run_ctl(daemon, 'backup', '--verify', copy)[0], 0)
        self.assertEqual(self.run_ctl(daemon, 'backup', '--verify', self.folder / 'none')[0], 2)
        self.assertEqual(self.run_ctl(daemon, 'backup', '/proc/none/x')[0], 2)


if __name__ == '__main__':
    main()

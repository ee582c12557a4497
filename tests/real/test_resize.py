#!/usr/bin/python3
"""numeterctl resize: other archives for many files, broken off at any moment, while points come in."""
import json
import os
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

try:
    import whisper
except ImportError:
    whisper = None

LONG = os.environ.get('NUMETER_LONG') == '1'
N_FILES = 10000 if LONG else 2000
OLD = [(60, 120), (300, 60)]
NEW = [(60, 240), (300, 50), (900, 50)]


def spell(archives):
    return ', '.join('%d:%d' % a for a in archives)


class Tree:
    """Many files of the archives OLD, each with values of its own, some slots empty."""

    def __init__(self, root, n_files, now, n_hosts=8):
        self.root, self.now, self.n_hosts = root, now, n_hosts
        self.files = {}
        for i in range(n_files):
            name = '%02d/host%d/plugin%d/ds%d.wsp' % (i % n_hosts, i % n_hosts, i // n_hosts % 10, i)
            self.files[name] = i
        for folder in {Path(name).parent for name in self.files}:
            (root / folder).mkdir(parents=True)
        self.times = []
        for step, n in OLD:
            end = now - now % step
            self.times.append([end - k * step for k in range(n - 1, -1, -1) if k % 11 != 3])
        for name, i in self.files.items():
            (root / name).write_bytes(wsp_file.build(OLD, self.points(i)))

    def points(self, i):
        return [{t: float(i * 1000 + t % 100000 // 60 + a) for t in times} for a, times in enumerate(self.times)]

    def count(self, archives):
        return sum(os.stat(self.root / name).st_size == wsp_file.size(archives) for name in self.files)

    def check(self, case):
        """Every point of every file, by rules that stand here a second time."""
        plan = wsp_file.plan(OLD, self.times, NEW, max(max(t) for t in self.times))
        for name, i in self.files.items():
            content = (self.root / name).read_bytes()
            aggregation, xff, archives, points = wsp_file.read(content)
            case.assertEqual((aggregation, xff, archives), (1, 0.5, NEW), name)
            old = self.points(i)
            case.assertEqual(points, wsp_file.follow(plan, old), name)
            if i % 500 == 0 and whisper is not None:
                self.check_with_whisper(case, name, old)

    def check_with_whisper(self, case, name, old):
        """As Graphite reads it."""
        now = int(time.time())
        (start, end, step), values = whisper.fetch(str(self.root / name), self.now - 100 * 60, now, now)
        case.assertEqual(step, 60)
        read = {t: v for t, v in zip(range(start, end, step), values) if v is not None}
        wanted = {t: v for t, v in old[0].items() if start <= t < end}
        case.assertGreater(len(wanted), 80)
        case.assertEqual({t: v for t, v in read.items() if t in wanted}, wanted)


class Resize(FastCase):
    def ctl(self, daemon, *args):
        return [os.environ['NUMETERCTL'], '-c', str(daemon.config_path), *map(str, args)]

    def run_ctl(self, daemon, *args):
        done = subprocess.run(self.ctl(daemon, *args), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120 * SLOW)
        self.assertNotRegex(done.stderr, 'Sanitizer|runtime error')
        return done.returncode, done.stdout, done.stderr

    def leftovers(self, daemon):
        return [p for p in daemon.wsp_path.rglob('.new-*')]

    def start_resize(self, daemon, n_lines):
        """Run it until it has told of n_lines files; it still runs then."""
        process = subprocess.Popen(self.ctl(daemon, '--json', 'resize', '*', spell(NEW)), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(n_lines):
            line = process.stdout.readline()
            if not line:
                self.fail('it ended early: ' + process.stderr.read())
            self.assertEqual(json.loads(line)['done'], 'resized', line)
        return process

    def end_process(self, process):
        process.kill()
        process.stdout.read()
        process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        return process.wait()

    def test_killed_again_and_again(self):
        """10,000 files; numeterctl and the daemon are killed in the middle, in turn; points come in all the while."""
        now = int(time.time())
        daemon = Daemon(self.folder, http_ingest='true', archives=spell(OLD), flush_interval_s=1, coarse_delay_s=3600)
        tree = Tree(daemon.wsp_path, N_FILES, now)
        os.chmod(tree.root / '00/host0/plugin0/ds0.wsp', 0o640)
        os.utime(tree.root / '00/host0/plugin0/ds0.wsp', (1400000000, 1400000000))
        sent = {}
        with daemon:
            feed = Feed(daemon, now, sent)
            feed.start()
            try:
                wait_until(lambda: len(list(daemon.wsp_path.glob('*/live/tea/*.wsp'))) == len(sent), 10, 'its files')
                begin = time.monotonic()
                for i, victim in enumerate(('ctl', 'daemon', 'ctl', 'both')):
                    before = tree.count(NEW)
                    process = self.start_resize(daemon, N_FILES // 6)
                    if victim != 'daemon':
                        self.end_process(process)
                    if victim != 'ctl':
                        with feed.lock:
                            daemon.kill9()
                            if victim == 'daemon':
                                out = process.communicate(timeout=60 * SLOW)
                                self.assertEqual(process.returncode, 2, out[1])
                            daemon.start()
                    after = tree.count(NEW)
                    self.assertGreater(after, before)
                    self.assertLess(after, N_FILES)
                # a file without its name as one that was killed at the worst moment leaves it
                (tree.root / '00/host0/plugin0/.new-1-99').write_bytes(b'x')
                code, out, err = self.run_ctl(daemon, 'resize', '*', spell(NEW))
                self.assertEqual((code, err), (0, ''))
                took = time.monotonic() - begin
            finally:
                feed.end()
            self.assertEqual(self.leftovers(daemon), [])
            self.assertRegex(out, r'\A\d+ files resized, .* \d+ have these archives already, 0 failed\n')
            code, out, err = self.run_ctl(daemon, '--json', 'resize', '*', spell(NEW))
            told = json.loads(out)
            self.assertEqual((code, err, told['resized'], told['failed']), (0, '', 0, 0))
            self.assertEqual(told['same'], N_FILES + len(sent))
            print('%d files, four times killed, and done: %.1f s' % (N_FILES, took))
            st = os.stat(tree.root / '00/host0/plugin0/ds0.wsp')
            self.assertEqual((st.st_mode & 0o777, st.st_mtime), (0o640, 1400000000))
            tree.check(self)
            # what came in meanwhile
            daemon.flush()
            for ds, points in sent.items():
                self.assertGreater(len(points), 3)
                path, = daemon.wsp_path.glob('*/live/tea/%s.wsp' % ds)
                _, _, archives, stored = wsp_file.read(path.read_bytes())
                self.assertEqual(archives, NEW)
                self.assertEqual({t: stored[0].get(t) for t in points}, points)

    def test_without_a_daemon(self):
        now = int(time.time())
        daemon = Daemon(self.folder, archives=spell(OLD))
        tree = Tree(daemon.wsp_path, 500, now, n_hosts=3)
        with daemon:
            pass
        process = self.start_resize(daemon, 100)
        self.end_process(process)
        self.assertLess(tree.count(NEW), 500)
        # the process that had the tree's lock ends with it
        wait_until(lambda: self.run_ctl(daemon, 'resize', 'nobody', spell(NEW))[0] == 0, 10, 'the lock is free')
        before = tree.count(NEW)
        code, out, err = self.run_ctl(daemon, '--json', 'resize', 'host[012]/*', spell(NEW))
        self.assertEqual((code, err), (0, ''))
        told = json.loads(out.splitlines()[-1])
        self.assertEqual((told['resized'], told['same'], told['failed']), (500 - before, before, 0))
        tree.check(self)

    def test_a_dry_run_and_patterns(self):
        now = int(time.time())
        daemon = Daemon(self.folder, archives=spell(OLD), sections='[archives few]\nplugin = plugin1\n'
                        'archives = 60:30\nxff = 0.25\naggregation = max\n')
        tree = Tree(daemon.wsp_path, 60, now, n_hosts=2)
        before = {name: (tree.root / name).read_bytes() for name in tree.files}
        with daemon:
            code, out, err = self.run_ctl(daemon, 'resize', '--dry-run', '*', '60:60')
            self.assertEqual((code, err), (0, ''))
            self.assertRegex(out, r'\A60 files would be resized, .* before and .* after; 0 have .*\n'
                             r'\d+ of \d+ points would be cut, the newest of them of \d{4}-\d\d-\d\dT.*Z\n\Z')
            code, out, err = self.run_ctl(daemon, '--json', 'resize', '--dry-run', 'host1/plugin1', '60:60')
            lines = [json.loads(line) for line in out.splitlines()]
            mine = [n for n in tree.files if '/host1/plugin1/' in n]
            self.assertEqual([line['path'] for line in lines[:-1]], sorted(mine))
            self.assertGreater(len(mine), 0)
            i = tree.files[mine[0]]
            end = max(tree.points(i)[0])
            lost = sum(t + step <= end - 59 * 60 for (step, _), p in zip(OLD, tree.points(i)) for t in p)
            self.assertAlmostEqual(lines[0]['lost'], lost, delta=6)  # holes at the edge
            self.assertEqual(before, {name: (tree.root / name).read_bytes() for name in tree.files})

            code, out, err = self.run_ctl(daemon, 'resize', 'host1', 'configured', '--rate', '1000')
            self.assertEqual((code, err), (0, ''))
            for name in tree.files:
                aggregation, xff, archives, _ = wsp_file.read((tree.root / name).read_bytes())
                few = '/host1/plugin1/' in name
                self.assertEqual((aggregation, xff, archives),
                                 (4, 0.25, [(60, 30)]) if few else (1, 0.5, OLD), name)
            code, out, err = self.run_ctl(daemon, 'resize', 'host1/plugin1', '60:60', '--aggregation', 'last',
                                          '--xff', '1')
            self.assertEqual((code, err), (0, ''))
            self.assertEqual(wsp_file.read((tree.root / mine[0]).read_bytes())[:3], (3, 1.0, [(60, 60)]))
            # a damaged one is named and left alone
            (tree.root / mine[0]).write_bytes(before[mine[0]][:-1])
            code, out, err = self.run_ctl(daemon, 'resize', '*', '60:90')
            self.assertEqual(code, 1)
            self.assertRegex(err, r'\Anumeterctl: %s: .*\n\Z' % mine[0])
            self.assertRegex(out, ' 1 failed\n')
            self.assertEqual((tree.root / mine[0]).read_bytes(), before[mine[0]][:-1])
        for args, why in ((('x',), 'expected PATTERN ARCHIVES'), (('x', '60'), 'archive "60"'),
                          (('x', '60:10', '--xff', '2'), 'xff "2"'), (('x', '60:10', '--rate', '0'), '--rate "0"'),
                          (('x', '60:10', '--aggregation', 'avg'), 'aggregation "avg"'),
                          (('x', '60:10,90:20'), 'multiple'), (('x', '1:9000000000'), 'archive')):
            code, out, err = self.run_ctl(daemon, 'resize', *args)
            self.assertEqual((code, out), (2, ''))
            self.assertIn(why, err)

    def test_the_rate_is_kept(self):
        daemon = Daemon(self.folder, archives=spell(OLD))
        tree = Tree(daemon.wsp_path, 20, int(time.time()), n_hosts=1)
        with daemon:
            begin = time.monotonic()
            code, out, err = self.run_ctl(daemon, 'resize', '*', spell(NEW), '--rate', '25')
            self.assertEqual((code, err), (0, ''))
            self.assertGreaterEqual(time.monotonic() - begin, 0.8)
        tree.check(self)


class Feed(threading.Thread):
    """Posts points of one host, each of another minute, as fast as they are taken."""

    def __init__(self, daemon, now, sent):
        super().__init__()
        self.daemon_, self.now, self.sent = daemon, now, sent
        self.lock = threading.Lock()  # held while the daemon is away
        self.stop = threading.Event()
        self.error = None
        for ds in ('cups', 'pots', 'spoons'):
            sent[ds] = {}

    def run(self):
        try:
            for i in range(100):
                t = (self.now // 60 - 100 + i) * 60
                values = {ds: float(i * 10 + k) for k, ds in enumerate(self.sent)}
                message = {'TimeStamp': str(t), 'Values': values}
                while True:
                    with self.lock:
                        try:
                            answer = self.daemon_.post({'hostid': 'live', 'type': 'data', 'plugin': 'tea',
                                                        'message': message})
                            break
                        except OSError:
                            pass  # killed under our hands: once more
                assert answer[0] == 200 and answer[2]['accepted'] == 1, answer
                for ds, v in values.items():
                    self.sent[ds][t] = v
                if self.stop.wait(0.05):
                    return
        except BaseException as e:
            self.error = e

    def end(self):
        self.stop.set()
        self.join()
        if self.error is not None:
            raise self.error


if __name__ == '__main__':
    main()

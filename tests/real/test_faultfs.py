#!/usr/bin/python3
"""The failing disk itself, under a small program: each kind of call, each outcome, and what a power cut takes back."""
import errno
import os
import random
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import faultfs  # noqa: E402
from support.faultfs import FaultFs  # noqa: E402

PYTHON = '/usr/bin/python3'
# what each kind is tried with: d is the folder; answers what it did, or the number of its error
CALLS = {
    faultfs.WRITE: 'n = os.write(f, b"0123456789")',
    faultfs.PWRITE: 'n = os.pwrite(f, b"0123456789", 0)',
    faultfs.FSYNC: 'os.fsync(f)',
    faultfs.FDATASYNC: 'os.fdatasync(f)',
    faultfs.SYNCFS: 'n = libc.syncfs(f)\nif n: raise OSError(ctypes.get_errno(), "")',
    faultfs.CREATE: 'os.close(os.open(d + "/new", os.O_CREAT | os.O_WRONLY))',
    faultfs.FALLOCATE: 'os.posix_fallocate(f, 0, 100)',
    faultfs.LINK: 'os.link(d + "/file", d + "/link")',
    faultfs.RENAME: 'os.rename(d + "/file", d + "/renamed")',
    faultfs.TRUNCATE: 'os.ftruncate(f, 50)',
    faultfs.UNLINK: 'os.unlink(d + "/file")',
    faultfs.OPEN: 'os.close(os.open(d + "/file", os.O_RDONLY))',
    faultfs.MKDIR: 'os.mkdir(d + "/folder")',
}
FRAME = '''import ctypes, os, sys
d, n = sys.argv[1], 0
libc = ctypes.CDLL(None, use_errno=True)
f = os.open(d + "/file", os.O_CREAT | os.O_RDWR)
print("ready", flush=True)
sys.stdin.readline()
for i in range(int(sys.argv[2])):
    try:
%s
        print("done", n, flush=True)
    except OSError as e:
        print("errno", e.errno, flush=True)
'''


class FaultFsTest(unittest.TestCase):
    def setUp(self):
        if not os.environ.get('NUMETER_FAULTFS'):
            self.skipTest('NUMETER_FAULTFS does not name the library')
        folder = tempfile.TemporaryDirectory(prefix='numeter-faultfs-')
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.files = self.folder / 'files'
        self.files.mkdir()

    def run_program(self, faults, text, times=1, before=lambda: None):
        """The lines that it said, and how it ended."""
        code = FRAME % ''.join('        %s\n' % line for line in text.split('\n'))
        p = subprocess.Popen([PYTHON, '-c', code, str(self.files), str(times)], stdin=subprocess.PIPE, text=True,
                             stdout=subprocess.PIPE, env=dict(os.environ, **faults.environment(PYTHON)))
        try:
            self.assertEqual(p.stdout.readline(), 'ready\n')
            before()
            out, _ = p.communicate('\n', timeout=20)
        finally:
            p.kill()
        return out.splitlines(), p.returncode

    def fresh(self):
        for path in list(self.files.iterdir()):
            path.rmdir() if path.is_dir() else path.unlink()

    def test_every_kind_of_call_fails_when_told(self):
        faults = FaultFs(self.folder / 'faults')
        for op, call in CALLS.items():
            for error in (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE):
                with self.subTest(op=op, error=error):
                    self.fresh()
                    said, _ = self.run_program(faults, call, 1, lambda: faults.arm(op, faultfs.FAIL, self.files, error=error))
                    self.assertEqual(said, ['errno %d' % error])
                    self.assertEqual((faults.calls(), faults.fired()), (1, 1))
                    faults.disarm()

    def test_every_kind_of_call_can_be_the_last(self):
        faults = FaultFs(self.folder / 'faults')
        for op, call in CALLS.items():
            for outcome in (faultfs.DIE, faultfs.DIE_AFTER):
                with self.subTest(op=op, outcome=outcome):
                    self.fresh()
                    said, status = self.run_program(faults, call, 1, lambda: faults.arm(op, outcome, self.files))
                    self.assertEqual((said, status), ([], -signal.SIGKILL))
                    made = {faultfs.WRITE: (self.files / 'file').stat().st_size if (self.files / 'file').exists() else 0,
                            faultfs.CREATE: (self.files / 'new').exists(), faultfs.LINK: (self.files / 'link').exists(),
                            faultfs.RENAME: (self.files / 'renamed').exists(),
                            faultfs.UNLINK: not (self.files / 'file').exists(),
                            faultfs.MKDIR: (self.files / 'folder').exists()}
                    if op in made:
                        self.assertEqual(bool(made[op]), outcome == faultfs.DIE_AFTER)

    def test_only_the_nth_or_all_from_it(self):
        faults = FaultFs(self.folder / 'faults')
        arm = lambda **more: lambda: faults.arm(faultfs.WRITES, faultfs.FAIL, self.files, nth=3, **more)  # noqa: E731
        said, _ = self.run_program(faults, CALLS[faultfs.WRITE], 5, arm())
        self.assertEqual(said, ['done 10'] * 2 + ['errno %d' % errno.EIO] + ['done 10'] * 2)
        said, _ = self.run_program(faults, CALLS[faultfs.WRITE], 5, arm(all_from_nth=True))
        self.assertEqual(said, ['done 10'] * 2 + ['errno %d' % errno.EIO] * 3)
        self.assertEqual((faults.calls(), faults.fired()), (5, 3))

    def test_half_writes(self):
        faults = FaultFs(self.folder / 'faults')
        said, _ = self.run_program(faults, CALLS[faultfs.PWRITE], 2,
                                   lambda: faults.arm(faultfs.WRITES, faultfs.SHORT, self.files))
        self.assertEqual(said, ['done 5', 'done 10'])
        self.fresh()
        said, status = self.run_program(faults, CALLS[faultfs.WRITE], 2,
                                        lambda: faults.arm(faultfs.WRITES, faultfs.DIE_MIDWAY, self.files, nth=2))
        self.assertEqual((said, status), (['done 10'], -signal.SIGKILL))
        self.assertEqual((self.files / 'file').read_bytes(), b'012345678901234')

    def test_other_paths_are_left_alone(self):
        faults = FaultFs(self.folder / 'faults')
        said, _ = self.run_program(faults, CALLS[faultfs.WRITE], 1,
                                   lambda: faults.arm(faultfs.WRITES, faultfs.FAIL, self.files / 'other'))
        self.assertEqual((said, faults.calls()), (['done 10'], 0))

    # ---- power cuts

    def cut(self, text, **how):
        faults = FaultFs(self.folder / ('faults-%d' % random.randrange(1 << 60)), undo=[str(self.files) + '/'])
        said, _ = self.run_program(faults, text)
        self.assertEqual(said[-1].split()[0], 'done', said)
        return faults.lose(**how)

    def file(self):
        return (self.files / 'file').read_bytes()

    def test_what_was_synced_stays(self):
        for sync in ('os.fsync(f)', 'os.fdatasync(f)', 'libc.syncfs(f)'):
            with self.subTest(sync):
                self.fresh()
                self.assertEqual(self.cut('os.write(f, b"abc"); ' + sync), (0, 0))
                self.assertEqual(self.file(), b'abc')

    def test_what_was_not_is_gone(self):
        lost = self.cut('os.write(f, b"abcdef"); os.fsync(f); os.pwrite(f, b"XY", 1); os.pwrite(f, b"Z", 2); '
                        'os.pwrite(f, b"long", 10); os.ftruncate(f, 3)')
        self.assertEqual((lost, self.file()), ((4, 0), b'abcdef'))

    def test_a_file_that_was_never_synced_was_never_there(self):
        self.assertEqual(self.cut('os.write(f, b"abc")'), (1, 1))
        self.assertEqual(list(self.files.iterdir()), [])

    def test_names_may_stay_while_contents_go(self):
        self.assertEqual(self.cut('os.write(f, b"abc")', names=False), (1, 0))
        self.assertEqual(self.file(), b'')

    def test_renamed_over_and_unlinked_files_come_back(self):
        (self.files / 'old').write_bytes(b'old')
        (self.files / 'gone').write_bytes(b'gone')
        lost = self.cut('os.write(f, b"new"); os.fsync(f); os.rename(d + "/file", d + "/old"); os.unlink(d + "/gone"); '
                        'os.mkdir(d + "/folder")')
        # an fsync of the file before the rename does not save the rename
        self.assertEqual(lost, (0, 3))
        self.assertEqual({p.name: p.read_bytes() for p in self.files.iterdir()},
                         {'file': b'new', 'old': b'old', 'gone': b'gone'})

    def test_a_synced_folder_saves_its_names(self):
        lost = self.cut('os.write(f, b"new"); os.fsync(f); os.rename(d + "/file", d + "/to"); '
                        'e = os.open(d, os.O_RDONLY); os.fsync(e)')
        self.assertEqual((lost, [p.name for p in self.files.iterdir()]), ((0, 0), ['to']))

    def test_unnamed_files_that_are_linked(self):
        text = ('t = os.open(d, os.O_TMPFILE | os.O_RDWR); os.write(t, b"made"); %s; '
                'assert libc.linkat(-100, b"/proc/self/fd/%%d" %% t, -100, (d + "/made").encode(), 0x400) == 0')
        self.assertEqual(self.cut((text % 'os.fsync(t)') + '; libc.syncfs(t)'), (0, 0))
        self.assertEqual((self.files / 'made').read_bytes(), b'made')
        (self.files / 'made').unlink()
        self.cut(text % 'os.fsync(t)')
        self.assertFalse((self.files / 'made').exists())

    def test_each_write_may_or_may_not_have_reached_the_disk(self):
        text = ('os.write(f, b"-" * 8); os.fsync(f)\n'
                'for i in range(8): os.pwrite(f, b"%d" % i, i)')
        seen = set()
        for seed in range(20):
            self.fresh()
            lost, _ = self.cut(text, keep=random.Random(seed))
            content = self.file()
            self.assertEqual((len(content), content.count(b'-')), (8, lost))
            self.assertTrue(all(c in (45, 48 + i) for i, c in enumerate(content)), content)
            seen.add(content)
        self.assertGreater(len(seen), 10)


if __name__ == '__main__':
    program = unittest.main(exit=False, verbosity=2).result
    everything_skipped = program.skipped and len(program.skipped) == program.testsRun
    sys.exit(77 if everything_skipped else not program.wasSuccessful())

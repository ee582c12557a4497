"""Tell a daemon's file calls to fail, and take back after a kill what was not synced. faultfs/faultfs.h says what can be
told; the layouts here are those of that header."""
import errno
import mmap
import os
import re
import struct
import subprocess
from pathlib import Path

WRITE, PWRITE, FSYNC, FDATASYNC, SYNCFS, CREATE, FALLOCATE, LINK, RENAME, TRUNCATE, UNLINK, OPEN, MKDIR = (
    1 << i for i in range(13))
WRITES, SYNCS = WRITE | PWRITE, FSYNC | FDATASYNC | SYNCFS
FAIL, SHORT, DIE, DIE_AFTER, DIE_MIDWAY = range(1, 6)

_RULES, _RULE = 8, struct.Struct('=IIIiQIIQQ464s')
_RECORD = struct.Struct('=IIQQQQQQIIII')
_R_WRITE, _R_SIZE, _R_NAME, _R_RENAME, _R_UNLINK, _R_MKDIR, _R_SYNC, _R_SYNC_ALL = range(1, 9)


def library():
    return os.environ['NUMETER_FAULTFS']


class FaultFs:
    """
    f = FaultFs(folder); start the daemon with f.environment(program); f.arm(…)
    undo    prefixes whose un-synced changes are to be known; the folder's own subfolders 'undo-N' are on the same disk
    """

    def __init__(self, folder, undo=()):
        self.folder, self.prefixes, self.n_lives = Path(folder), [str(p) for p in undo], 0
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / 'control'
        path.write_bytes(bytes(_RULES * _RULE.size))
        with open(path, 'r+b') as f:
            self.control = mmap.mmap(f.fileno(), 0)

    def environment(self, program):
        """What one life of the daemon needs in its environment; every life has an undo log of its own."""
        self.n_lives += 1
        needed = subprocess.run(['ldd', program], capture_output=True, text=True).stdout
        # a sanitizer's library must come before any other
        preload = re.findall(r'lib[atu]b?san\S* => (\S+)', needed) + [library()]
        found = {'LD_PRELOAD': ' '.join(preload), 'FAULTFS_CONTROL': str(self.folder / 'control')}
        if self.prefixes:
            self._undo().mkdir()
            found.update(FAULTFS_UNDO=str(self._undo()), FAULTFS_UNDO_PREFIX=':'.join(self.prefixes))
        return found

    def _undo(self):
        return self.folder / ('undo-%d' % self.n_lives)

    # ---- rules

    def arm(self, ops, outcome, prefix, nth=1, error=errno.EIO, all_from_nth=False, rule=0):
        """From now on count the calls of ops below prefix; the nth has this outcome."""
        self.disarm(rule)
        at = rule * _RULE.size
        packed = _RULE.pack(0, ops, outcome, error, nth, all_from_nth, 0, 0, 0, str(prefix).encode())
        self.control[at + 4:at + _RULE.size] = packed[4:]
        self.control[at:at + 4] = struct.pack('=I', 1)

    def disarm(self, rule=0):
        at = rule * _RULE.size
        self.control[at:at + 4] = struct.pack('=I', 0)

    def _counts(self, rule):
        return _RULE.unpack_from(self.control, rule * _RULE.size)[7:9]

    def calls(self, rule=0):
        """Matching calls since it was armed."""
        return self._counts(rule)[0]

    def fired(self, rule=0):
        return self._counts(rule)[1]

    # ---- after the daemon is gone

    def lose(self, names=True, keep=None):
        """
        Put back what the last life did and did not sync.
        names   files and folders made, linked, renamed or unlinked too; else only contents and lengths (a file system may
                well have written its directories)
        keep    a random.Random: each un-synced write is kept with an even chance, as pages reach a disk in any order;
                None: all are lost
        Returns (writes lost, names lost).
        """
        records = list(_records(self._undo() / 'log'))
        lost_bytes = self._lose_contents(records, keep)
        lost_names = self._lose_names(records) if names else 0
        return lost_bytes, lost_names

    def _lose_contents(self, records, keep):
        synced, everything = {}, 0
        for r in records:
            if r.kind == _R_SYNC_ALL:
                everything = max(everything, r.up_to)
            elif r.kind == _R_SYNC:
                synced[r.ino] = max(synced.get(r.ino, 0), r.up_to)
        unsynced = [r for r in records if r.kind in (_R_WRITE, _R_SIZE) and r.seq > max(everything, synced.get(r.ino, 0))]
        path = self._inodes()
        unsynced = [r for r in unsynced if r.ino in path]
        for r in reversed(unsynced):
            with open(path[r.ino], 'r+b') as f:
                f.seek(r.offset)
                f.write(r.old)
                f.truncate(r.size_before)
        n_lost = len(unsynced)
        for r in unsynced:
            if keep is not None and keep.random() < 0.5:
                n_lost -= 1
                with open(path[r.ino], 'r+b') as f:
                    if r.kind == _R_SIZE:
                        f.truncate(r.offset)
                    else:
                        f.seek(r.offset)
                        f.write(r.new)
        return n_lost

    def _inodes(self):
        """{inode: a path of it}, files that were unlinked among them."""
        found = {}
        for top in [str(self._undo())] + [os.path.dirname(p.rstrip('/')) for p in self.prefixes]:
            for base, _, files in os.walk(top):
                for name in files:
                    path = os.path.join(base, name)
                    if top == str(self._undo()) or any(path.startswith(p) for p in self.prefixes):
                        found[os.lstat(path).st_ino] = path
        return found

    def _lose_names(self, records):
        """A name is on disk when its file, its folder, or everything was synced after it was made."""
        synced, everything, n_lost = {}, 0, 0
        for r in reversed(records):
            if r.kind == _R_SYNC_ALL:
                everything = max(everything, r.up_to)
            elif r.kind == _R_SYNC:
                synced[r.ino] = max(synced.get(r.ino, 0), r.up_to)
            elif r.seq > max(everything, synced.get(r.ino, 0), synced.get(r.parent_ino, 0)):
                n_lost += self._lose_name(r)
        return n_lost

    def _lose_name(self, r):
        if r.kind == _R_NAME:
            os.unlink(r.path)
        elif r.kind == _R_RENAME:
            os.rename(r.other_path, r.path)
            if r.kept:
                os.link(self._undo() / str(r.kept), r.other_path)
        elif r.kind == _R_UNLINK and r.kept:
            os.link(self._undo() / str(r.kept), r.path)
        elif r.kind == _R_UNLINK:
            os.mkdir(r.path)
        elif r.kind == _R_MKDIR:
            os.rmdir(r.path)
        else:
            return 0
        return 1


class _Record:
    def __init__(self, fields, tail):
        (self.kind, self.kept, self.seq, self.ino, self.offset, self.size_before, self.up_to, self.parent_ino,
         *self.lengths) = fields
        parts = []
        for n in self.lengths:
            parts.append(tail[:n])
            tail = tail[n:]
        self.path, self.other_path = os.fsdecode(parts[0]), os.fsdecode(parts[1])
        self.old, self.new = parts[2], parts[3]


def _records(path):
    log, at = Path(path).read_bytes(), 0
    while at + _RECORD.size <= len(log):
        fields = _RECORD.unpack_from(log, at)
        at += _RECORD.size
        n = sum(fields[8:12])
        if at + n > len(log):
            return  # it was killed while it wrote this one: what is not in the log was kept
        yield _Record(fields, log[at:at + n])
        at += n

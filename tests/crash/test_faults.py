#!/usr/bin/python3
"""
The disk fails, or the power, at every durable step of the whole daemon: the call that is cut or refused is chosen by the
library of support/faultfs. What was answered 200 is readable afterwards, always; files are whole for
python-whisper, after a power cut as soon as they are healed.

Short form: each step once; NUMETER_LONG=1: many moments and outcomes of each. NUMETER_SEED repeats a run.
"""
import errno
import http.client
import json
import os
import random
import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import whisper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import faultfs, numbered  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon, program  # noqa: E402
from support.faultfs import FaultFs  # noqa: E402
from support.readback import wsp_files  # noqa: E402
from support.wait import LONG, Late, wait_until  # noqa: E402

SEED = int(os.environ.get('NUMETER_SEED') or random.randrange(1 << 32))
WSP_BYTES = 202240
N_SENDERS, BATCH = 2, 20

JOURNAL, FILES, REJECTED = 'journal', 'wsps', 'rejected'
# name, folder, kinds of calls, the latest of them that is picked
STEPS = [
    ('a record is written', JOURNAL, faultfs.WRITES, 30),
    ('a group is synced', JOURNAL, faultfs.FSYNC | faultfs.FDATASYNC, 30),
    ('a segment is made', JOURNAL, faultfs.CREATE | faultfs.RENAME, 3),
    ('a segment gets its space', JOURNAL, faultfs.FALLOCATE | faultfs.TRUNCATE, 2),
    ('a segment is retired', JOURNAL, faultfs.UNLINK | faultfs.RENAME, 2),
    ('a file is made', FILES, faultfs.CREATE, 3),
    ('a file gets its space', FILES, faultfs.FALLOCATE | faultfs.TRUNCATE, 3),
    ('a file gets its name', FILES, faultfs.LINK | faultfs.RENAME, 3),
    ('a folder is made', FILES, faultfs.MKDIR, 3),
    ('a file is written', FILES, faultfs.WRITES, 12),
    ('all files are synced', FILES, faultfs.SYNCFS, 2),
    ('a refused message is kept', REJECTED, faultfs.WRITES | faultfs.FSYNC | faultfs.FDATASYNC, 6),
]
# these the load below must reach, or the test proves nothing
REACHED = {'a record is written', 'a group is synced', 'a file is made', 'a file is written', 'all files are synced',
           'a refused message is kept'}
ERRORS = [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE]


class FaultyDaemon(Daemon):
    def __init__(self, folder, faults, **keys):
        super().__init__(folder, http_ingest='true', journal_path=Path(folder) / JOURNAL, flush_interval_s=1,
                         control_socket=Path(folder) / 'control', **keys)
        self.faults = faults

    def spawn(self):
        added = self.faults.environment(program())
        before = {name: os.environ.get(name) for name in added}
        os.environ.update(added)
        try:
            super().spawn()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    def gone(self):
        """It has ended; nothing of a sanitizer's is in what it said."""
        if self.process.poll() is None:
            return False
        self.process = None
        self.check_stderr()
        return True


class Load:
    """Senders over HTTP, a line among the messages that is none. accepted: {host: numbers}, refused: such lines, of
    those answered 200 alone."""

    def __init__(self, daemon, name, now):
        self.daemon, self.now, self.end = daemon, now, threading.Event()
        self.accepted = {'%s%d' % (name, s): set() for s in range(N_SENDERS)}
        self.refused, self.unavailable, self.failure = set(), 0, []

    def __enter__(self):
        self.threads = [threading.Thread(target=self._send, args=(host,)) for host in self.accepted]
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for t in self.threads:
            t.join()

    def _send(self, host):
        first = 0
        while not self.end.is_set():
            numbers = range(first, first + BATCH)
            bad = '{bad %s %d' % (host, first)
            lines = b''.join(json.dumps(numbered.message(host, i, self.now)).encode() + b'\n' for i in numbers)
            lines += bad.encode() + b'\n'
            try:
                status, _, answer = self.daemon.post(lines, 'application/x-ndjson')
            except (OSError, ValueError, http.client.HTTPException):
                self.end.wait(0.01)
                continue
            if status == 503:
                self.unavailable += 1
                self.end.wait(0.02)
                continue
            if (status, answer['accepted'], [r['index'] for r in answer['rejected']]) != (200, BATCH, [BATCH]):
                self.failure.append((status, answer))
                return
            self.accepted[host].update(numbers)
            self.refused.add(bad)
            first += BATCH
            self.end.wait(0.005)

    def n(self):
        return sum(map(len, self.accepted.values()))


class FaultCase(ServersCase):
    def setUp(self):
        super().setUp()
        if not os.environ.get('NUMETER_FAULTFS'):
            self.skipTest('NUMETER_FAULTFS does not name the library')
        self.dice, self.now, self.accepted, self.refused = random.Random(SEED), int(time.time()), {}, []
        print('seed %d' % SEED, flush=True)

    def make(self, undo, **keys):
        self.faults = FaultFs(self.folder / 'faults', undo=[
            '%s/%s/' % (self.folder, f) for f in (JOURNAL, FILES, REJECTED)] if undo else ())
        self.daemon = FaultyDaemon(self.folder, self.faults, **keys)
        self.addCleanup(self.daemon.end)
        return self.daemon

    def load(self, name):
        load = Load(self.daemon, name, self.now)
        self.accepted.update(load.accepted)
        self.refused.append(load.refused)
        return load

    def files_are_whole(self):
        for path in wsp_files(self.daemon.wsp_path):
            whole = self.daemon.wsp_path / path
            self.assertEqual(whole.stat().st_size, WSP_BYTES, path)
            self.assertEqual(len(whisper.info(str(whole))['archives']), 4, path)
            whisper.fetch(str(whole), self.now - 3600, self.now, now=self.now)

    def short_files(self):
        """Those that are short, or have lost their header: it was written and not synced."""
        found = []
        for path in wsp_files(self.daemon.wsp_path):
            try:
                if (self.daemon.wsp_path / path).stat().st_size != WSP_BYTES:
                    found.append(path)
                whisper.info(str(self.daemon.wsp_path / path))
            except (FileNotFoundError, whisper.CorruptWhisperFile):  # set aside this moment, not made anew yet
                found.append(path)
        return found

    def roll(self):
        """Let it begin a segment and retire others."""
        try:
            self.daemon.control('flush', timeout_s=1)
        except (OSError, ValueError, AssertionError):
            pass

    def lost(self):
        """{host: some numbers that were accepted and are not readable}"""
        found = {}
        for host, numbers in self.accepted.items():
            missing = numbers - numbered.stored(self.daemon, host, max(numbers, default=0) + 2 * BATCH)
            if missing:
                found[host] = sorted(missing)[:10]
        return found

    def all_accepted_is_readable(self):
        wait_until(lambda: not self.lost(), 10, lambda: 'lost: %s' % self.lost(), every_s=0.2)
        kept = {line['body'] for line in rejected_lines(self.daemon.rejected_path)}
        self.assertEqual(sorted(set().union(*self.refused) - kept)[:10], [], 'kept aside')

    def check_reached(self, reached):
        print('reached: %s' % ', '.join(sorted(reached)), flush=True)
        self.assertTrue((self.folder / JOURNAL).is_dir(), 'the daemon keeps a journal')
        self.assertEqual(REACHED - reached, set(), 'steps that were never hit')


class PowerCuts(FaultCase):
    """The daemon dies at a call, and what it had not synced goes with it."""

    def outcomes(self):
        every = [faultfs.DIE, faultfs.DIE_AFTER, faultfs.DIE_MIDWAY]
        return every * 3 if LONG else [self.dice.choice(every)]

    def losses(self):
        """How the un-synced goes, in turn: all of it; contents only; some of the contents."""
        while True:
            yield {}
            yield {'names': False}
            yield {'names': False, 'keep': random.Random(self.dice.random())}

    def cut(self, step, outcome, losses):
        """One life: load until it dies. True when it died at the step."""
        name, folder, ops, most = step
        self.daemon.start(20)
        with self.load('h%d-' % self.faults.n_lives) as load:
            wait_until(lambda: load.failure or load.n() >= 2 * BATCH, 20, 'points are accepted')
            self.faults.arm(ops, outcome, self.folder / folder, nth=self.dice.randint(1, most))
            try:
                if folder == JOURNAL:
                    wait_until(lambda: load.failure or self.daemon.gone() or self.roll(), 4)
                else:
                    wait_until(lambda: load.failure or self.daemon.gone(), 4, every_s=0.002)
                hit = True
            except Late:
                hit = False
                self.faults.disarm()
                self.daemon.kill9()
        self.assertEqual(load.failure, [], name)
        self.faults.disarm()
        lost = self.faults.lose(**next(losses))
        print('%s: outcome %d, %s, lost %d writes, %d names' % (name, outcome, 'hit' if hit else 'not reached', *lost), flush=True)
        return hit

    def test_at_every_durable_step(self):
        self.make(undo=True)
        reached, losses = set(), self.losses()
        for step in STEPS:
            for outcome in self.outcomes():
                with self.subTest(step=step[0], outcome=outcome):
                    if self.cut(step, outcome, losses):
                        reached.add(step[0])
                    self.starts_and_heals()
                    self.daemon.kill9()
                    self.faults.lose()
        self.starts_and_heals()
        self.daemon.stop()
        self.check_reached(reached)

    def starts_and_heals(self):
        """A file that was made and not synced may be short after the cut, for files are synced together: its points are
        in the journal, so it is made anew."""
        self.daemon.start(20)
        self.all_accepted_is_readable()
        wait_until(lambda: not self.short_files(), 10, lambda: 'short files: %s' % self.short_files()[:5], every_s=0.1)
        self.files_are_whole()

    def test_while_it_starts(self):
        """Dying again and again in the middle of a replay loses nothing either."""
        self.make(undo=True)
        self.daemon.start(20)
        with self.load('h') as load:
            wait_until(lambda: load.failure or load.n() >= 1000, 20, 'points are accepted')
            self.daemon.kill9()
        self.faults.lose()
        died = 0
        for i in range(30 if LONG else 6):
            ops = self.dice.choice([faultfs.WRITES, faultfs.FSYNC | faultfs.FDATASYNC | faultfs.SYNCFS, faultfs.CREATE,
                                    faultfs.UNLINK | faultfs.RENAME | faultfs.TRUNCATE | faultfs.FALLOCATE])
            self.faults.arm(ops, self.dice.choice([faultfs.DIE, faultfs.DIE_AFTER, faultfs.DIE_MIDWAY]), self.folder,
                            nth=self.dice.randint(1, 6))
            self.daemon.spawn()
            try:
                wait_until(self.daemon.gone, 1.5)
                died += 1
            except Late:
                self.daemon.kill9()
            self.faults.disarm()
            self.faults.lose()
        self.assertGreater(died, 0, 'it never died while starting')
        self.starts_and_heals()
        self.daemon.stop()


class Errors(FaultCase):
    """Calls fail for a while, the daemon stays, reads go on, and all is well when they succeed again."""

    def spell(self, step, outcome, error, all_from_nth):
        name, folder, ops, most = step
        said = len(self.daemon.log().splitlines())
        with self.load('e%d-' % len(self.accepted)) as load:
            wait_until(lambda: load.failure or load.n() >= 2 * BATCH, 20, 'points are accepted')
            self.faults.arm(ops, outcome, self.folder / folder, nth=self.dice.randint(1, most), error=error,
                            all_from_nth=all_from_nth)
            try:
                wait_until(lambda: load.failure or self.faults.fired() > 0 or (folder == JOURNAL and self.roll()), 4)
                hit = True
                for _ in range(5):  # for a while
                    self.assertEqual(self.daemon.index(), (200, 'index pass'), name)
                    self.assertEqual(self.lost(), {}, '%s: readable while the disk fails' % name)
            except Late:
                hit = False
            self.faults.disarm()
            before = load.n()
            wait_until(lambda: load.failure or load.n() >= before + 2 * BATCH, 20, '%s: it takes points again' % name)
        self.assertEqual(load.failure, [], name)
        self.assertTrue(self.daemon.alive(), name)
        print('%s: outcome %d, errno %d, %s, %d answers 503' % (name, outcome, error, 'hit' if hit else 'not reached',
                                                               load.unavailable), flush=True)
        self.files_are_whole()
        lines = self.daemon.log().splitlines()[said:]
        events = Counter(re.findall(r' (?:error|warning) event=(\S+)', '\n'.join(lines)))
        # once; the line of the spell before may have come late, on a slow machine
        self.assertLessEqual(max(events.values(), default=0), 2, '%s: said once: %s' % (name, lines))
        return hit

    def spells(self):
        every = [(faultfs.FAIL, e, again) for e in ERRORS for again in (False, True)]
        every += [(faultfs.SHORT, 0, again) for again in (False, True)]
        return every if LONG else self.dice.sample(every, 2)

    def test_at_every_durable_step(self):
        self.make(undo=False)
        self.daemon.start(20)
        reached = set()
        for step in STEPS:
            for outcome, error, again in self.spells():
                with self.subTest(step=step[0], outcome=outcome, error=error, again=again):
                    if self.spell(step, outcome, error, again):
                        reached.add(step[0])
        self.all_accepted_is_readable()
        self.daemon.stop(within_s=2)
        self.daemon.start(20)
        self.all_accepted_is_readable()
        wait_until(self.in_files, 10, 'whisper reads all from the files')
        self.daemon.stop()
        self.check_reached(reached)

    def in_files(self):
        """Every accepted number, read by python-whisper."""
        for host, numbers in self.accepted.items():
            found = set()
            for path in self.daemon.wsp_path.glob('*/%s/numbered/*.wsp' % host):
                _, values = whisper.fetch(str(path), self.now - 86400, self.now, now=self.now)
                found |= {int(v) for v in values if v is not None}
            if numbers - found:
                return False
        return True


if __name__ == '__main__':
    main()

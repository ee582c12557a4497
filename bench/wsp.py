#!/usr/bin/python3
"""
Our .wsp library beside python-whisper, in turn in one run: bench/wsp.py PROGRAM [FOLDER]

PROGRAM is bench/wsp_bench of a release build. Files go to a fresh folder below FOLDER (default: the temporary folder),
which is removed at the end only: creating files is slow for minutes after many were deleted (ext4 passes over the places
of inodes just freed). For the same reason it is the quickest to make bare files in of some folders, which chattr +T on their
parent spreads over the disk.
Times are CPU times (user and system, both sides), so that other work on the machine counts less; the files stay in the
page cache. Prints the median time of an operation and the median of the rounds' ratios; exit status 1 when one is below its target.
"""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import whisper

ARCHIVES = [(60, 1440), (300, 2016), (600, 4608), (3600, 8784)]
START, BATCH, ROUNDS = 1400003640, 60, 9


def point_of(i):
    return START + i * 60, (i % 1000) * 1.25


class Reference:
    def __init__(self, folder):
        self.folder, self.kept = folder, None

    def path(self, what):
        path = os.path.join(self.folder, what + '-reference.wsp')
        if not os.path.exists(path):
            whisper.create(path, list(ARCHIVES))
            for i in range(-1440, 0):
                whisper.update(path, point_of(i)[1], point_of(i)[0], point_of(i)[0])
        return path

    def update_opened(self, path, i):
        t, value = point_of(i)
        whisper.update(path, value, t, t)

    def update_kept(self, path, i):
        if self.kept is None:
            self.kept = open(path, 'r+b', 0)
        t, value = point_of(i)
        whisper.file_update(self.kept, value, t, t)

    def update_many(self, path, i):
        points = [point_of(i * BATCH + k) for k in range(BATCH)]
        whisper.update_many(path, points, points[-1][0])

    def fetch(self, path, i):
        now = START + 1440 * 60 + i % 60
        whisper.fetch(path, now - 86400, now, now)

    def create(self, path, i):
        whisper.create(os.path.join(self.folder, 'reference-%d.wsp' % i), list(ARCHIVES))

    def run(self, what, n, first):
        path, work = self.path(what), getattr(self, what)
        started = time.process_time_ns()
        for i in range(first, first + n):
            work(path, i)
        return time.process_time_ns() - started


# what, the reference's name of it, operations a round (ours, reference), least ratio
WORKS = [
    ('update_opened', 'update_opened', 4000, 2000, 2.5),
    ('update_kept', 'update_opened', 20000, 2000, 7),  # whisper.update() always opens
    ('update_kept', 'update_kept', 20000, 2000, 0),
    ('update_many', 'update_many', 2000, 200, 10),
    ('fetch', 'fetch', 2000, 300, 10),
    ('create', 'create', 60, 60, 3),
    ('store', 'update_opened', 4000, 2000, 0),
    ('store_many', 'update_many', 2000, 200, 0),
]


def quick_corner(above):
    found = []
    for i in range(12):
        folder = os.path.join(above, str(i))
        os.mkdir(folder)
        started = time.process_time_ns()
        for k in range(10):
            os.close(os.open(os.path.join(folder, 'bare-%d' % k), os.O_CREAT | os.O_WRONLY))
        found.append((time.process_time_ns() - started, folder))
    return min(found)[1]


def main():
    program = sys.argv[1]
    above = tempfile.mkdtemp(prefix='bench-wsp-', dir=sys.argv[2] if len(sys.argv) > 2 else None)
    subprocess.run(['chattr', '+T', above], stderr=subprocess.DEVNULL, check=False)
    folder = quick_corner(above)
    reference, failed, done = Reference(folder), False, {}
    try:
        print('%-14s %-14s %10s %11s %8s %8s' % ('ours', 'whisper', 'ours µs', 'whisper µs', 'ratio', 'target'))
        for what, other, n_ours, n_theirs, target in WORKS:
            ours, theirs = [], []
            for round_ in range(-1, ROUNDS):  # the first warms up
                arguments = [program, what, folder, str(n_ours), str(done.get('our ' + what, 0))]
                done['our ' + what] = done.get('our ' + what, 0) + n_ours
                a = int(subprocess.run(arguments, check=True, stdout=subprocess.PIPE).stdout) / n_ours / 1000
                b = reference.run(other, n_theirs, done.get(other, 0)) / n_theirs / 1000
                done[other] = done.get(other, 0) + n_theirs
                if round_ >= 0:
                    ours.append(a)
                    theirs.append(b)
            ratio = statistics.median(b / a for a, b in zip(ours, theirs))
            failed = failed or ratio < target
            print('%-14s %-14s %10.2f %11.2f %8.1f %8s' % (what, other, statistics.median(ours), statistics.median(theirs),
                                                          ratio, '≥ %g' % target if target else ''), flush=True)
    finally:
        shutil.rmtree(above)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

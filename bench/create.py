#!/usr/bin/python3
"""
Making files, complete and with their space reserved, beside python-whisper's create (which writes zeros, or with its
option reserves), in turn in new folders; see --help. CPU and wall time of both; then a sync of all disks, which stands apart.
"""
import argparse
import os
import subprocess
import time

import whisper

from peers.measure import sync_s
from peers.options import add_common, chosen, series_folder
from peers.server import ARCHIVES, version_of
from report import Result, median


def whisper_create(folder, n, fallocate):
    wall, cpu = time.monotonic_ns(), time.process_time_ns()
    for i in range(n):
        whisper.create(os.path.join(folder, 'reference-%d.wsp' % i), list(ARCHIVES), useFallocate=fallocate)
    return time.monotonic_ns() - wall, time.process_time_ns() - cpu


def our_create(build, folder, n):
    wall = time.monotonic_ns()
    done = subprocess.run([os.path.join(build, 'bench', 'wsp_bench'), 'create', folder, str(n), '0'], check=True,
                          stdout=subprocess.PIPE)
    return time.monotonic_ns() - wall, int(done.stdout)


def check(folder, n):
    """All of them, whole, readable, with their space taken."""
    names = [e.path for e in os.scandir(folder) if e.name.endswith('.wsp')]
    size = 16 + sum(12 + 12 * points for _, points in ARCHIVES)
    short = [p for p in names if os.stat(p).st_size != size or os.stat(p).st_blocks * 512 < size]
    if len(names) < n or short or len(whisper.info(names[-1])['archives']) != len(ARCHIVES):
        raise RuntimeError('%d of %d files, %d of them short, in %s' % (len(names), n, len(short), folder))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common(parser, ('numeter-storage',))
    parser.add_argument('--files', type=int, default=5000, help='a run')
    parser.add_argument('--runs', type=int, default=5)
    options = parser.parse_args()
    chosen(options)
    makers = {'numeter-storage': lambda f: our_create(options.build, f, options.files),
              'python-whisper': lambda f: whisper_create(f, options.files, False),
              'python-whisper, fallocate': lambda f: whisper_create(f, options.files, True)}
    runs = {name: [] for name in makers}
    for _ in range(options.runs):
        for name, make in makers.items():
            folder = series_folder(options, name)
            os.makedirs(folder)
            wall, cpu = make(folder)
            runs[name].append((options.files / wall * 1e9, cpu / options.files / 1000, sync_s() / options.files * 1e6))
            check(folder, options.files)
    result = Result('create', 'Making files of 202,240 bytes, reserved on disk',
                    ['library', 'files/s', 'CPU µs a file', 'sync µs a file', 'runs'])
    result.kept['versions']['python3-whisper'] = version_of('python3-whisper')
    for name, of_name in runs.items():
        result.row(name, *(median(r[i] for r in of_name) for i in range(3)), len(of_name))
    for name in list(runs)[1:]:
        pairs = zip(runs['numeter-storage'], runs[name])
        result.note('Ours in each pair of runs: %s × the files/s of %s.' % (
            ', '.join('%.1f' % (a[0] / b[0]) for a, b in pairs), name))
    result.save(options.build, options.command)


if __name__ == '__main__':
    main()

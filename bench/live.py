#!/usr/bin/python3
"""
The live cadence in compressed time: one point a series a minute, everything flushed every ten minutes; see --help.

A simulated minute is one tick, sent as fast as it is taken, and then a sync of all disks, for every server. carbon-cache
writes each minute when it comes. Ours is told to flush every ten minutes; the row with coarse_delay_s runs in scaled time
instead, for its delays are clocks: a minute takes --scale seconds, and flush_interval_s, coarse_delay_s are scaled
likewise. Its last flush, which writes all that was held back, counts.
"""
import argparse
import os
import time

from burst import now_minute
from peers import load
from peers.carbon_cache import CarbonCache
from peers.measure import SECTOR, all_read, memory_mb, sync_s, wait_until
from peers.options import add_common, chosen, series_folder
from peers.ours import Ours
from report import Result

FLUSH_EVERY = 10  # minutes


def drop_caches():
    os.sync()
    with open('/proc/sys/vm/drop_caches', 'w') as f:
        f.write('3\n')


def wait_taken(server):
    wait_until(lambda: all_read(server.port), 600, '%s has read all' % server.name, every_s=0.005)
    time.sleep(0.03)  # ours: its group commit, every 10 ms


class Row:
    def __init__(self, label, server, scale_s=0, cold=False):
        self.label, self.server, self.scale_s, self.cold = label, server, scale_s, cold

    def minute(self, i):
        if isinstance(self.server, Ours):
            wait_taken(self.server)
            if i % FLUSH_EVERY == 0 and not self.scale_s:
                if self.cold:
                    drop_caches()
                self.server.wait_stored()
        else:
            if self.cold and i % FLUSH_EVERY == 0:
                drop_caches()
            wait_taken(self.server)
            self.server.wait_stored()
        sync_s()

    def run(self, options, minutes, result):
        t0 = now_minute() - 60 * (minutes + 1)
        with self.server as server:
            steps = load.Steps(options.build, server.port, options.series, minutes + 1, t0)
            steps.tick()
            server.expect(options.series)
            wait_taken(server)
            server.wait_stored()
            sync_s()
            before = server.usage()
            for i in range(1, minutes + 1):
                due = before.at_s + i * self.scale_s
                steps.tick()
                server.expect(options.series)
                self.minute(i)
                if self.scale_s:
                    time.sleep(max(0, due - time.monotonic()))
            if self.scale_s:
                server.wait_stored()
            sync_s()
            after = server.usage()
            steps.end()
            server.check_stored(options.series, minutes + 1, t0)
            n = options.series * minutes
            result.row(self.label, minutes, n / (after.cpu_s - before.cpu_s),
                       (after.sectors - before.sectors) / n, (after.sectors - before.sectors) * SECTOR / n,
                       memory_mb(server.pid))


def rows_of(options, servers):
    def folder(name):
        return series_folder(options, name)
    if Ours in servers:
        yield Row('numeter-storage, hot', Ours(folder('ours'))), options.minutes
        if os.access('/proc/sys/vm/drop_caches', os.W_OK):
            yield Row('numeter-storage, cold', Ours(folder('ours-cold')), cold=True), options.minutes
        if options.scale > 0:
            keys = {'flush_interval_s': max(1, round(FLUSH_EVERY * options.scale)), 'coarse_delay_s': round(60 * options.scale)}
            yield (Row('numeter-storage, coarse_delay_s = 3600, scaled time', Ours(folder('ours-coarse'), **keys),
                       scale_s=options.scale), options.coarse_minutes)
    if CarbonCache in servers:
        yield Row('carbon-cache, hot', CarbonCache(folder('carbon-cache'))), options.peer_minutes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common(parser, ('numeter-storage', 'carbon-cache'))
    parser.add_argument('--series', type=int, default=100000)
    parser.add_argument('--minutes', type=int, default=60, help='simulated, of ours (a multiple of 10)')
    parser.add_argument('--coarse-minutes', type=int, default=120, help='simulated, of the row with coarse_delay_s')
    parser.add_argument('--peer-minutes', type=int, default=10, help='simulated, of carbon-cache')
    parser.add_argument('--scale', type=float, default=3, help='seconds a minute of the scaled row; 0: without it')
    options = parser.parse_args()
    servers = chosen(options)
    result = Result('live', 'Live cadence: %s series, one point a minute, flushed every ten' % '{:,}'.format(options.series),
                    ['server', 'minutes', 'points per CPU s', 'sectors/point', 'written B/point', 'peak MB'])
    for server in servers:
        result.version(server)
    for row, minutes in rows_of(options, servers):
        row.run(options, minutes, result)
    ratios(result)
    result.note('`sync` after each simulated minute for every server; the tick that makes the files stands apart. Cold: the '
                'page cache is dropped before each flush.')
    result.save(options.build, options.command)


def ratios(result):
    found = {row[0]: row for row in result.kept['rows']}
    peer = found.get('carbon-cache, hot')
    for label, row in found.items():
        if peer and row is not peer:
            result.note('%s: %.1f × the points per CPU second of carbon-cache, 1/%.1f of its sectors a point.' %
                        (label, row[2] / peer[2], peer[3] / row[3]))


if __name__ == '__main__':
    main()

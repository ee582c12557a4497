#!/usr/bin/python3
"""
A million series with tiny archives, ours alone: memory, start after kill -9 with everything in the journal, time to flush
all; see --help.
"""
import argparse
import time

from burst import now_minute
from peers import load
from peers.measure import memory_mb, sync_s, wait_until
from peers.options import add_common, chosen, series_folder
from peers.ours import Ours
from report import Result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common(parser, ('numeter-storage',))
    parser.add_argument('--series', type=int, default=1000000)
    parser.add_argument('--ticks', type=int, default=10)
    parser.add_argument('--archives', default='60:60', help='STEP:POINTS of the one archive (default %(default)s)')
    options = parser.parse_args()
    chosen(options)
    n, ticks = options.series, options.ticks
    archive = tuple(int(number) for number in options.archives.split(':'))
    result = Result('million', '%s series × %d points, archive %s: memory, start, flush' % ('{:,}'.format(n), ticks,
                                                                                          options.archives),
                    ['what', 'figure', 'unit'])
    result.version(Ours)
    t0 = now_minute() - 60 * ticks
    with Ours(series_folder(options, 'million'), archives=[archive]) as server:
        empty = memory_mb(server.pid, 'VmRSS')
        sent = load.send(options.build, server.port, n, 1, t0)
        server.expect(n)
        server.wait_idle()
        one = memory_mb(server.pid, 'VmRSS')
        more = load.send(options.build, server.port, n, ticks - 1, t0 + 60)
        server.expect(n * (ticks - 1))
        server.wait_idle()
        full = memory_mb(server.pid, 'VmRSS')
        result.row('resident before the first point', empty, 'MB')
        result.row('first tick, names included, taken in', sent['seconds'], 's')
        result.row('the other %d ticks taken in' % (ticks - 1), more['seconds'], 's')
        result.row('resident with 1 point a series pending', one, 'MB')
        result.row('resident with %d points a series pending' % ticks, full, 'MB')
        result.row('a series, its first point included', (one - empty) * 1024 * 1024 / n, 'B')
        result.row('a further pending point', (full - one) * 1024 * 1024 / n / (ticks - 1), 'B')
        server.stop(kill=True)
        sync_s()
        begun = time.monotonic()
        server.start()
        result.row('start after kill -9: takes connections', time.monotonic() - begun, 's')
        for series in reversed(load.sample(n)):
            wait_until(lambda: server.points_of(series, t0, ticks) == ticks, 300, 'series %d is readable' % series)
        result.row('start after kill -9: %s journalled points readable' % '{:,}'.format(n * ticks), time.monotonic() - begun, 's')
        result.row('resident then', memory_mb(server.pid, 'VmRSS'), 'MB')
        before = server.usage()
        server.wait_stored()
        after = server.usage()
        result.row('flush of all into new files, synced', after.at_s - before.at_s, 's')
        result.row('its CPU', (after.cpu_s - before.cpu_s) * 1e6 / n, 'µs a series')
        sync_s()
        load.send(options.build, server.port, n, 1, t0 + 60 * ticks)
        server.expect(n)
        before = server.usage()
        server.wait_stored()
        after = server.usage()
        result.row('flush of one more point each, synced', after.at_s - before.at_s, 's')
        result.row('its CPU', (after.cpu_s - before.cpu_s) * 1e6 / n, 'µs a series')
        result.row('most resident', memory_mb(server.pid), 'MB')
        server.check_stored(n, ticks + 1, t0)
    result.save(options.build, options.command)


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""
Many points at once, until they are in files and synced; see --help.

One tick makes the files and stands apart; then come the others as fast as a server takes them. Servers run in turn, each
run in a new folder. Nothing is removed before the end: creating files is slow for minutes after many were removed.
"""
import argparse
import time

from peers import load
from peers.measure import SECTOR, memory_mb, sync_s, warm_memory
from peers.options import add_common, chosen, series_folder
from peers.ours import Ours
from report import Result, median


def now_minute():
    return int(time.time()) // 60 * 60


class Run:
    """What one run of one server gave: per point where it says so."""

    def __init__(self, n_points, before, after, wall_s, memory):
        self.wall = n_points / wall_s
        self.cpu = n_points / (after.cpu_s - before.cpu_s)
        self.written = (after.sectors - before.sectors) * SECTOR / n_points
        self.memory = memory
        self.again = None     # points per CPU second of as many ticks again
        self.in_files = None  # VictoriaMetrics: points per CPU second when it has ended
        self.files_s = None   # CPU seconds of the first tick


def run_carbon(server, options, n_ticks):
    t0 = now_minute() - 60 * (2 * n_ticks + 1)
    warm_memory()
    first = server.usage()
    load.send(options.build, server.port, options.series, 1, t0)
    server.expect(options.series)
    server.wait_stored()
    sync_s()
    warm_memory()
    before = server.usage()
    sent = load.send(options.build, server.port, options.series, n_ticks, t0 + 60, how='prerendered')
    server.expect(sent['points'])
    begun = time.monotonic() - sent['seconds']
    stored_at = max(server.wait_stored(), begun + sent['seconds'])
    wall_s = stored_at - begun + sync_s()
    after = server.usage()
    run = Run(sent['points'], before, after, wall_s, memory_mb(server.pid))
    run.files_s = before.cpu_s - first.cpu_s
    if n_ticks <= options.ticks:  # once more, into files whose pages have been written before
        warm_memory()
        before_again = server.usage()
        again = load.send(options.build, server.port, options.series, n_ticks, t0 + 60 * (n_ticks + 1), how='prerendered')
        server.expect(again['points'])
        server.wait_stored()
        run.again = again['points'] / (server.usage().cpu_s - before_again.cpu_s)
        sync_s()
        server.check_stored(options.series, 2 * n_ticks + 1, t0)
    else:
        server.check_stored(options.series, n_ticks + 1, t0)
    if server.name == 'victoria-metrics':
        run.in_files = 2 * sent['points'] / (server.end_and_usage().cpu_s - before.cpu_s)
    return run


def run_rrdcached(server, options, n_ticks):
    t0 = now_minute() - 60 * (n_ticks + 1)
    first = server.usage()
    server.create(options.series, t0)
    server.send(server.render(options.series, 1, t0))
    server.wait_stored()
    sync_s()
    batches = server.render(options.series, n_ticks, t0 + 60)
    warm_memory()
    before = server.usage()
    begun = time.monotonic()
    server.send(batches)
    server.wait_stored()
    wall_s = time.monotonic() - begun + sync_s()
    run = Run(options.series * n_ticks, before, server.usage(), wall_s, memory_mb(server.pid))
    run.files_s = before.cpu_s - first.cpu_s
    return run


def run_once(server, options, n_ticks):
    with server:
        return (run_rrdcached if server.name == 'rrdcached' else run_carbon)(server, options, n_ticks)


def report(runs, options):
    result = Result('burst', 'Burst: %s series × %d points at once, until in files and synced' %
                    ('{:,}'.format(options.series), options.ticks),
                    ['server', 'points/s', 'points per CPU s', 'ours is × per CPU s', 'written B/point', 'peak MB', 'runs'])
    rows = []
    for server, of_server in runs.items():
        rows.append((server.name, of_server, median(r.cpu for r in of_server)))
        if of_server[0].in_files:
            rows[-1] = ('victoria-metrics, in memory', of_server, rows[-1][2])
            rows.append(('victoria-metrics, ended by SIGTERM', of_server, median(r.in_files for r in of_server)))
        result.version(server)
    ours = next((cpu for name, _, cpu in rows if name == Ours.name), None)
    for name, of_server, cpu in rows:
        ended = name.endswith('SIGTERM')
        result.row(name, None if ended else median(r.wall for r in of_server), cpu, '%.2f' % (ours / cpu) if ours else None,
                   None if ended else median(r.written for r in of_server), median(r.memory for r in of_server),
                   len(of_server))
    result.note('Medians. Points per CPU second of each run: %s.' % '; '.join(
        '%s %s' % (s.name, ', '.join('%.2f M' % (r.cpu / 1e6) for r in rs)) for s, rs in runs.items()))
    result.note('As many ticks again, into files whose pages were written before, points per CPU second: %s.' % '; '.join(
        '%s %s' % (s.name, ', '.join('%.2f M' % (r.again / 1e6) for r in rs)) for s, rs in runs.items() if rs[0].again))
    result.note('The first tick, which makes the files, stands apart; CPU of it, µs a series: %s.' % '; '.join(
        '%s %.0f' % (s.name, median(r.files_s for r in rs) / options.series * 1e6) for s, rs in runs.items()))
    result.note('Archives 60:1440, 300:2016, 600:4608, 3600:8784. rrdcached: its own commands, a tick a batch, a journal '
                'that it does not sync; victoria-metrics: its own format, hardly written yet when it has taken all.')
    result.save(options.build, options.command)


def run_big(options):
    """Ours alone: 100,000 series × 600 ticks that end now."""
    n_series, n_ticks = options.big
    print('== ours, %d series × %d ticks' % (n_series, n_ticks), flush=True)
    options.series = n_series
    run = run_once(Ours(series_folder(options, 'big')), options, n_ticks)
    result = Result('burst-big', 'Burst: %s series × %d ticks ending now, until in files and synced' %
                    ('{:,}'.format(n_series), n_ticks),
                    ['server', 'points/s', 'points per CPU s', 'written B/point', 'peak MB'])
    result.version(Ours)
    result.row(Ours.name, run.wall, run.cpu, run.written, run.memory)
    result.save(options.build, options.command)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common(parser)
    parser.add_argument('--series', type=int, default=15000)
    parser.add_argument('--ticks', type=int, default=59)
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--big', type=lambda t: [int(n) for n in t.split('x')], default=[100000, 600],
                        help='SERIESxTICKS of the run of ours alone (default 100000x600); 0x0: none')
    options = parser.parse_args()
    runs = {server: [] for server in chosen(options)}
    for i in range(options.runs):
        for server, of_server in runs.items():
            run = run_once(server(series_folder(options, server.name)), options, options.ticks)
            of_server.append(run)
            print('run %d: %s: %.0f points/s, %.0f points per CPU second' % (i + 1, server.name, run.wall, run.cpu), flush=True)
    if runs:
        report(runs, options)
    if options.big[0] and Ours in runs:
        run_big(options)


if __name__ == '__main__':
    main()

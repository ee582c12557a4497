#!/usr/bin/python3
"""
1,000 agents that keep their connections, each sending its 300 series in another order every tick, before files: ours, and
victoria-metrics, which keeps them in memory too; see --help. The first tick, which makes the names known, stands apart.
"""
import argparse

from burst import now_minute
from peers import load
from peers.measure import memory_mb, sync_s, wait_until
from peers.options import add_common, chosen, series_folder
from peers.ours import Ours
from report import Result, median
from live import wait_taken


def run_once(server, options):
    """(points per CPU second, points a second until read, peak MB)"""
    n_series = options.agents * options.series
    t0 = now_minute() - 60 * (options.ticks + 1)
    with server:
        steps = load.Steps(options.build, server.port, n_series, options.ticks + 1, t0, options.agents, 'varying')
        steps.tick()
        server.expect(n_series)
        wait_taken(server)
        server.wait_idle(quiet_s=1)
        sync_s()
        before = server.usage()
        for _ in range(options.ticks):
            steps.tick()
        server.expect(n_series * options.ticks)
        wait_taken(server)
        read = server.usage()
        server.wait_idle(quiet_s=0.5)
        after = server.usage()
        if isinstance(server, Ours):
            for series in load.sample(n_series):
                wait_until(lambda: server.points_of(series, t0, options.ticks + 1) == options.ticks + 1, 10,
                           'all points of series %d are readable' % series)
        steps.end()
        n = n_series * options.ticks
        return n / (after.cpu_s - before.cpu_s), n / (read.at_s - before.at_s), memory_mb(server.pid)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_common(parser, ('numeter-storage', 'victoria-metrics'))
    parser.add_argument('--agents', type=int, default=1000)
    parser.add_argument('--series', type=int, default=300, help='of an agent')
    parser.add_argument('--ticks', type=int, default=10)
    parser.add_argument('--runs', type=int, default=3)
    options = parser.parse_args()
    servers = chosen(options)
    result = Result('agents', 'Agents: %d connections × %d series in varying order, before files' %
                    (options.agents, options.series), ['server', 'points per CPU s', 'points/s', 'peak MB', 'runs'])
    runs = {server: [] for server in servers}
    for _ in range(options.runs):
        for server, of_server in runs.items():
            of_server.append(run_once(server(series_folder(options, server.name)), options))
    for server, of_server in runs.items():
        result.version(server)
        result.row(server.name, *(median(r[i] for r in of_server) for i in range(3)), len(of_server))
    result.note('Medians. Points per CPU second of each run: %s.' % '; '.join(
        '%s %s' % (s.name, ', '.join('%.2f M' % (r[0] / 1e6) for r in rs)) for s, rs in runs.items()))
    result.note('The sender is one process that goes round the agents and may be the limit of points/s.')
    result.save(options.build, options.command)


if __name__ == '__main__':
    main()

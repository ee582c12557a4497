#!/usr/bin/python3
"""
Draining a queue beside a bare consumer, in turn in one run: bench/drain.py BUILD [--messages N] [--pairs N] [--no-daemon]

BUILD is the folder of a release build with its benchmarks. A RabbitMQ of its own gets N messages (default 300000) of six
values, persistent, in a durable queue, of 1000 hosts, the last tick being this minute's. Then, each with such a queue:
bare      a librabbitmq consumer that acknowledges every 1000 and does nothing else
receive   our client and decoder alone, acknowledging every 10 ms
daemon    numeter-storage until everything is acknowledged
Prints the medians of the pairs: seconds, CPU (user and system) per message, ratio of the times. Exit status 1 when the
daemon takes more than 1.05 times as long as the bare consumer.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE / 'tests'))
from support.amqp import Amqp  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.rabbitmq_server import RabbitMQServer  # noqa: E402

QUEUE, HOSTS, TARGET = 'storage-bench', 1000, 1.05
PATIENCE_S = 600


def run(program, *arguments):
    """One C part: (seconds, CPU seconds)."""
    said = subprocess.run([program, *map(str, arguments)], check=True, capture_output=True, text=True).stdout
    seconds, cpu = said.split()
    return float(seconds), float(cpu)


def wait(condition, pause_s):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit('drain: not within %d s' % PATIENCE_S)
        time.sleep(pause_s)


def cpu_of(pid):
    fields = Path('/proc/%d/stat' % pid).read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def acknowledged(daemon):
    _, _, body = daemon.request('GET', '/metrics')
    for line in body.decode().splitlines():
        if line.startswith('numeter_storage_broker_acked'):
            return int(float(line.split()[-1]))
    sys.exit('drain: no counter of acknowledged messages')


def drain_by_daemon(port, messages):
    """From the moment it consumes until the last message is acknowledged."""
    folder = tempfile.mkdtemp(prefix='numeter-drain-')
    daemon = Daemon(folder, rpc_hosts='127.0.0.1:%d' % port, storage_name=QUEUE, flush_interval_s=600)
    watch = Amqp(port, confirm=False)
    try:
        daemon.start(30)
        wait(lambda: watch.consumed(QUEUE), 0.005)
        begin, cpu = time.monotonic(), cpu_of(daemon.process.pid)
        wait(lambda: watch.queue(QUEUE)[0] == 0, 0.04)  # asking costs the broker
        wait(lambda: acknowledged(daemon) >= messages, 0.01)
        taken = time.monotonic() - begin, cpu_of(daemon.process.pid) - cpu
        daemon.stop(30)
    finally:
        watch.close()
        daemon.end()
    return taken, folder


def main():
    options = argparse.ArgumentParser(description='Draining a queue beside a bare consumer.')
    options.add_argument('build')
    options.add_argument('--messages', type=int, default=300000)
    options.add_argument('--pairs', type=int, default=5)
    options.add_argument('--no-daemon', action='store_true')
    options = options.parse_args()
    parts = os.path.join(options.build, 'bench', 'bench_drain')
    os.environ['NUMETER_STORAGE'] = os.path.abspath(os.path.join(options.build, 'numeter-storage'))
    kinds = ['bare', 'receive'] + ([] if options.no_daemon else ['daemon'])
    taken, folders = {kind: [] for kind in kinds}, []
    with RabbitMQServer() as server:
        for pair in range(options.pairs):
            # each is first and last in turn
            for kind in kinds if pair % 2 == 0 else reversed(kinds):
                run(parts, 'publish', server.port, options.messages, HOSTS)
                if kind == 'daemon':
                    result, folder = drain_by_daemon(server.port, options.messages)
                    folders.append(folder)
                else:
                    result = run(parts, kind, server.port, options.messages)
                taken[kind].append(result)
                print('%-8s %7.2f s %6.2f s CPU' % (kind, *result), flush=True)
    for folder in folders:  # at the end: deleting slows the making of files
        shutil.rmtree(folder)
    print('%d messages of 6 values, medians of %d' % (options.messages, options.pairs))
    bare_s = statistics.median(s for s, _ in taken['bare'])
    for kind in kinds:
        seconds = statistics.median(s for s, _ in taken[kind])
        cpu = statistics.median(c for _, c in taken[kind])
        print('  %-8s %7.2f s  %7.0f messages/s  %5.2f us CPU a message  %5.2f x bare' % (
            kind, seconds, options.messages / seconds, cpu / options.messages * 1e6, seconds / bare_s))
    if not options.no_daemon:
        ratio = statistics.median(d[0] / b[0] for d, b in zip(taken['daemon'], taken['bare']))
        print('daemon / bare, median of the pairs: %.2f (at most %.2f)' % (ratio, TARGET))
        sys.exit(0 if ratio <= TARGET else 1)


if __name__ == '__main__':
    main()

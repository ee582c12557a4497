#!/usr/bin/python3
"""
run.py BUILD [NAME...] [OPTION...]: the benchmarks, each beside its peers in the same run. What counts are ratios; the
machine is whatever this one is.

  decode    reading a message beside a bare parse by a library
  wsp       .wsp files beside python-whisper
  create    making files beside python-whisper
  burst     many points at once, until in files and synced: ours, victoria-metrics, rrdcached, carbon-cache
  live      one point a series a minute, flushed every ten minutes, in compressed time: ours, carbon-cache
  agents    1,000 connections in varying order, before files
  drain     a full RabbitMQ queue, emptied by us and by a bare consumer
  rest      the REST API beside nginx with the same bytes as static files
  carbon_parse, cache   a carbon line to a point; the cache of pending points
  million   1 million series: memory, start, flush
  markdown  write docs/benchmarks.md from the last run of each of those that keep their results

No NAME: decode and wsp, the short ones. OPTIONS go to each NAME (try --help). Files are kept until the last one has
ended, for after many were removed creating files is slow for minutes: do not start again within ten.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time

import report

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(HERE)
PYTHON = '/usr/bin/python3'
QUIET_S = 600
SCRIPTS = ('burst', 'live', 'agents', 'create', 'million', 'drain')


def commands(build):
    script = {name: [PYTHON, os.path.join(HERE, name + '.py'), build] for name in SCRIPTS}
    return dict(
        script,
        carbon_parse=[os.path.join(build, 'bench', 'carbon_parse')],
        cache=[os.path.join(build, 'bench', 'bench_cache')],
        rest=[PYTHON, os.path.join(HERE, 'rest.py'), os.path.join(build, 'bench', 'rest_fill'),
              os.path.join(build, 'numeter-storage')],
        decode=[os.path.join(build, 'bench', 'bench_decode'), os.path.join(TREE, 'tests', 'data', 'messages.jsonl')],
        wsp=[PYTHON, os.path.join(HERE, 'wsp.py'), os.path.join(build, 'bench', 'wsp_bench')])


def warn_of_removal(stamp):
    if os.path.exists(stamp) and time.time() - os.path.getmtime(stamp) < QUIET_S:
        print('warning: a benchmark removed its files %.0f s ago: making files is slow for ten minutes after that' %
              (time.time() - os.path.getmtime(stamp)), flush=True)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build = os.path.abspath(sys.argv[1])
    known = commands(build)
    first_option = next((i for i, a in enumerate(sys.argv) if a.startswith('-')), len(sys.argv))
    names, options = sys.argv[2:first_option] or ['decode', 'wsp'], sys.argv[first_option:]
    if options in (['-h'], ['--help']) and first_option == 2:
        sys.exit(__doc__)
    for name in names:
        if name not in known and name != 'markdown':
            sys.exit('no benchmark called %s; there are %s, markdown' % (name, ', '.join(known)))
    stamp = os.path.join(build, 'results', 'removed')
    warn_of_removal(stamp)
    folder, failed = tempfile.mkdtemp(prefix='numeter-bench-'), []
    try:
        for name in names:
            print('== ' + name, flush=True)
            if name == 'markdown':
                report.write_markdown(build)
                continue
            kept = os.path.join(folder, name)
            os.mkdir(kept)
            if subprocess.call(known[name] + options, env=dict(os.environ, NUMETER_BENCH_FOLDER=kept)) != 0:
                failed.append(name)
    finally:
        if any(os.scandir(os.path.join(folder, n)) for n in os.listdir(folder)):
            os.makedirs(os.path.dirname(stamp), exist_ok=True)
            shutil.rmtree(folder)
            with open(stamp, 'w'):
                pass
        else:
            shutil.rmtree(folder)
    sys.exit('failed: ' + ', '.join(failed) if failed else 0)


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""
The read path beside nginx: bench/rest.py REST_FILL DAEMON [SECONDS]

DAEMON is a release build; it gets 200 hosts of 10 series each with a day of recorded values (texts of few digits and
rates of 17, mixed) in files, a Redis for the metadata of 1,000 hosts and of one host with 40 plugins, and wrk -t1 -c16 as
client. nginx serves the same bytes as static files, in turn, in the same run. Prints requests/s, p99 and the ratio.
Then the same questions while 200,000 points/s come in as carbon lines for 100,000 series, those asked among them: two a
second each, and how many were taken while it was asked. At first with the default flush interval, then while every series
is flushed, again and again.

new        /data?res=Daily of one ds, a question never asked before in every request, over all series
again      the same questions of 20 series again and again
"""
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

TREE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TREE / 'tests'))
from support.daemon import Daemon, _die_with_parent  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.recorded import load, payload, timestamp  # noqa: E402
from support.redis_server import RedisServer  # noqa: E402

HOSTS, DS, AGAIN, MANY_HOSTS, PLUGINS = 200, 10, 20, 1000, 40
LOAD_SERIES, LOAD_RATE, LOAD_CONNECTIONS, LOAD_P99_MS = 100000, 200000, 20, 5
BASE = '/numeter-storage/'
TARGETS = {'data, new': 20000, 'data, again': 1.0, 'hosts': 0.5, 'list': 0.5}  # requests/s, or the ratio to nginx

WALK = """
local paths, i = {}, 0
init = function()
  for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = wrk.format("GET", line) end
end
request = function() i = i + 1; return paths[(i - 1) % #paths + 1] end
"""
# max_points above the number of slots: another question with the same answer; FIRST is never the same
NEW = """
local paths, i, first = {}, 0, tonumber(os.getenv("FIRST"))
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
request = function() i = i + 1; return wrk.format("GET", paths[(i - 1) % #paths + 1] .. "&max_points=" .. first + i) end
"""


def recorded_values():
    """Values as recorded, series after series."""
    series = {}
    for message in load('messages.jsonl'):
        if timestamp(message) is not None:
            p = payload(message)
            for ds, value in p['Values'].items():
                series.setdefault((p['Plugin'], ds), []).append(str(value))
    return [v for values in series.values() for v in values]


def info(host, plugin, **more):
    return {'hostid': host, 'type': 'info', 'plugin': plugin, 'message': dict({'Plugin': plugin}, **more)}


def post_all(daemon, messages):
    for i in range(0, len(messages), 500):
        status, _, reply = daemon.post(messages[i:i + 500])
        assert status == 200 and not reply['rejected'], reply


def fill(daemon, rest_fill, folder):
    """200 hosts; the paths of their series' questions."""
    hosts = ['web-%04d.example' % i for i in range(HOSTS)]
    post_all(daemon, [info(h, 'MyInfo', ID=h, Name=h, Description='one of many') for h in hosts])
    known = daemon.get('hosts')[2]
    values = folder / 'values'
    values.write_text(''.join(v + '\n' for v in recorded_values()))
    series = [(h, 'ds%d' % i) for h in hosts for i in range(DS)]
    paths = ['%s/%s/load/%s' % (known[h]['hostIDHash'], known[h]['HostIDFiltredName'], ds) for h, ds in series]
    subprocess.run([rest_fill, daemon.wsp_path, values, str(int(time.time()))], check=True, text=True,
                   input=''.join(p + '\n' for p in paths))
    return [BASE + 'data?host=%s&plugin=load&ds=%s&res=Daily' % (quote(h), ds) for h, ds in series]


def fill_metadata(daemon):
    hosts = ['web-%04d.example' % i for i in range(MANY_HOSTS)]
    post_all(daemon, [info(h, 'MyInfo', ID=h, Name=h, Description='one of many, with a text as long as people write')
                      for h in hosts])
    infos = [m for m in load('messages.jsonl') if m['context']['type'] == 'info' and payload(m)['Plugin'] != 'MyInfo']
    post_all(daemon, [info(hosts[0], 'p%02d' % i, **{k: v for k, v in payload(m).items() if k != 'Plugin'})
                      for i, m in zip(range(PLUGINS), infos)])
    return BASE + 'hosts', BASE + 'list?host=' + quote(hosts[0])


class Nginx:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        (folder / 'root').mkdir(parents=True)
        (folder / 'nginx.conf').write_text("""
            daemon off; pid %(folder)s/pid; error_log %(folder)s/error.log; worker_processes auto; user root;
            events { worker_connections 1024; }
            http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; types {}
              default_type application/json; client_body_temp_path %(folder)s/t; proxy_temp_path %(folder)s/t;
              fastcgi_temp_path %(folder)s/t; uwsgi_temp_path %(folder)s/t; scgi_temp_path %(folder)s/t;
              server { listen 127.0.0.1:%(port)d; root %(folder)s/root; } }""" % vars(self))

    def __enter__(self):
        self.process = subprocess.Popen(['/usr/sbin/nginx', '-p', self.folder, '-c', self.folder / 'nginx.conf'],
                                        stderr=subprocess.DEVNULL, preexec_fn=_die_with_parent)
        time.sleep(0.5)
        assert self.process.poll() is None, (self.folder / 'error.log').read_text()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def fetch(port, path):
    with urllib.request.urlopen('http://127.0.0.1:%d%s' % (port, path)) as reply:
        return reply.read()


first = itertools.count(10000, 5000000)


def wrk(folder, port, paths, script, seconds):
    """(requests/s, p99 in ms)"""
    (folder / 'paths').write_text(''.join(p + '\n' for p in paths))
    (folder / 'script.lua').write_text(script)
    out = subprocess.run(['wrk', '-t1', '-c16', '-d%ds' % seconds, '--latency', '-s', folder / 'script.lua',
                          'http://127.0.0.1:%d' % port], env=dict(os.environ, PATHS=str(folder / 'paths'), FIRST=str(next(first))),
                         capture_output=True, text=True, check=True).stdout
    assert 'Non-2xx' not in out and 'Socket errors' not in out, out
    p99 = re.search(r'99%\s+([\d.]+)(us|ms|s)', out)
    return (float(re.search(r'Requests/sec:\s+([\d.]+)', out)[1]),
            float(p99[1]) * {'us': 1e-3, 'ms': 1, 's': 1e3}[p99[2]])


def static(nginx, daemon, paths):
    """The replies as files: their paths."""
    names = []
    for i, path in enumerate(paths):
        body = fetch(daemon.port, path)
        json.loads(body)
        names.append('/%d-%s' % (len(body), i))
        (nginx.folder / 'root' / names[-1][1:]).write_bytes(body)
    return names


def measure(name, folder, daemon, nginx, paths, script, seconds):
    few = paths[:AGAIN]
    files = static(nginx, daemon, few)
    bytes_each = int(files[0][1:].split('-')[0])
    rounds = []
    for _ in range(3):
        rounds.append((wrk(folder, daemon.port, paths, script, seconds), wrk(folder, nginx.port, files, WALK, seconds)))
    (rate, p99), (peer_rate, _) = sorted(rounds)[1]
    target = TARGETS[name]
    reached = rate / target if target > 10 else rate / peer_rate / target
    print('| %-11s | %7d | %9d | %6.2f | %12d | %5.2f | %s |' % (
        name, bytes_each, rate, p99, peer_rate, rate / peer_rate,
        ('%d/s' if target > 10 else 'ratio %.1f') % target + (' reached' if reached >= 1 else ' MISSED')), flush=True)
    return reached >= 1


class Load:
    """Carbon lines for the series of the questions and many more, as long as it lasts."""

    def __init__(self, program, daemon, port):
        self.program, self.daemon, self.port = program, daemon, port

    def __enter__(self):
        names = ['web-%04d.example.load.ds%d' % (i, k) for i in range(HOSTS) for k in range(DS)]
        names += ['agent-%04d.p%02d.ds%d' % (i // 100, i // 10 % 10, i % 10) for i in range(LOAD_SERIES - len(names))]
        self.process = subprocess.Popen([self.program, str(self.port), str(LOAD_RATE), str(LOAD_CONNECTIONS)], text=True,
                                        stdin=subprocess.PIPE, preexec_fn=_die_with_parent)
        self.process.stdin.write(''.join(n + '\n' for n in names))
        self.process.stdin.close()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def taken(self):
        _, _, body = self.daemon.request('GET', '/metrics')
        return int(re.search(rb'^numeter_storage_points_accepted_total (\d+)', body, re.MULTILINE)[1])


class Flushing:
    """Every series is written, and again from the beginning, as long as it lasts."""

    def __init__(self, daemon):
        self.daemon, self.passes, self.ending = daemon, 0, False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ending:
            self.daemon.flush()
            self.passes += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending = True
        self.thread.join()


def measure_loaded(name, folder, daemon, load, paths, script, seconds):
    rounds = []
    for _ in range(3):
        before, begun = load.taken(), time.monotonic()
        rate, p99 = wrk(folder, daemon.port, paths, script, seconds)
        rounds.append((p99, rate, (load.taken() - before) / (time.monotonic() - begun)))
    p99, rate, taken = sorted(rounds)[1]
    fine = p99 <= LOAD_P99_MS and taken >= 0.98 * LOAD_RATE
    print('| %-21s | %9d | %6.2f | %8d | p99 %d ms %s |' % (name, rate, p99, taken, LOAD_P99_MS,
                                                            'reached' if fine else 'MISSED'), flush=True)
    return fine


def loaded(folder, pace, daemon, port, paths, seconds):
    fine = True
    print('| while points come in   | requests/s | p99 ms | points/s | target |')
    with Load(pace, daemon, port) as load:
        time.sleep(2)  # all series are known
        for what, questions, script in ('new', paths, NEW), ('again', paths[:AGAIN], WALK):
            fine &= measure_loaded('data, ' + what, folder, daemon, load, questions, script, seconds)
        with Flushing(daemon):
            for what, questions, script in ('new', paths, NEW), ('again', paths[:AGAIN], WALK):
                fine &= measure_loaded('data, %s, flushing' % what, folder, daemon, load, questions, script, seconds)
    return fine


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    rest_fill, os.environ['NUMETER_STORAGE'] = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    carbon_port = free_port()
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    folder = Path(tempfile.mkdtemp(prefix='numeter-bench-'))
    fine = True
    try:
        print('| what        |   bytes | requests/s | p99 ms | nginx static | ratio | target |')
        with RedisServer() as redis, Nginx(folder / 'nginx') as nginx:
            (folder / 'data').mkdir()
            keys = {'http_ingest': 'true', 'metadata': 'redis', 'redis_storage_host': '127.0.0.1',
                    'redis_storage_port': redis.port, 'flush_interval_s': 600,
                    'carbon_listen': '127.0.0.1:%d' % carbon_port}
            with Daemon(folder / 'data', **keys) as daemon:
                paths = fill(daemon, rest_fill, folder)
                fine &= measure('data, new', folder, daemon, nginx, paths, NEW, seconds)
                fine &= measure('data, again', folder, daemon, nginx, paths[:AGAIN], WALK, seconds)
                hosts, plugins = fill_metadata(daemon)
                fine &= measure('hosts', folder, daemon, nginx, [hosts], WALK, seconds)
                fine &= measure('list', folder, daemon, nginx, [plugins], WALK, seconds)
                fine &= loaded(folder, Path(rest_fill).with_name('carbon_pace'), daemon, carbon_port, paths, seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if fine else 1)


if __name__ == '__main__':
    main()

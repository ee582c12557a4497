#!/usr/bin/python3
"""The packages on a fresh Debian 12: the manual's own commands, run in its order; pollers of today publishing; the init
script; an upgrade with data in place; the original's files and Redis taken over; purge. Servers are Debian's, started by
their own scripts. Needs root, debootstrap and Debian's mirror."""
import glob
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from machine import ROOT, Machine, blocks, build_packages, copy_source, make_base, offer, run  # noqa: E402
import systemd  # noqa: E402
from support import recorded  # noqa: E402
from support.case import main  # noqa: E402
from support.goldens import GOLDEN, NOW, load_goldens, same  # noqa: E402

HOST = 'myhost-123456'
NEXT = '0.1.0+next'  # sorts behind the changelog's version


def setUpModule():
    if os.geteuid() != 0 or shutil.which('debootstrap', path='/usr/sbin') is None:
        raise unittest.SkipTest('needs root and debootstrap')
    Packages.folder = Path(tempfile.mkdtemp(prefix='numeter-packages-'))
    unittest.addModuleCleanup(shutil.rmtree, Packages.folder, True)
    Packages.debs = build_packages(Packages.folder / 'debs')
    Packages.base = Units.base = make_base(Packages.folder, Packages.debs)
    Units.folder = Packages.folder


class Units(systemd.Systemd):
    """In this module, whose folder and packages they share."""


class Packages(unittest.TestCase):
    def machine(self, recommends=False):
        m = Machine(self.base, self.folder, 'manualhost')
        self.addCleanup(m.__exit__)
        m.__enter__()
        if not recommends:
            (m.root / 'etc/apt/apt.conf.d/recommends').write_text('APT::Install-Recommends "false";\n')
        return m

    def publish(self, m, host, n=40):
        """The recorded messages, as of now, by oslo.messaging inside; returns {plugin: info text} and {(plugin, ds): value}."""
        messages = recorded.of_host(recorded.ending_at(recorded.load('messages.jsonl'), time.time()), host)
        first = [x for x in messages if x['context']['type'] == 'info'][:n]
        last = [x for x in messages if x['context']['type'] == 'data'][-n:]
        (m.root / 'tmp-publish').mkdir(exist_ok=True)
        shutil.copy(ROOT / 'tests/support/oslo_publisher.py', m.root / 'tmp-publish')
        with open(m.root / 'tmp-publish/messages', 'w') as f:
            f.write(''.join(json.dumps(x) + '\n' for x in first + last))
        said = m.sh('cd /tmp-publish; python3 -P -W ignore oslo_publisher.py cast rabbit://guest:guest@127.0.0.1:5672// messages')
        self.assertEqual(said.strip(), 'sent %d' % len(first + last))
        infos = {x['context']['plugin']: x['args']['message'] for x in first}
        return infos, last

    def curl(self, m, path, port=8080):
        return json.loads(m.sh("curl -sf 'http://127.0.0.1:%d/numeter-storage/%s'" % (port, path)))

    def foreground(self, m, command):
        """As an administrator tries it: started by root in the foreground, looked at, ended by Ctrl-C."""
        process = m.start(command)
        m.wait('curl -sf http://127.0.0.1:8081/numeter-storage/')
        self.assertIsNone(process.poll())
        m.sh('kill -INT $(cat /run/numeter/numeter-storage.sock.lock)')
        self.assertEqual(process.wait(20), 0, process.stdout.read())
        process.stdout.close()

    def follow(self, m, page):
        for kind, text in blocks(page):
            if kind == 'foreground':
                self.foreground(m, text)
            elif kind != 'look':
                m.sh('set -e\n' + text)

    def test_lintian(self):
        said = run('lintian', '--fail-on', 'error,warning', '--suppress-tags', 'bad-distribution-in-changes-file',
                   *self.debs)
        self.assertNotRegex(said, '(?m)^[EW]: ')

    def test_two_builds_without_network_are_equal(self):
        """In a machine that has nothing but the build dependencies, cut off: twice, in other places at another time zone."""
        m = self.machine()
        built = []
        for place, zone in (('one', 'UTC'), ('two/deeper', 'Asia/Tokyo')):
            copy_source(m.root / 'build' / place / 'numeter-storage')
            m.sh('cd /build/%s/numeter-storage && apt-get build-dep -y -P nocheck . && '
                 'DEB_BUILD_OPTIONS="nocheck noautodbgsym parallel=2" TZ=%s dpkg-buildpackage -us -uc -b -Pnocheck'
                 % (place, zone), 900)
            built.append({d.name: d.read_bytes() for d in (m.root / 'build' / place).glob('*.deb')})
        self.assertEqual(sorted(built[0]), sorted(d.name for d in self.debs))
        self.assertEqual(sorted(built[0]), sorted(built[1]))
        for name in built[0]:
            self.assertTrue(built[0][name] == built[1][name], name)

    def test_autopkgtests(self):
        for name in ('embedded', 'with-servers'):
            m = self.machine()
            control = (ROOT / 'debian/tests/control').read_text()
            depends = re.search(r'Tests: %s\nDepends: (.*)' % name, control).group(1)
            m.sh('apt-get install -y ' + depends.replace(',', ' '))
            shutil.copy(ROOT / 'debian/tests' / name, m.root / 'autopkgtest')
            m.sh('/autopkgtest')

    def test_the_manual_as_written(self):
        m = self.machine(recommends=True)
        self.follow(m, 'install.md')
        m.sh('apt-get install -y --no-install-recommends procps python3-oslo.messaging python3-whisper')
        # published to a storage that the manual has started
        m.wait("rabbitmqctl -q list_queues name consumers | grep -P 'manualhost\\t1'")
        infos, data = self.publish(m, HOST)
        m.wait("curl -s http://127.0.0.1:8080/numeter-storage/hosts | grep -q '\"Name\": \"myhost\"'")
        looks = [line for kind, text in blocks('install.md') if kind == 'look' for line in text.splitlines()]
        self.assertEqual(len(looks), 5)
        all_hosts, info, folder, hosts, plugins = [m.sh(line) for line in looks[:3]] + [
            json.loads(m.sh(line.replace('curl', 'curl -sf', 1))) for line in looks[3:]]
        self.assertEqual(all_hosts.splitlines()[0], HOST)
        self.assertEqual(json.loads(all_hosts.splitlines()[1]), hosts[HOST])
        self.assertEqual(info.rstrip('\n'), infos['df'])
        self.assertEqual(folder.strip(), '/var/lib/numeter/wsps/%s/%s' % (hosts[HOST]['hostIDHash'], HOST))
        self.assertEqual(sorted(hosts), [HOST])
        self.assertEqual({p: json.dumps(i) for p, i in plugins.items()},
                         {p: json.dumps(json.loads(i)) for p, i in infos.items() if p != 'MyInfo'})
        # a value, through nginx and through uWSGI, and by Graphite's own reader
        last = data[-1]
        payload = recorded.payload(last)
        ds, value = next((k, v) for k, v in payload['Values'].items() if v != 'U')
        query = 'data?host=%s&plugin=%s&ds=%s&res=Daily' % (HOST, last['context']['plugin'], ds)
        m.wait("curl -s 'http://127.0.0.1:8080/numeter-storage/%s' | grep -q '\"%s\": .*[0-9]\\]\\|[0-9], null'" % (query, ds))
        reply = self.curl(m, query)
        slot = (int(payload['TimeStamp']) // 60 * 60 - reply['TS_start']) // 60
        self.assertEqual(reply['DATAS'][ds][slot], float(value))
        m.sh('apt-get install -y uwsgi')
        m.sh("printf 'server { listen 8090; location / { include uwsgi_params; uwsgi_pass 127.0.0.1:3031; } }' "
             '>/etc/nginx/sites-enabled/by-uwsgi; /etc/init.d/nginx restart')
        self.assertEqual(json.loads(m.sh("curl -sf http://127.0.0.1:8090/numeter-storage/hosts")), hosts)
        m.sh('numeterctl flush')
        fetched = m.sh("whisper-fetch %s/%s/%s.wsp | grep ^%d" % (folder.strip(), last['context']['plugin'], ds,
                                                                int(payload['TimeStamp']) // 60 * 60))
        self.assertAlmostEqual(float(fetched.split()[1]), float(value), places=5)
        # nothing of root's where the service must write
        self.assertEqual(m.sh('find /var/lib/numeter /var/log/numeter -user root'), '')
        self.init_script(m)
        self.poller(m)
        self.purge(m)

    def init_script(self, m):
        self.assertIn('is running', m.sh('/etc/init.d/numeter-storage status'))
        m.sh('/etc/init.d/numeter-storage start')  # again: fine
        m.sh('/etc/init.d/numeter-storage reload')
        before = m.sh('cat /run/numeter-storage.pid')
        m.sh('/etc/init.d/numeter-storage restart')
        self.assertNotEqual(before, m.sh('cat /run/numeter-storage.pid'))
        m.wait('curl -sf http://127.0.0.1:8081/numeter-storage/hosts')
        m.sh('/etc/init.d/numeter-storage stop')
        self.assertEqual(m.try_sh('/etc/init.d/numeter-storage status')[0], 3)
        m.sh('/etc/init.d/numeter-storage stop')
        m.sh("sed -i 's/^enable = true/enable = false/' /etc/numeter/numeter_storage.cfg")
        status, said = m.try_sh('/etc/init.d/numeter-storage start')
        self.assertEqual((status, said.count('\n')), (0, 1), said)
        self.assertIn('enable is false', said)
        m.sh("sed -i 's/^enable = false/enable = true/; s/^rpc_prefetch.*//' /etc/numeter/numeter_storage.cfg; "
             'echo "rpc_prefetch = many" >>/etc/numeter/numeter_storage.cfg')
        status, said = m.try_sh('/etc/init.d/numeter-storage start')
        self.assertNotEqual(status, 0)
        self.assertRegex(said, r'numeter_storage.cfg:\d+: rpc_prefetch: ')
        m.sh("sed -i '/^rpc_prefetch = many/d' /etc/numeter/numeter_storage.cfg; /etc/init.d/numeter-storage start")

    def poller(self, m):
        m.sh('apt-get install -y numeter-poller munin-node')
        config = m.sh('cat /etc/numeter/numeter_poller.cfg; stat -c %a:%U:%G /etc/numeter/numeter_poller.cfg')
        self.assertRegex(config, r'(?m)^host_id = \d{10}-[0-9a-f]{32}$')
        self.assertIn('640:root:numeter', config)
        host_id = re.search(r'(?m)^host_id = (\S+)', config).group(1)
        m.sh("sed -i 's/^enable = false/enable = true/' /etc/numeter/numeter_poller.cfg; /etc/init.d/munin-node restart; "
             'echo %s >>/etc/numeter/host-list; /etc/init.d/numeter-storage restart; /etc/init.d/numeter-poller start' % host_id)
        self.assertIn('is running', m.sh('/etc/init.d/numeter-poller status'))
        m.wait("curl -s 'http://127.0.0.1:8080/numeter-storage/list?host=%s' | grep -q '\"cpu\"'" % host_id, 130)
        m.sh('/etc/init.d/numeter-poller stop')

    def purge(self, m):
        m.sh('apt-get purge -y numeter-poller')
        said = m.sh('apt-get purge -y numeter-storage')
        self.assertIn('the measured values stay in /var/lib/numeter', said)
        left = m.sh('find / -xdev -iname "*numeter*" -not -path "/proc/*" -not -path "/repo/*" -not -path "/tmp-publish/*" '
                    '-not -path "/var/lib/rabbitmq/*" -not -path "/var/cache/*" -not -path "/var/lib/apt/*" '
                    '-not -path "/var/log/*" -not -path "/etc/apt/*"').splitlines()
        ours = [p for p in left if not p.startswith('/var/lib/numeter')]
        # copied by the administrator, as the manual says
        self.assertEqual(sorted(ours), [
            '/etc/nginx/sites-available/numeter-storage-web', '/etc/nginx/sites-enabled/numeter-storage-web',
            '/etc/uwsgi/apps-available/numeter-storage-uwsgi.ini', '/etc/uwsgi/apps-enabled/numeter-storage-uwsgi.ini'])
        self.assertEqual(m.try_sh('ls /etc/numeter')[0], 2)
        self.assertEqual(m.try_sh('pidof numeter-storage numeter-poller')[0], 1)

    def test_quick_start_and_upgrade(self):
        m = self.machine()
        m.sh('apt-get install -y procps curl python3-whisper')
        self.follow(m, 'quick-start.md')
        m.wait("curl -s http://127.0.0.1:8081/numeter-storage/categories | grep -q '\"cpu\"'", 130)
        host = next(iter(self.curl(m, 'hosts', 8081)))
        m.sh('/etc/init.d/numeter-poller stop')
        now = int(time.time()) // 60 * 60
        points = {now - 60 * i: i + 0.5 for i in range(200)}
        body = json.dumps([{'hostid': host, 'type': 'data', 'plugin': 'upgrade',
                            'message': {'TimeStamp': t, 'Values': {'a': v}}} for t, v in points.items()])
        (m.root / 'body.json').write_text(body)
        said = m.sh("curl -sf -H 'Content-Type: application/json' --data @/body.json "
                    'http://127.0.0.1:8081/numeter-storage/ingest')
        self.assertEqual(json.loads(said), {'accepted': len(points), 'rejected': []})
        m.sh('echo "# of the administrator" >>/etc/numeter/host-list')
        config = m.sh('cat /etc/numeter/numeter_storage.cfg /etc/numeter/numeter_poller.cfg')
        offer(m.root, build_packages(self.folder / 'next', NEXT))
        m.sh("apt-get update -o Dir::Etc::SourceList=/etc/apt/sources.list.d/numeter.list -o Dir::Etc::SourceParts=/dev/null")
        before = m.sh('cat /run/numeter-storage.pid')
        m.sh('apt-get install -y --only-upgrade numeter-storage numeter-poller')
        self.assertEqual(m.sh("dpkg-query -W -f '${Version}' numeter-storage"), NEXT)
        self.assertNotEqual(before, m.sh('cat /run/numeter-storage.pid'))
        self.assertEqual(config, m.sh('cat /etc/numeter/numeter_storage.cfg /etc/numeter/numeter_poller.cfg'))
        self.assertIn('# of the administrator', m.sh('cat /etc/numeter/host-list'))
        m.wait('curl -sf http://127.0.0.1:8081/numeter-storage/hosts')
        reply = self.curl(m, 'data?host=%s&plugin=upgrade&ds=a&from=-5h' % host, 8081)
        self.assertEqual({reply['TS_start'] + 60 * i: v for i, v in enumerate(reply['DATAS']['a']) if v is not None}, points)
        m.sh('apt-get remove -y numeter-storage; test -e /etc/numeter/numeter_storage.cfg; test -d /var/lib/numeter/wsps')

    def test_the_original_is_taken_over(self):
        """Its tree, Redis content, configuration and not durable queue; its replies to the recorded requests."""
        m = self.machine()
        m.sh('apt-get install -y procps rabbitmq-server redis-server redis-tools curl python3-oslo.messaging')
        with tarfile.open(GOLDEN / 'tree.tar.gz') as tar:
            tar.extractall(m.root / 'srv')
        fields = json.loads((GOLDEN / 'redis.json').read_text())
        protocol = b''.join(b'*4\r\n' + b''.join(b'$%d\r\n%s\r\n' % (len(x), x) for x in (
            b'HSET', key.encode(), field.encode(), value.encode())) for key, values in fields.items()
            for field, value in values.items())
        (m.root / 'redis.txt').write_bytes(protocol)
        m.sh('redis-cli -n 2 --pipe </redis.txt')
        # as the original declares it: neither durable nor deleted with its consumer
        (m.root / 'declare.py').write_text(
            'import kombu\n'
            'c = kombu.Connection("amqp://guest:guest@127.0.0.1//").channel()\n'
            'c.exchange_declare("numeter", "topic", durable=False, auto_delete=False)\n'
            'c.queue_declare("manualhost", durable=False, auto_delete=False)\n')
        m.sh('python3 /declare.py; apt-get install -y numeter-storage; chown -R numeter: /srv/wsps')
        for lib in glob.glob('/usr/lib/*/faketime/libfaketimeMT.so.1'):
            (m.root / 'opt').mkdir(exist_ok=True)
            shutil.copy(lib, m.root / 'opt/faketime.so')
        m.sh("sed -i -e 's/^enable = false/enable = true/' -e 's|^wsp_path = .*|wsp_path = /srv/wsps|' "
             "-e 's/^#res_windows = .*/res_windows = original/' /etc/numeter/numeter_storage.cfg; echo %s >>/etc/numeter/host-list" % HOST)
        process = m.start('LD_PRELOAD=/opt/faketime.so FAKETIME=%d FAKETIME_FMT=%%s FAKETIME_DONT_FAKE_MONOTONIC=1 '
                          'exec numeter-storage' % NOW)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        m.wait('curl -sf http://127.0.0.1:8081/numeter-storage/hosts')
        n = 0
        for name, golden in load_goldens().items():
            if golden['now'] != NOW or name not in ('004', '010', '017', '022', '026', '039', '040', '041', '042', '047'):
                continue
            with self.subTest(name):
                got = m.sh("curl -sfg 'http://127.0.0.1:8081%s'" % golden['request'].split(' ', 1)[1].replace("'", '%27'))
                self.assertTrue(same(json.loads(got), json.loads(golden['body'])))
                n += 1
        self.assertGreaterEqual(n, 6)
        m.wait("rabbitmqctl -q list_queues name durable consumers | grep -P 'manualhost\\tfalse\\t1'")
        self.publish(m, HOST)
        m.wait('redis-cli -n 2 HGET HOSTS %s | grep -q "lab host"' % HOST)


if __name__ == '__main__':
    main()

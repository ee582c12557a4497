"""The units under a real systemd, in a container of its own: notify, watchdog, reload, sandbox, restart after a crash; a
package that is installed and not enabled is not failed; tried by hand as root first, the service starts all the same."""
import json
import os
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path

from machine import ROOT, Machine, run

NSPAWN = shutil.which('systemd-nspawn', path='/usr/bin')
EXPOSURE_MOST = 20  # tenths: 2.0


class Container(Machine):
    """The same folder with a systemd as its first process."""

    def boot_systemd(self):
        self.halt()
        self.process = subprocess.Popen(
            [NSPAWN, '-q', '-D', str(self.root), '--private-network', '--register=no', '--keep-unit', '--boot',
             '--machine=numeter-test', '--link-journal=no'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        end = time.monotonic() + 60
        while True:
            children = Path('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid)).read_text().split()
            if children:
                break
            assert time.monotonic() < end and self.process.poll() is None, 'systemd-nspawn starts'
            time.sleep(0.1)
        self.pid = int(children[0])
        self.wait('systemctl is-system-running --wait | grep -E "running|degraded"', 120)

    def _inside(self):
        if self.process is not None and self.process.args[0] == NSPAWN:
            return ['nsenter', '-t', str(self.pid), '-m', '-n', '-p', '-u', '-i', '-r', '-w']
        return super()._inside()


@unittest.skipIf(os.geteuid() != 0 or NSPAWN is None, 'needs root and systemd-nspawn')
class Systemd(unittest.TestCase):
    def test_exposure(self):
        for name in ('numeter-storage', 'numeter-poller'):
            said = run('systemd-analyze', 'security', '--offline=yes', '--no-pager', '--threshold=%d' % EXPOSURE_MOST,
                       ROOT / 'packaging/systemd' / (name + '.service'))
            exposure = float(re.search(r'Overall exposure level for \S+: ([\d.]+)', said).group(1))
            self.assertLessEqual(exposure, EXPOSURE_MOST / 10)

    folder = base = None  # of the module that runs this

    def test_units(self):
        self.began = int(time.time())
        m = Container(self.base, self.folder, 'systemdhost')
        self.addCleanup(m.__exit__)
        m.__enter__()
        m.sh('apt-get install -y systemd-sysv dbus procps curl; apt-get install -y --no-install-recommends '
             'numeter-storage numeter-poller munin-node')
        m.boot_systemd()
        self.not_enabled(m)
        m.sh("sed -i -e 's/^enable = false/enable = true/' -e 's/^rpc_hosts = .*/rpc_hosts =/' "
             "-e 's|^#metadata = .*|metadata = sqlite:/var/lib/numeter/metadata.sqlite|' -e 's/^log_level = .*/log_level = info/' "
             "-e 's/^#http_ingest = .*/http_ingest = true/' /etc/numeter/numeter_storage.cfg")
        self.by_hand(m)
        m.sh('systemctl start numeter-storage')  # Type=notify: comes back when it is ready
        self.assertEqual(self.post(m, 1), {'accepted': 1, 'rejected': []})
        self.sandbox(m)
        self.reload(m)
        self.crash(m)
        self.watchdog(m)
        self.poller(m)
        values = json.loads(m.sh("curl -sf 'http://127.0.0.1:8081/numeter-storage/data?host=h&plugin=p&ds=a&from=-1h'"))
        self.assertEqual([v for v in values['DATAS']['a'] if v is not None], [3, 2, 1])  # two minutes older each
        m.sh('systemctl stop numeter-storage')
        self.assertEqual(self.show(m, 'Result', 'ActiveState'), {'Result': 'success', 'ActiveState': 'inactive'})

    def show(self, m, *names, unit='numeter-storage'):
        said = m.sh('systemctl show %s %s' % (unit, ' '.join('-p ' + n for n in names)))
        return dict(line.split('=', 1) for line in said.splitlines())

    def post(self, m, value):
        body = json.dumps({'hostid': 'h', 'type': 'data', 'plugin': 'p',
                           'message': {'TimeStamp': self.began - 120 * value, 'Values': {'a': value}}})
        (m.root / 'body.json').write_text(body)
        return json.loads(m.sh("curl -sf -H 'Content-Type: application/json' --data @/body.json "
                               'http://127.0.0.1:8081/numeter-storage/ingest'))

    def not_enabled(self, m):
        for unit in ('numeter-storage', 'numeter-poller'):
            self.assertEqual(m.sh('systemctl is-enabled ' + unit).strip(), 'enabled')
            m.try_sh('systemctl start ' + unit)
            self.assertEqual(self.show(m, 'ActiveState', 'NRestarts', unit=unit),
                             {'ActiveState': 'inactive', 'NRestarts': '0'})
        self.assertNotIn('numeter', m.try_sh('systemctl --failed --no-legend')[1])

    def by_hand(self, m):
        m.sh('rm -rf /run/numeter')
        process = m.start('numeter-storage')
        m.wait('curl -sf http://127.0.0.1:8081/numeter-storage/')
        m.sh('kill -INT $(cat /run/numeter/numeter-storage.sock.lock)')
        self.assertEqual(process.wait(20), 0)
        process.stdout.close()

    def sandbox(self, m):
        shown = self.show(m, 'Type', 'WatchdogUSec', 'MainPID', 'ActiveState')
        self.assertEqual((shown['Type'], shown['WatchdogUSec'], shown['ActiveState']), ('notify', '1min', 'active'))
        pid = shown['MainPID']
        status = m.sh('cat /proc/%s/status' % pid)
        self.assertRegex(status, r'(?m)^CapEff:\s0+$')
        self.assertRegex(status, r'(?m)^NoNewPrivs:\s1$')
        self.assertRegex(status, r'(?m)^Seccomp:\s2$')
        self.assertEqual(m.sh('stat -c %%U /proc/%s' % pid).strip(), 'numeter')
        said = m.try_sh('nsenter -t %s -m touch /etc/numeter/written' % pid)
        self.assertIn('Read-only file system', said[1])
        # and still the flusher could give way, files and sockets be made
        self.assertIn('pid %s' % pid, m.sh('numeterctl status'))
        m.sh('numeterctl flush; ls /var/lib/numeter/wsps/*/h/p/a.wsp')

    def reload(self, m):
        pid = self.show(m, 'MainPID')['MainPID']
        m.sh('mv /var/log/numeter/numeter-storage.log /var/log/numeter/rotated; systemctl reload numeter-storage')
        m.wait('grep -q . /var/log/numeter/numeter-storage.log')
        self.assertEqual(self.show(m, 'MainPID', 'ActiveState'), {'MainPID': pid, 'ActiveState': 'active'})

    def crash(self, m):
        pid = self.show(m, 'MainPID')['MainPID']
        m.sh('kill -9 ' + pid)
        m.wait('curl -sf http://127.0.0.1:8081/numeter-storage/ && [ $(systemctl show -P MainPID numeter-storage) != %s ]' % pid)
        m.wait('systemctl is-active numeter-storage')
        self.assertEqual(self.post(m, 2), {'accepted': 1, 'rejected': []})

    def watchdog(self, m):
        m.sh('mkdir -p /etc/systemd/system/numeter-storage.service.d; '
             "printf '[Service]\\nWatchdogSec=2s\\n' >/etc/systemd/system/numeter-storage.service.d/watchdog.conf; "
             'systemctl daemon-reload; systemctl restart numeter-storage')
        time.sleep(5)  # longer than the watchdog waits: it is told
        self.assertEqual(self.show(m, 'NRestarts', 'ActiveState'), {'NRestarts': '0', 'ActiveState': 'active'})
        pid = self.show(m, 'MainPID')['MainPID']
        m.sh('kill -STOP ' + pid)
        m.wait('systemctl is-active numeter-storage && [ $(systemctl show -P MainPID numeter-storage) != %s ]' % pid)
        self.assertEqual(self.show(m, 'NRestarts')['NRestarts'], '1')
        m.wait('curl -sf http://127.0.0.1:8081/numeter-storage/')
        self.assertEqual(self.post(m, 3), {'accepted': 1, 'rejected': []})

    def poller(self, m):
        m.sh("sed -i -e 's/^enable = false/enable = true/' -e 's|^#storage_url = .*|storage_url = "
             "http://127.0.0.1:8081/numeter-storage/ingest|' -e 's/^poller_time = .*/poller_time = 2/' "
             '/etc/numeter/numeter_poller.cfg; systemctl start munin-node; systemctl start numeter-poller')
        m.wait("curl -s http://127.0.0.1:8081/numeter-storage/categories | grep -q '\"load\"'")
        self.assertEqual(self.show(m, 'ActiveState', 'Type', unit='numeter-poller'),
                         {'ActiveState': 'active', 'Type': 'notify'})


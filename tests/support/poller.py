"""numeter-poller as a child process, with a configuration, spool and log of its own."""
import json
import os
import re
import subprocess
from pathlib import Path

from .program import Program, _SANITIZER, _die_with_parent
from .wait import SLOW


def program():
    return os.environ['NUMETER_POLLER']


class Poller(Program):
    """
    with Poller(folder, munin_port=node.port, storage_url=…) as p: …

    Keyword arguments are keys of [global], munin_* and plugins_enable of [MuninModule], my_* of [MyInfo]; None leaves
    one out. It polls every second unless told otherwise.
    """
    title = 'poller'

    def __init__(self, folder, host_id='1795342600-0123456789abcdef', **keys):
        self.folder = Path(folder)
        self.host_id = host_id
        self.config_path = self.folder / 'numeter_poller.cfg'
        self.log_path = self.folder / 'numeter-poller.log'
        self.spool_path = self.folder / 'poller' / 'spool'
        self.stderr_path = self.folder / 'poller-stderr'
        self.process = None
        self.keys = dict({'enable': 'true', 'user': 'root', 'group': 'root', 'log_level': 'debug', 'log_level_stdr': 'warning',
                          'log_path': self.log_path, 'spool_path': self.spool_path, 'poller_time': 1,
                          'plugins_refresh_time': 300, 'my_host_id': host_id, 'my_name': 'test host'}, **keys)
        self.write_config()

    def write_config(self, **keys):
        self.keys.update(keys)
        sections = {'global': [], 'MuninModule': [], 'MyInfo': []}
        for key, value in self.keys.items():
            if value is None:
                continue
            if key.startswith('my_'):
                sections['MyInfo'].append('%s = %s' % (key[3:], value))
            else:
                munin = key.startswith('munin_') or key == 'plugins_enable'
                sections['MuninModule' if munin else 'global'].append('%s = %s' % (key, value))
        self.config_path.write_text(''.join('[%s]\n%s\n\n' % (name, '\n'.join(lines))
                                            for name, lines in sections.items()))

    def run(self, *arguments, timeout_s=30):
        """To its end: (status, stdout, stderr)."""
        done = subprocess.run([program(), '-c', str(self.config_path)] + list(arguments), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=timeout_s * SLOW, preexec_fn=_die_with_parent)
        stderr = done.stderr.decode(errors='replace')
        report = _SANITIZER.search(stderr)
        assert report is None, report.group(0)[:8000]
        return done.returncode, done.stdout.decode(), stderr

    def printed(self, status=0):
        """What it would send: [{"topic", "context", "args": {"message": payload}}], the payload taken apart."""
        got, out, err = self.run('--once', '--print')
        assert got == status, (got, err)
        return [dict(m, args={'message': json.loads(m['args']['message'])}) for m in map(json.loads, out.splitlines())]

    # ---- life

    def start(self):
        assert self.process is None, 'it runs already'
        with open(self.stderr_path, 'ab') as err:
            self.process = subprocess.Popen([program(), '-c', str(self.config_path)], stdin=subprocess.DEVNULL,
                                            stdout=err, stderr=err, preexec_fn=_die_with_parent)
        return self

    # ---- what it says

    def memory_kb(self):
        """{'VmRSS': …, 'RssAnon': …}"""
        status = Path('/proc/%d/status' % self.process.pid).read_text()
        return {k: int(v) for k, v in re.findall(r'^(VmRSS|RssAnon):\s+(\d+) kB', status, re.M)}

    def cpu_s(self):
        field = Path('/proc/%d/stat' % self.process.pid).read_text().rpartition(')')[2].split()
        return (int(field[11]) + int(field[12])) / os.sysconf('SC_CLK_TCK')

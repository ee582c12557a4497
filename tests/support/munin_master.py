"""munin's master: one run of munin-update with a configuration and folders of its own."""
import os
import pwd
import subprocess
from pathlib import Path

from .program import _die_with_parent

MUNIN_UPDATE = '/usr/share/munin/munin-update'
HAVE_MUNIN = os.access(MUNIN_UPDATE, os.R_OK)


class MuninMaster:
    """
    nodes    {'group;host': port of a node on this machine}
    .dbdir   the tree of .rrd files and the datafile
    """

    def __init__(self, folder, nodes):
        self.folder = Path(folder)
        self.dbdir = self.folder / 'db'
        lines = ['%s %s' % (key, self.folder / name) for key, name in
                 (('dbdir', 'db'), ('htmldir', 'html'), ('logdir', 'log'), ('rundir', 'run'))]
        lines += ['tmpldir /etc/munin/templates', 'includedir %s' % (self.folder / 'none'), 'timeout 20']
        for name, port in nodes.items():
            lines += ['[%s]' % name, '  address 127.0.0.1', '  port %d' % port, '  use_node_name no']
        for name in ('db', 'html', 'log', 'run', 'none', 'db/cgi-tmp'):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.config_path = self.folder / 'munin.conf'
        self.config_path.write_text('\n'.join(lines) + '\n')
        self.user = None
        if os.geteuid() == 0:  # it is not to run as root
            self.user = pwd.getpwnam('munin')
            for path in [self.folder, *self.folder.rglob('*')]:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def _become_munin(self):
        if self.user is not None:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        _die_with_parent()

    def update(self):
        done = subprocess.run([MUNIN_UPDATE, '--config', str(self.config_path), '--nofork'], cwd=self.folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                              preexec_fn=self._become_munin, env={'PATH': '/usr/bin:/bin:/usr/sbin:/sbin', 'LC_ALL': 'C'})
        log = self.folder / 'log' / 'munin-update.log'
        if done.returncode != 0 or not (self.dbdir / 'datafile').exists():
            raise AssertionError('munin-update: %d: %s\n%s' % (
                done.returncode, done.stdout.decode(errors='replace'),
                log.read_text(errors='replace') if log.exists() else ''))

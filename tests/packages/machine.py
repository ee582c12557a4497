"""A fresh Debian 12 in a folder, in namespaces of its own: its network has nothing but loopback, its processes die with it."""
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MIRROR = 'http://deb.debian.org/debian'
SUITE = 'bookworm'
# What the manual has installed, and what the tests need beside it: fetched beforehand, for there is no network inside.
# A line is what is installed in one go, as then other packages come along.
FETCHED = (
    'rabbitmq-server redis-server redis-tools nginx curl',
    'numeter-storage numeter-poller munin-node',
    'uwsgi',
    'procps python3-oslo.messaging python3-whisper',
    'systemd-sysv dbus',
)

# The first process inside: buries the dead, as an init does.
REAPER = '''
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
print("ready", flush=True)
while True:
    signal.sigwait([signal.SIGCHLD])
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
'''


def run(*command, **keys):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **keys)
    if done.returncode != 0:
        raise AssertionError('%s: %d\n%s' % (' '.join(map(str, command)), done.returncode, done.stdout[-6000:]))
    return done.stdout


def copy_source(to):
    """The tracked files as they stand."""
    to.mkdir(parents=True)
    files = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(['xargs', '-0', 'cp', '-P', '--parents', '-t', str(to)], cwd=ROOT, input=files, check=True)


def build_packages(folder, version=None):
    """The tree's packages, built without tests: paths of the .deb files. version: another one than the changelog's."""
    source = Path(folder) / ('source-' + (version or 'now'))
    copy_source(source)
    if version is not None:
        changelog = source / 'debian' / 'changelog'
        text = changelog.read_text()
        first = text.split('\n', 1)[0]
        now = first[first.index('(') + 1:first.index(')')]
        changelog.write_text(text.replace('(%s)' % now, '(%s)' % version, 1))
    run('dpkg-buildpackage', '-us', '-uc', '-b', cwd=source,
        env=dict(os.environ, DEB_BUILD_OPTIONS='nocheck noautodbgsym parallel=2'))
    shutil.rmtree(source)
    debs = sorted(Path(folder).glob('*.deb') if version is None else Path(folder).glob('*_%s_*.deb' % version))
    return [d for d in debs if 'dbgsym' not in d.name]


def make_base(folder, debs):
    """debootstrap, our packages as an apt archive of their own, everything else fetched: the lower layer of machines."""
    base = Path(folder) / 'base'
    run('debootstrap', '--variant=minbase', '--include=ca-certificates', SUITE, base, MIRROR)
    shutil.copy('/etc/resolv.conf', base / 'etc' / 'resolv.conf')
    (base / 'etc/apt/sources.list').write_text('deb %s %s main\n' % (MIRROR, SUITE))
    (base / 'etc/apt/sources.list.d/numeter.list').write_text('deb [trusted=yes] file:/repo ./\n')
    offer(base, debs)
    run('chroot', base, 'apt-get', 'update', '-qq')
    copy_source(base / 'build-dep')
    run('chroot', base, 'sh', '-c', 'apt-get build-dep -qq -y -P nocheck --download-only /build-dep; rm -r /build-dep')
    for line in FETCHED:
        run('chroot', base, 'apt-get', 'install', '-qq', '-y', '--download-only', *line.split(),
            env=dict(os.environ, DEBIAN_FRONTEND='noninteractive'))
    # a machine that lives for minutes need not survive a power cut
    (base / 'etc/dpkg/dpkg.cfg.d/unsafe-io').write_text('force-unsafe-io\n')
    # services start when they are installed, as where an init runs
    policy = base / 'usr/sbin/policy-rc.d'
    policy.write_text('#!/bin/sh\nexit 0\n')
    policy.chmod(0o755)
    return base


def offer(root, debs):
    """Put these packages into the machine's own archive; `apt-get update` there makes them known."""
    repo = Path(root) / 'repo'
    repo.mkdir(exist_ok=True)
    for deb in debs:
        shutil.copy(deb, repo)
    packages = subprocess.run(['apt-ftparchive', 'packages', '.'], cwd=repo, check=True, capture_output=True, text=True)
    (repo / 'Packages').write_text(packages.stdout)


class Machine:
    """with Machine(base, folder) as m: m.sh('apt-get install -y numeter-storage')"""

    def __init__(self, base, folder, name='machine'):
        self.folder = Path(tempfile.mkdtemp(prefix=name + '-', dir=folder))
        self.base = base
        self.root = self.folder / 'root'
        self.name = name
        self.process = None

    def __enter__(self):
        for d in ('root', 'upper', 'work'):
            (self.folder / d).mkdir()
        run('mount', '-t', 'overlay', 'overlay', '-o', 'lowerdir=%s,upperdir=%s,workdir=%s' % (
            self.base, self.folder / 'upper', self.folder / 'work'), self.root)
        self.boot()
        return self

    def __exit__(self, *exception):
        self.halt()
        for _ in range(50):
            if subprocess.run(['umount', str(self.root)], capture_output=True).returncode == 0:
                break
            time.sleep(0.1)  # processes that were killed are still going
        shutil.rmtree(self.folder, ignore_errors=True)

    def boot(self):
        """No init runs: as in a chroot, services are started by their scripts."""
        root = shlex.quote(str(self.root))
        script = ('ip link set lo up; mount -t proc proc {0}/proc; mount -t sysfs sysfs {0}/sys; '
                  'mount -t tmpfs tmpfs {0}/run; mkdir -p {0}/run/lock; mount -t tmpfs tmpfs {0}/tmp; chmod 1777 {0}/tmp; '
                  'hostname {1}; exec /usr/bin/python3 -c "$REAPER"').format(root, self.name)
        (self.root / 'etc/hostname').write_text(self.name + '\n')
        (self.root / 'etc/hosts').write_text('127.0.0.1 localhost %s\n' % self.name)
        (self.root / 'etc/resolv.conf').unlink(missing_ok=True)
        self.process = subprocess.Popen(
            ['unshare', '--net', '--pid', '--mount', '--uts', '--ipc', '--fork', '--kill-child', 'sh', '-c', script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=dict(os.environ, REAPER=REAPER))
        assert self.process.stdout.readline() == 'ready\n'
        children = Path('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid)).read_text().split()
        self.pid = int(children[0])

    def halt(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def _inside(self):
        return ['nsenter', '-t', str(self.pid), '-n', '-p', '-m', '-u', '-i', 'chroot', str(self.root)]

    def try_sh(self, script, timeout_s=300, user=None):
        """(status, what it said) of a shell script inside."""
        done = subprocess.run(
            self._inside() + ['env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root',
                              'LANG=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive', 'TERM=dumb'] +
            (['setpriv', '--reuid=' + user, '--clear-groups'] if user else []) + ['sh', '-c', script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout_s)
        return done.returncode, done.stdout

    def sh(self, script, timeout_s=300):
        """What it said; it must end well."""
        status, said = self.try_sh(script, timeout_s)
        if status != 0:
            raise AssertionError('%s: %d\n%s' % (script, status, said[-6000:]))
        return said

    def start(self, script):
        """A process inside that goes on: its Popen."""
        return subprocess.Popen(self._inside() + ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root',
                                                  'sh', '-c', script],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait(self, script, timeout_s=60):
        """Until the script ends well: what it said."""
        end = time.monotonic() + timeout_s
        while True:
            status, said = self.try_sh(script)
            if status == 0:
                return said
            if time.monotonic() > end:
                raise AssertionError('not within %d s: %s\n%s' % (timeout_s, script, said[-6000:]))
            time.sleep(0.2)


def blocks(page):
    """The manual's own code blocks: [(kind, text)], kind being what stands behind ```sh."""
    found, kind, lines = [], None, []
    for line in (ROOT / 'docs' / 'manual' / page).read_text().splitlines():
        if kind is None and line.startswith('```sh'):
            kind, lines = line[5:].strip(), []
        elif kind is not None and line == '```':
            found.append((kind, '\n'.join(lines)))
            kind = None
        elif kind is not None:
            lines.append(line)
    return found

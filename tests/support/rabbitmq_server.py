#!/usr/bin/python3
"""A private RabbitMQ for tests: own folder, own loopback ports, own epmd, all of it our children.

    with RabbitMQServer() as server:
        pika.BlockingConnection(pika.URLParameters(server.url()))
        server.kill(); server.start()          # same ports, same data

    rabbitmq_server.py -- COMMAND ...          # exports AMQP_PORT and AMQP_URL, ends with COMMAND's status

Two of them side by side do not meet, and nothing is left behind: not the folder, not epmd. A missing rabbitmq-server
raises RabbitMQMissing (a unittest.SkipTest); as a program the exit status is then 77.
"""
import atexit
import ctypes
import glob
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

START_TIMEOUT_S = 90


class RabbitMQMissing(unittest.SkipTest):
    pass


_reservations = {}


def reserve_port():
    """A loopback port nobody listens on, ours until this process ends, also while its server is down.

    Taken below the kernel's range for outgoing connections. Processes that choose ports this way agree among
    themselves by an abstract Unix socket named after the port, which dies with its process.
    """
    while True:
        port = random.randrange(12000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind('\0numeter-test-port-%d' % port)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(('127.0.0.1', port))
        except OSError:
            claim.close()
            continue
        _reservations[port] = claim
        return port


def find_sbin():
    for found in sorted(glob.glob('/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin'), reverse=True):
        if os.access(found + '/rabbitmq-server', os.X_OK) and shutil.which('erl') and shutil.which('epmd'):
            return found
    raise RabbitMQMissing('rabbitmq-server is not installed')


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def wait_until(condition, timeout_s, what):
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError('%s: not within %g s' % (what, timeout_s))
        time.sleep(0.02)


class RabbitMQServer:
    """ssl: (ca, cert, key) paths, or None. settings: further lines for rabbitmq.conf."""

    user, password, vhost = 'guest', 'guest', '/'

    def __init__(self, dir=None, port=None, ssl=None, settings=()):
        self.sbin = find_sbin()
        self.own_dir = dir is None
        self.dir = os.path.abspath(dir) if dir else tempfile.mkdtemp(prefix='numeter-rabbitmq-')
        self.port = port or reserve_port()
        self.ssl_port = reserve_port() if ssl else None
        self.ssl = ssl
        self.settings = list(settings)
        self.epmd_port = reserve_port()
        self.dist_port = reserve_port()
        self.ctl_port = reserve_port()
        self.nodename = 'numeter-%d-%08x@localhost' % (os.getpid(), random.getrandbits(32))
        self.process = self.epmd = None
        self._write_files()
        atexit.register(self.close)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.close()

    def url(self, vhost=None):
        path = '%2F' if vhost in (None, '/') else vhost
        return 'amqp://%s:%s@127.0.0.1:%d/%s' % (self.user, self.password, self.port, path)

    @property
    def log_path(self):
        return self.dir + '/log/server.log'

    def _write_files(self):
        for name in ('home', 'log', 'mnesia', 'generated', 'tmp'):
            os.makedirs(os.path.join(self.dir, name), exist_ok=True)
        cookie = self.dir + '/home/.erlang.cookie'
        if not os.path.exists(cookie):
            with open(cookie, 'w') as f:
                f.write('%032x' % random.getrandbits(128))
            os.chmod(cookie, 0o400)
        with open(self.dir + '/enabled_plugins', 'w') as f:
            f.write('[].\n')
        lines = ['listeners.tcp.1 = 127.0.0.1:%d' % self.port, 'disk_free_limit.absolute = 1MB',
                 'log.console = false', 'log.file.level = info']
        if self.ssl:
            ca, cert, key = self.ssl
            lines += ['listeners.ssl.1 = 127.0.0.1:%d' % self.ssl_port, 'ssl_options.cacertfile = ' + ca,
                      'ssl_options.certfile = ' + cert, 'ssl_options.keyfile = ' + key,
                      'ssl_options.verify = verify_peer', 'ssl_options.fail_if_no_peer_cert = false']
        with open(self.dir + '/rabbitmq.conf', 'w') as f:
            f.write('\n'.join(lines + self.settings) + '\n')

    def _env(self):
        d = self.dir
        loopback = '-kernel inet_dist_use_interface {127,0,0,1}'
        return {
            'PATH': os.environ.get('PATH', '/usr/bin:/bin'), 'LANG': 'C.UTF-8', 'HOME': d + '/home',
            'TMPDIR': d + '/tmp', 'ERL_CRASH_DUMP_SECONDS': '0',
            'ERL_EPMD_ADDRESS': '127.0.0.1', 'ERL_EPMD_PORT': str(self.epmd_port),
            'RABBITMQ_NODENAME': self.nodename, 'RABBITMQ_DIST_PORT': str(self.dist_port),
            'RABBITMQ_CONF_ENV_FILE': d + '/no-such-file', 'RABBITMQ_CONFIG_FILE': d + '/rabbitmq.conf',
            'RABBITMQ_ADVANCED_CONFIG_FILE': d + '/no-advanced.config',
            'RABBITMQ_GENERATED_CONFIG_DIR': d + '/generated',
            'RABBITMQ_ENABLED_PLUGINS_FILE': d + '/enabled_plugins', 'RABBITMQ_LOG_BASE': d + '/log',
            'RABBITMQ_LOGS': self.log_path, 'RABBITMQ_MNESIA_BASE': d + '/mnesia',
            'RABBITMQ_MNESIA_DIR': d + '/mnesia/node',
            'RABBITMQ_SCHEDULER_BIND_TYPE': 'u', 'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': loopback,
            'RABBITMQ_CTL_ERL_ARGS': loopback + ' +S 1:1', 'RABBITMQ_CTL_DIST_PORT_MIN': str(self.ctl_port),
            'RABBITMQ_CTL_DIST_PORT_MAX': str(self.ctl_port + 100),
            'detached': '1',  # the script then becomes the Erlang machine, so that its pid is ours to stop
        }

    def _spawn(self, argv, output):
        # The death signal follows the thread that forked: only the main one lives as long as the process.
        on_main = threading.current_thread() is threading.main_thread()
        with open(os.path.join(self.dir, 'log', output), 'ab') as out:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self._env(),
                                    cwd=self.dir, start_new_session=True,
                                    preexec_fn=_die_with_parent if on_main else None)

    def launch(self):
        """Start without waiting; then wait_ready(). For tests that watch the first second of a broker."""
        if self.process is not None:
            raise RuntimeError('already running')
        for _ in range(50):  # just after a stop the port may still be held for a moment
            self.epmd = self._spawn(['epmd', '-address', '127.0.0.1', '-port', str(self.epmd_port)], 'epmd.out')
            wait_until(lambda: self.epmd.poll() is not None or self._accepts(self.epmd_port), 10, 'epmd')
            if self.epmd.poll() is None:
                break
            time.sleep(0.1)
        else:
            raise RuntimeError('epmd does not start on port %d' % self.epmd_port)
        self.process = self._spawn([self.sbin + '/rabbitmq-server'], 'server.out')

    def wait_ready(self, timeout_s=START_TIMEOUT_S):
        deadline = time.monotonic() + timeout_s
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = self._tail()
                self.kill()
                raise RuntimeError('rabbitmq-server did not start:\n' + text)
            time.sleep(0.02)

    def start(self):
        self.launch()
        self.wait_ready()

    def answers(self):
        """Whether the broker sends connection.start to a client."""
        try:
            with socket.create_connection(('127.0.0.1', self.port), timeout=2) as s:
                s.sendall(b'AMQP\x00\x00\x09\x01')
                return s.recv(1) == b'\x01'
        except OSError:
            return False

    @staticmethod
    def _accepts(port):
        try:
            socket.create_connection(('127.0.0.1', port), timeout=1).close()
            return True
        except OSError:
            return False

    def _tail(self):
        text = ''
        for path in (self.dir + '/log/server.out', self.log_path):
            if os.path.exists(path):
                with open(path, errors='replace') as f:
                    text += ''.join(f.readlines()[-30:])
        return text

    def _end(self, how):
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(how)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait()
            self.epmd = None

    def stop(self):
        """Gracefully, as a service manager would; data and ports stay for the next start()."""
        self._end(signal.SIGTERM)

    def sync(self):
        """What was declared is on disk: without, a kill() soon after forgets durable queues and exchanges."""
        self.rabbitmqctl('eval', 'mnesia:sync_log().')

    def kill(self):
        """As kill -9; data and ports stay for the next start(). See sync()."""
        self._end(signal.SIGKILL)

    def restart(self):
        self.stop()
        self.start()

    def close(self):
        self.kill()
        atexit.unregister(self.close)
        if self.own_dir:
            for _ in range(20):  # helpers of the machine may still be on their way out
                shutil.rmtree(self.dir, ignore_errors=True)
                if not os.path.exists(self.dir):
                    break
                time.sleep(0.05)

    def rabbitmqctl(self, *args):
        """Its output; some 1.5 s each. Raises subprocess.CalledProcessError with its text."""
        done = subprocess.run([self.sbin + '/rabbitmqctl', '-q', *args], stdin=subprocess.DEVNULL, env=self._env(),
                              cwd=self.dir, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
        return done.stdout


def main(argv):
    if len(argv) < 3 or argv[1] != '--':
        print(__doc__, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with RabbitMQServer() as server:
            env = dict(os.environ, AMQP_PORT=str(server.port), AMQP_URL=server.url())
            return subprocess.run(argv[2:], env=env).returncode
    except RabbitMQMissing as missing:
        print('skipped:', missing, file=sys.stderr)
        return 77


if __name__ == '__main__':
    sys.exit(main(sys.argv))

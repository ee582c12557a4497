"""What a test run leaves on the machine: every child carries a mark in its environment, so that those that went their
own way (epmd) are found too."""
import os
import socket
import struct
import uuid

from .wait import wait_until

MARK = 'NUMETER_TEST_RUN=' + uuid.uuid4().hex
os.environ.update([MARK.split('=')])

FOLDERS = []  # of the servers


def children():
    """{pid: command} of all living processes with our mark, this one left out."""
    found = {}
    for name in os.listdir('/proc'):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open('/proc/%s/environ' % name, 'rb') as f:
                if MARK.encode() not in f.read().split(b'\0'):
                    continue
            with open('/proc/%s/cmdline' % name, 'rb') as f:
                command = f.read().replace(b'\0', b' ').decode(errors='replace').strip()
            with open('/proc/%s/stat' % name) as f:
                state = f.read().rpartition(')')[2].split()[0]
        except OSError:
            continue
        if state != 'Z':
            found[int(name)] = command[:200]
    return found


def _listening():
    """{inode: (address, port)} of the machine's listening TCP sockets."""
    sockets = {}
    for path, family, words in (('/proc/net/tcp', socket.AF_INET, 1), ('/proc/net/tcp6', socket.AF_INET6, 4)):
        try:
            with open(path) as f:
                lines = f.read().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            field = line.split()
            if field[3] != '0A':
                continue
            address, port = field[1].split(':')
            packed = b''.join(struct.pack('=I', int(address[8 * i:8 * i + 8], 16)) for i in range(words))
            sockets[field[9]] = (socket.inet_ntop(family, packed), int(port, 16))
    return sockets


def listening_sockets():
    """[(address, port, command)] of the children's listening TCP sockets."""
    sockets, found = _listening(), []
    for pid, command in children().items():
        try:
            fds = os.listdir('/proc/%d/fd' % pid)
        except OSError:
            continue
        for fd in fds:
            try:
                target = os.readlink('/proc/%d/fd/%s' % (pid, fd))
            except OSError:
                continue
            if target.startswith('socket:[') and target[8:-1] in sockets:
                found.append(sockets[target[8:-1]] + (command,))
    return found


def assert_loopback_only():
    """To be called while the servers run."""
    # epmd adds ::1 to any address it is given
    outside = [s for s in listening_sockets() if s[0] not in ('127.0.0.1', '::1')]
    assert not outside, 'listening elsewhere than on the loopback interface: %s' % outside


def assert_nothing_left():
    """To be called when all were stopped."""
    wait_until(lambda: not children(), 5, lambda: 'processes are left: %s' % children())
    left = [f for f in FOLDERS if os.path.exists(f)]
    assert not left, 'folders are left: %s' % left

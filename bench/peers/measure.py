"""What a process and a disk have used so far, read from the kernel."""
import mmap
import os
import time

SECTOR = 512


class Usage:
    """
    cpu_s     user and system time of a process, its ended threads included
    written   bytes it made dirty in the page cache or wrote past it (write_bytes of /proc/PID/io)
    called    bytes it gave to write calls, sockets and pipes too
    sectors   512-byte sectors written to the disk on which the folder lies, by whomever
    at_s      monotonic clock
    """

    def __init__(self, pid, folder):
        self.at_s = time.monotonic()
        self.cpu_s = cpu_s(pid)
        io = _table('/proc/%d/io' % pid)
        self.written, self.called = int(io['write_bytes']), int(io['wchar'])
        self.sectors = sectors_written(folder)


def cpu_s(pid):
    """Exact to the nanosecond, unlike /proc/PID/stat. Source: clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def sectors_written(folder):
    device = os.stat(folder).st_dev
    with open('/sys/dev/block/%d:%d/stat' % (os.major(device), os.minor(device))) as f:
        return int(f.read().split()[6])


def memory_mb(pid, what='VmHWM'):
    """VmHWM: the most it had resident; VmRSS: now."""
    return int(_table('/proc/%d/status' % pid)[what].split()[0]) / 1024


def _table(path):
    with open(path) as f:
        return dict(line.rstrip('\n').split(':', 1) for line in f if ':' in line)


def sync_s():
    """Everything on every disk written; how long that took."""
    begun = time.monotonic()
    os.sync()
    return time.monotonic() - begun


def warm_memory(n_bytes=1 << 30):
    """
    Touch free memory and give it back. The free memory of a virtual machine is often not backed by its host (free page
    reporting): the first touch of a page then costs ten times its clearing, which no server is to be charged with.
    """
    child = os.fork()
    if child == 0:
        mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
        os._exit(0)
    os.waitpid(child, 0)


def wait_until(condition, deadline_s, what, every_s=0.02):
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError('not within %g s: %s' % (deadline_s, what))
        time.sleep(every_s)


def all_read(port):
    """Whether no byte sent to this loopback port waits in a socket's queue, on either side."""
    local = ':%04X' % port
    with open('/proc/net/tcp') as f:
        for line in f.read().splitlines()[1:]:
            field = line.split()
            to_send, to_read = field[4].split(':')
            if field[1].endswith(local) and field[3] != '0A' and to_read != '00000000':
                return False
            if field[2].endswith(local) and to_send != '00000000':
                return False
    return True

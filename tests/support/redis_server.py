#!/usr/bin/python3
"""A Redis server of the test's own: a free port of 127.0.0.1, a Unix socket, a temporary folder, gone at the end.

As a wrapper:   redis_server.py [--requirepass WORD] -- COMMAND [ARGUMENT...]
                runs COMMAND with REDIS_PORT and REDIS_SOCKET set and exits as it did; 77 (skip) without redis-server.
As a module:    with RedisServer() as server: ... server.port, server.socket; server.stop(); server.start()
"""
import argparse
import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SKIP = 77
PR_SET_PDEATHSIG = 1


class NoRedis(Exception):
    """There is no redis-server on this machine."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class RedisServer:
    """Keeps port, socket and folder over stop() and start(); `arguments` go to every start.

    It dies with the thread that started it: start it from one that lives as long as the test.
    """

    def __init__(self, *arguments):
        self.program = shutil.which("redis-server")
        if self.program is None:
            raise NoRedis("redis-server is not installed")
        self.arguments = list(arguments)
        self.folder = tempfile.mkdtemp(prefix="numeter-redis-")
        self.socket = os.path.join(self.folder, "redis.sock")
        self.log = os.path.join(self.folder, "redis.log")
        self.port = None
        self.process = None
        atexit.register(self.close)  # for tests that end without close()

    def start(self, timeout_s=10):
        """Start, empty, and wait until it answers."""
        for _ in range(5):
            port = self.port or free_port()
            self.process = subprocess.Popen(
                [self.program, "--bind", "127.0.0.1", "--port", str(port), "--unixsocket", self.socket,
                 "--dir", self.folder, "--logfile", self.log, "--daemonize", "no", "--save", "",
                 "--appendonly", "no", *self.arguments],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
            if self._wait_for_answer(time.monotonic() + timeout_s):
                self.port = port
                return self
            self.kill()
            if self.port is not None:
                break
        with open(self.log, encoding="utf-8", errors="replace") as log:
            raise RuntimeError("redis-server does not answer: " + log.read()[-500:])

    def _wait_for_answer(self, deadline):
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.socket(socket.AF_UNIX) as s:
                    s.settimeout(1)
                    s.connect(self.socket)
                    s.sendall(b"PING\r\n")
                    answer = s.recv(100)
                if answer.startswith((b"+PONG", b"-NOAUTH")):
                    return True
            except OSError:
                pass
            time.sleep(0.01)
        return False

    def _end(self, number):
        if self.process is not None:
            self.process.send_signal(number)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def stop(self):
        """Ask it to end; its content is gone."""
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def restart(self):
        """It comes back empty, on the same port."""
        self.stop()
        return self.start()

    def close(self):
        """End it and remove its folder; harmless when done before."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()


def main():
    parser = argparse.ArgumentParser(description="Run a command beside a Redis server of its own.")
    parser.add_argument("--requirepass", default="")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("no command")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        with RedisServer(*(["--requirepass", options.requirepass] if options.requirepass else [])) as server:
            environment = dict(os.environ, REDIS_PORT=str(server.port), REDIS_SOCKET=server.socket)
            status = subprocess.run(command, env=environment, preexec_fn=die_with_parent).returncode
    except NoRedis as missing:
        print("skipped:", missing)
        return SKIP
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())

"""A program of ours as a child process of a test: its end, its log, and what a sanitizer said of it."""
import ctypes
import re
import signal
import subprocess
import time

from .wait import SLOW

_SANITIZER = re.compile(r'(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:).*', re.DOTALL)


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Program:
    """
    Of whom it is one: .process (None: not running), .stderr_path, .log_path, .title (as people call it), and start(),
    which returns the object itself.
    """
    title = 'program'

    def end(self):
        """Whatever state it is in, now it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, within_s=2):
        """SIGTERM; it must end with 0 in time, and no sanitizer may have found anything."""
        if self.process is None:
            return
        process, self.process = self.process, None
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(within_s * SLOW)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError('still there %g s after SIGTERM; log:\n%s' % (within_s * SLOW, self.log()[-2000:]))
        self.stop_took_s = time.monotonic() - begin
        self.check_stderr()
        assert process.returncode == 0, 'exit status %d: %s' % (process.returncode, self.stderr()[-2000:])

    def kill9(self):
        process, self.process = self.process, None
        alive = process.poll() is None
        process.kill()
        process.wait()
        self.check_stderr()
        assert alive, 'it had ended by itself with %s: %s' % (process.returncode, self.stderr()[-2000:])

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def check_stderr(self):
        report = _SANITIZER.search(self.stderr())
        assert report is None, report.group(0)[:8000]

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
            return
        # the test's own failure is the one to see
        self.end()
        print('---- log of the %s:\n%s\n---- stderr:\n%s' % (self.title, self.log()[-6000:], self.stderr()[-6000:]))

    def stderr(self):
        return self.stderr_path.read_text(errors='replace') if self.stderr_path.exists() else ''

    def log(self):
        return self.log_path.read_text(errors='replace') if self.log_path.exists() else ''

    def log_lines(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

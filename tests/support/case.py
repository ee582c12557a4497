"""The frame of a test with servers: a folder that goes away, servers stopped in the order backwards, nothing left."""
import json
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from . import nothing_left, ports

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get('NUMETER_DATA') or ROOT / 'tests' / 'data')

HAVE_RABBITMQ = any(os.access(p, os.X_OK) for p in ('/usr/lib/rabbitmq/bin/rabbitmq-server',
                                                    '/usr/sbin/rabbitmq-server'))
HAVE_REDIS = shutil.which('redis-server', path='/usr/bin:/usr/sbin:/usr/local/bin') is not None


class ServersCase(unittest.TestCase):
    """cls.folder is the temporary folder of the module's servers, self.folder that of one test."""
    needs = ()  # 'rabbitmq', 'redis'

    @classmethod
    def setUpClass(cls):
        if not os.environ.get('NUMETER_STORAGE'):
            raise unittest.SkipTest('NUMETER_STORAGE does not name the daemon')
        for name, have in (('rabbitmq', HAVE_RABBITMQ), ('redis', HAVE_REDIS)):
            if name in cls.needs and not have:
                raise unittest.SkipTest('no %s-server on this machine' % name)
        cls.folder = Path(tempfile.mkdtemp(prefix='numeter-test-'))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.addClassCleanup(nothing_left.assert_nothing_left)

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix=self._testMethodName[:40] + '-', dir=type(self).folder))
        self.addCleanup(shutil.rmtree, self.folder, True)
        os.chmod(type(self).folder, 0o755)
        os.chmod(self.folder, 0o755)

    def tearDown(self):
        nothing_left.assert_loopback_only()


def rejected_lines(folder):
    """What was kept aside below rejected_path, oldest first. Every line must be one JSON object."""
    lines = []
    for path in sorted(Path(folder).glob('*.jsonl')):
        with open(path, 'rb') as f:
            lines += [json.loads(line) for line in f if line.endswith(b'\n')]  # one may be being written
    return lines


def main():
    """unittest.main, with meson's exit status 77 when everything was skipped."""
    program = unittest.main(module='__main__', exit=False, verbosity=2)
    result = program.result
    ports.give_back()
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if len(result.skipped) > 0 and result.testsRun == sum(1 for t, _ in result.skipped
                                                                      if hasattr(t, '_testMethodName')) else 0)

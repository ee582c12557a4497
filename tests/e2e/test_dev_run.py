#!/usr/bin/python3
"""A fresh clone, `./dev run`, and a browser: what the README promises a newcomer."""
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ROOT, ServersCase, main  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.wait import wait_until  # noqa: E402
from modules import need_browser, run_node  # noqa: E402

WITHIN_S = 60  # from the command to points of this machine, on a machine that has nothing else to do


class DevRun(ServersCase):
    def setUp(self):
        super().setUp()
        self.modules, self.shots = need_browser()
        self.clone = self.folder / 'clone'
        cloned = subprocess.run(['git', '-c', 'safe.directory=*', 'clone', '-q', '--no-hardlinks', str(ROOT), str(self.clone)],
                                capture_output=True, text=True)
        if cloned.returncode != 0:
            raise unittest.SkipTest('not a clone to be cloned: ' + cloned.stderr.strip())

    @staticmethod
    def last_seen(page, host):
        with urllib.request.urlopen(page[:-len('ui/')] + 'last-seen?host=' + host, timeout=10) as reply:
            return reply.read().decode()

    def test_a_newcomer_sees_this_machine(self):
        port, said = free_port(), []
        begun = time.monotonic()
        run = subprocess.Popen(['./dev', 'run', '--port', str(port)], cwd=self.clone, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, start_new_session=True)
        reader = threading.Thread(target=lambda: said.extend(iter(run.stdout.readline, '')))
        reader.start()
        try:
            def told(pattern):
                self.assertIsNone(run.poll(), ''.join(said))
                return re.search(pattern, ''.join(said))
            page = wait_until(lambda: told(r'Open +(http://127\.0\.0\.1:%d/numeter-storage/ui/)\n' % port), 180, lambda: said)[1]
            opened = time.monotonic()
            host = wait_until(lambda: told(r'This machine is (\S+),'), 90, lambda: said)[1]
            rates = re.compile(r'"cpu": \d')  # known from the second poll on
            wait_until(lambda: rates.search(self.last_seen(page, host)), 60, lambda: said)
            seen = time.monotonic()
            print('the address after %.0f s, rates of this machine after %.0f s' % (opened - begun, seen - begun), file=sys.stderr)
            if 'NUMETER_SLOW' not in os.environ:
                self.assertLess(seen - opened, WITHIN_S)
            self.assertEqual(host, re.sub('[^A-Za-z0-9-]', '-', socket.gethostname()))
            wait_until(lambda: told(r"The demo host's year is there"), 120, lambda: said)
            run_node(self, 'dev_run.test.mjs', dict(
                os.environ, E2E_MODULES=str(self.modules), E2E_SHOTS=str(self.shots), E2E_NOW=str(int(time.time())),
                E2E_PAGE=page, E2E_HOST=host))
        finally:
            os.killpg(run.pid, signal.SIGINT)  # Ctrl-C
            status = run.wait(60)
            reader.join()
            run.stdout.close()
        self.assertEqual(status, 0, ''.join(said))
        self.assertIn('\nended\n', ''.join(said))


if __name__ == '__main__':
    main()

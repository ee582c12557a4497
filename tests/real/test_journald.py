#!/usr/bin/python3
"""Log lines in systemd's journal: a true systemd-journald in a mount namespace of its own, the daemon below systemd-cat."""
import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon, program  # noqa: E402
from support.program import _die_with_parent  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

JOURNALD = '/lib/systemd/systemd-journald'

# /run is the journal's alone; what it holds at the end is printed as JSON lines.
SCRIPT = '''
mount -t tmpfs none /run && mkdir -p /run/log/journal /run/systemd/journal || exit 77
%s >/dev/null 2>&1 &
journald=$!
trap 'kill $journald; wait $journald' EXIT
i=0
until [ -S /run/systemd/journal/stdout ]; do
	i=$((i + 1)); [ $i -lt 200 ] || exit 77
	sleep 0.05
done
# what the service manager does: say which file the journal's stream is
systemd-cat -t somebody sh -c 'JOURNAL_STREAM=$(stat -L -c %%d:%%i /proc/self/fd/2) exec "$@"' sh "$@"
journalctl --sync
journalctl -D /run/log/journal -o json --no-pager _COMM=numeter-storage
''' % JOURNALD


def can_run():
    if os.geteuid() != 0 or not os.access(JOURNALD, os.X_OK) or not shutil.which('systemd-cat'):
        return False
    done = subprocess.run(['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /run'], capture_output=True)
    return done.returncode == 0


class Journald(ServersCase):
    def run_below_journald(self, daemon):
        """What the journal has of the daemon's, after it was asked to reload and ended."""
        process = subprocess.Popen(['unshare', '-m', 'sh', '-c', SCRIPT, 'sh', program(), '-c', str(daemon.config_path)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   preexec_fn=_die_with_parent)
        try:
            def answers():
                self.assertIsNone(process.poll())
                try:
                    return daemon.control('status')['pid']
                except (OSError, ValueError):
                    return None
            pid = wait_until(answers, 20, 'the daemon answers')
            daemon.control('reload')
            os.kill(pid, 15)
            out, err = process.communicate(timeout=30 * SLOW)
        finally:
            process.kill()
            process.wait()
        self.assertEqual(process.returncode, 0, err)
        return [json.loads(line) for line in out.splitlines()]

    def test_fields(self):
        if not can_run():
            raise unittest.SkipTest('no systemd-journald, or no namespace for it')
        if 'libsystemd' not in subprocess.run(['ldd', program()], capture_output=True, text=True).stdout:
            raise unittest.SkipTest('built without libsystemd')
        daemon = Daemon(self.folder, log_level_stdr='info', rpc_password='pass-word-3', unknown_key='1')
        lines = self.run_below_journald(daemon)
        with_event = {line['NUMETER_EVENT']: line for line in lines if 'NUMETER_EVENT' in line}
        started = with_event['daemon.started']
        self.assertEqual((started['PRIORITY'], started['SYSLOG_IDENTIFIER'], started['NUMETER_STORAGE_NAME']),
                         ('6', 'numeter-storage', 'storage-test'))
        self.assertEqual(started['NUMETER_PID'], started['_PID'])
        self.assertRegex(started['MESSAGE'], r'^event=daemon\.started version=.* storage_name=storage-test files=\d+$')
        self.assertEqual(with_event['config.warning']['PRIORITY'], '4')
        self.assertEqual(with_event['reload.done']['NUMETER_CHANGED'], '')
        self.assertEqual(with_event['daemon.stopping']['NUMETER_SIGNAL'], '15')
        # each line once, in the file as well
        for event in ('daemon.started', 'reload.done', 'daemon.stopped'):
            self.assertEqual(len([1 for line in lines if event in str(line.get('MESSAGE'))]), 1, event)
            self.assertTrue(daemon.log_lines(r'info event=%s ' % event.replace('.', r'\.')))
        self.assertNotIn('pass-word-3', json.dumps(lines) + daemon.log())


if __name__ == '__main__':
    main()

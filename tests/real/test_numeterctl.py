#!/usr/bin/python3
"""numeterctl seen from a shell: its options, what it asks, what it makes of an answer; and what a daemon answers."""
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

TREE = Path(__file__).resolve().parents[2]

STATUS = {
    'version': '0.1.0', 'pid': 4242, 'uptime_s': 273729, 'storage_name': 'storage "1"',
    'journal': {'bytes': 429496730, 'max_bytes': 4294967296, 'segments': 3, 'oldest_segment': 7, 'current_segment': 9,
                'appended': 1048576, 'synced': 1048064, 'commits': 1234, 'points': 98765, 'commit_ms_average': 5.625,
                'commit_ms_most': 12.04, 'failing': False},
    'cache': {'points': 5000, 'dirty_series': 40, 'bytes': 81920, 'bytes_taken': 1048576, 'max_bytes': 1073741824,
              'series': 1000, 'sources': 50, 'names_bytes': 70000},
    'flush': {'series_written': 60, 'points_written': 7000, 'failed': 0, 'refused': 1, 'syncs': 4,
              'sync_ms_average': 2.25, 'pass_done': 12, 'pass_of': 1000, 'failing': False, 'why': ''},
    'counters': {'messages_amqp': 0, 'messages_http': 314},
    'rejected': {'not_json': 0, 'too_old': 3},
}
STATUS_TEXT = """\
numeter-storage 0.1.0, pid 4242, up 3 d 4 h, storage_name storage "1"

journal   410 MiB of 4.0 GiB (10.0 %) in 3 segments, 7 to 9
          1234 commits of 98765 points, 5.6 ms each, the longest 12.0 ms; 512 B to be synced
cache     5000 points of 40 series wait for their files, 80.0 KiB of 1.0 GiB (0.0 %); 1000 series known
flush     12 of 1000 series of this pass; since the start 7000 points of 60 series written, 0 failed, 1 refused, \
4 syncs of 2.2 ms

counters
  messages_amqp          0
  messages_http          314

kept aside, by reason
  too_old                3
"""


class FakeDaemon:
    """Answers each connection with the next of `answers` (bytes); what was asked is in `asked`."""

    def __init__(self, path, *answers):
        self.path, self.answers, self.asked = str(path), answers, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        for answer in self.answers:
            connection, _ = self.listener.accept()
            with connection:
                line = b''
                while not line.endswith(b'\n'):
                    some = connection.recv(4096)
                    if not some:
                        break
                    line += some
                self.asked.append(line)
                connection.sendall(answer)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.thread.join(20 * SLOW)
        self.listener.close()
        os.unlink(self.path)


class Numeterctl(ServersCase):
    def run_ctl(self, *args):
        done = subprocess.run([os.environ['NUMETERCTL'], *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=30 * SLOW)
        self.assertNotRegex(done.stderr, 'Sanitizer|runtime error')
        return done.returncode, done.stdout, done.stderr

    def ask(self, answer, *args):
        """Run it against a daemon that answers this: (what was asked, status, stdout, stderr)."""
        path = self.folder / 'ctl.sock'
        with FakeDaemon(path, answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b'\n') as daemon:
            result = self.run_ctl('--socket', path, *args)
        return (json.loads(daemon.asked[0]), *result)

    def commands(self):
        status, out, err = self.run_ctl('--help')
        self.assertEqual((status, err), (0, ''))
        return re.findall(r'^  ([a-z][a-z-]*) ', out, re.M)

    # ---- options

    def test_version_and_help(self):
        status, out, err = self.run_ctl('--version')
        self.assertEqual((status, err), (0, ''))
        self.assertRegex(out, r'\Anumeterctl \d+\.\d+\.\d+\n\Z')
        self.assertIn('status', self.commands())
        for command in self.commands():
            for args in ([command, '--help'], ['--json', command, '--help']):
                status, out, err = self.run_ctl(*args)
                self.assertEqual((status, err), (0, ''))
                self.assertIn('usage: numeterctl [OPTIONS] %s' % command, out)
                self.assertIn('Exit status: 0', out)

    def test_wrong_usage(self):
        for args, why in (([], 'which command'), (['--nope'], "'--nope'"), (['nope'], 'no command "nope"'),
                          (['status', 'x'], 'unexpected argument "x"'), (['flush', 'a', 'b'], 'unexpected argument "b"'),
                          (['status', '--verify'], "'--verify'"), (['--verify', 'journal'], "'--verify'"),
                          (['--socket'], "'--socket'")):
            with self.subTest(args):
                status, out, err = self.run_ctl(*args)
                self.assertEqual((status, out), (2, ''))
                self.assertIn(why, err)
                self.assertTrue(err.startswith('numeterctl: '), err)

    def test_manual_and_completion_know_every_command_and_option(self):
        manual = (TREE / 'docs/man/numeterctl.8').read_text()
        completion = (TREE / 'packaging/numeterctl.bash-completion').read_text()
        commands = self.commands()
        self.assertEqual(sorted(re.search(r'commands="([^"]*)"', completion).group(1).split()), sorted(commands))
        self.assertEqual(sorted(re.findall(r'^\.It Cm ([a-z-]+)', manual, re.M)), sorted(commands))
        for command in commands:
            for option in re.findall(r'^ +(?:-\w, )?--([\w-]+)', self.run_ctl(command, '--help')[1], re.M):
                self.assertIn('--' + option, completion)
                self.assertRegex(manual, r'Fl (\w , )?-%s\b' % option)

    def complete(self, *words):
        script = '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _numeterctl; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(['bash', '-c', script, 'bash', TREE / 'packaging/numeterctl.bash-completion', 'numeterctl',
                               *words], capture_output=True, text=True, timeout=20 * SLOW)
        return sorted(done.stdout.split())

    def test_completion(self):
        self.assertEqual(self.complete(''), sorted(self.commands()))
        self.assertEqual(self.complete('-c', '/x', 'fl'), ['flush'])
        self.assertEqual(self.complete('status', '--j'), ['--json'])
        self.assertEqual(self.complete('--v'), ['--version'])
        self.assertEqual(self.complete('flush', ''), [])
        self.assertEqual(self.complete('verify', '--r'), ['--rate', '--repair'])
        self.assertEqual(self.complete('--config', '/x', 'resize', '--aggregation', 'm'), ['max', 'min'])
        self.assertEqual(self.complete('backup', '--v'), ['--verify'])
        self.assertEqual(self.complete('res'), ['resize', 'restore', 'restore-backup'])
        self.assertEqual(self.complete('import', ''), ['host', 'rrd', 'whisper'])
        self.assertEqual(self.complete('import', 'rrd', '--archives', ''), ['config', 'rrd'])
        self.assertEqual(self.complete('import', 'whisper', '--ma'), ['--map'])
        self.assertEqual(self.complete('import', 'whisper', '--host', ''), [])
        (self.folder / 'some.cfg').write_text('')
        self.assertEqual(self.complete('-c', str(self.folder / 'so')), [str(self.folder / 'some.cfg')])
        self.assertEqual(self.complete('import', 'host', str(self.folder / 'so')), [str(self.folder / 'some.cfg')])

    # ---- where it asks

    def test_the_socket_of_the_configuration(self):
        config = self.folder / 'c.cfg'
        config.write_text('[global]\ncontrol_socket = %s\nunknown_key = 1\n' % (self.folder / 'its.sock'))
        with FakeDaemon(self.folder / 'its.sock', b'{}\n') as daemon:
            status, _, err = self.run_ctl('-c', config, '--json', 'status')
        self.assertEqual((status, err, daemon.asked), (0, '', [b'{"verb": "status"}\n']))
        config.write_text('[global]\ncontrol_socket =\n')
        status, out, err = self.run_ctl('status', '-c', config)
        self.assertEqual((status, out), (2, ''))
        self.assertIn('control_socket is empty', err)
        config.write_text('[global]\ncontrol_socket = x\n')
        status, out, err = self.run_ctl('status', '-c', config)
        self.assertEqual((status, out), (2, ''))
        self.assertIn('c.cfg:2: control_socket', err)
        status, out, err = self.run_ctl('status', '-c', self.folder / 'none.cfg')
        self.assertEqual((status, out), (2, ''))
        self.assertIn('none.cfg', err)

    def test_no_daemon(self):
        path = self.folder / 'ctl.sock'
        for command in ('status', 'flush'):
            status, out, err = self.run_ctl(command, '--socket', path)
            self.assertEqual((status, out), (2, ''))
            self.assertEqual(err, 'numeterctl: numeter-storage is not running: no answer at %s: '
                             'No such file or directory\n' % path)
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(str(path))
        dead.close()
        status, out, err = self.run_ctl('status', '--socket', path)
        self.assertEqual((status, out), (2, ''))
        self.assertIn('not running', err)
        self.assertIn('Connection refused', err)

    def test_answers_that_are_none(self):
        for answer, why in ((b'', 'ended without a whole answer'), (b'{}', 'ended without a whole answer'),
                            (b'nonsense\n', 'not JSON'), (b'{"a": NaN}\n', 'not JSON')):
            with self.subTest(answer):
                _, status, out, err = self.ask(answer, 'status')
                self.assertEqual((status, out), (2, ''))
                self.assertIn(why, err)

    # ---- what it asks and says

    def test_an_error_of_the_daemon(self):
        for command in ('flush', 'status'):
            asked, status, out, err = self.ask({'error': 'no "space" é', 'rc': 'disk'}, command)
            self.assertEqual((asked, status, out, err), ({'verb': command}, 1, '', 'numeterctl: no "space" é\n'))

    def test_flush(self):
        answer = {'series_written': 12, 'points_written': 48, 'took_ms': 1207}
        asked, status, out, err = self.ask(answer, 'flush')
        self.assertEqual((asked, status, err), ({'verb': 'flush'}, 0, ''))
        self.assertEqual(out, '48 points of 12 series written in 1.207 s\n')
        asked, status, out, err = self.ask(answer, 'flush', 'my "host" é')
        self.assertEqual((asked, status, err), ({'verb': 'flush', 'host': 'my "host" é'}, 0, ''))
        asked, status, out, err = self.ask(answer, 'flush', '--json', '--', '-h')
        self.assertEqual((asked, status, err), ({'verb': 'flush', 'host': '-h'}, 0, ''))
        self.assertEqual(json.loads(out), answer)

    def test_status(self):
        asked, status, out, err = self.ask(STATUS, 'status')
        self.assertEqual((asked, status, err), ({'verb': 'status'}, 0, ''))
        self.assertEqual(out, STATUS_TEXT)
        _, status, out, err = self.ask(STATUS, 'status', '--json')
        self.assertEqual((status, err, json.loads(out)), (0, '', STATUS))

    def test_status_of_what_fails(self):
        journal = dict(STATUS, journal=dict(STATUS['journal'], failing=True))
        flush = dict(STATUS, flush=dict(STATUS['flush'], failing=True, why='write x.wsp: No space left on device'))
        for answer, line in ((journal, r'^journal   FAILING, nothing is taken: 410 MiB'),
                             (flush, r'^flush     FAILING: write x.wsp: No space left on device$')):
            _, status, out, err = self.ask(answer, 'status')
            self.assertEqual((status, err), (1, ''))
            self.assertRegex(out, re.compile(line, re.M))
            _, status, out, err = self.ask(answer, 'status', '--json')
            self.assertEqual((status, err), (1, ''))

    def test_status_of_another_version(self):
        _, status, out, err = self.ask({'version': '9'}, 'status')
        self.assertEqual((status, err), (0, ''))
        self.assertIn('numeter-storage 9, pid 0', out)

    # ---- the journal's files

    def make_journal(self, n_segments=2, n_points=1000):
        """Each segment holds two groups of n_points; its file's path by number."""
        path = self.folder / 'journal'
        subprocess.run([os.environ['JOURNAL_PROBE'], path, str(n_segments), str(n_points)], check=True,
                       timeout=30 * SLOW)
        return path

    def test_journal(self):
        path = self.make_journal()
        (self.folder / 'c.cfg').write_text('[global]\njournal_path = %s\n' % path)
        for args in ((path,), ('-c', self.folder / 'c.cfg')):
            status, out, err = self.run_ctl('journal', *args)
            self.assertEqual((status, err), (0, ''))
            lines = out.splitlines()
            self.assertEqual(len(lines), 5)
            self.assertRegex(lines[1], r'^segment-0000000001 +1 +2 +2000 points +36.0 KiB +2023-11-14T22:13:20Z '
                             r'2023-11-14T22:13:20Z  whole$')
            self.assertRegex(lines[2], r'^segment-0000000002 .* 2000 points .* 2023-11-14T22:13:21Z .* whole$')
            self.assertRegex(lines[3], r'^names-0000000001 +1 +1 +1 names .* - +-  whole$')
            self.assertRegex(lines[4], '^%s: 3 files, 4000 points, .* no damage$' % path)
        status, out, err = self.run_ctl('journal', '--verify', path)
        self.assertEqual((status, out, err), (0, lines[4] + '\n', ''))
        status, out, err = self.run_ctl('journal', '--json', path)
        self.assertEqual((status, err), (0, ''))
        told = json.loads(out)
        self.assertEqual((told['path'], told['damaged']), (str(path), False))
        self.assertEqual([f['name'] for f in told['files']],
                         ['segment-0000000001', 'segment-0000000002', 'names-0000000001'])
        self.assertEqual(told['files'][1],
                         {'name': 'segment-0000000002', 'number': 2, 'run': 1,
                          'bytes': (path / 'segment-0000000002').stat().st_size, 'records': 2, 'points': 2000,
                          'first_accepted': 1700000001, 'last_accepted': 1700000001, 'damaged_bytes': 0, 'torn': False,
                          'why': ''})
        self.assertEqual(told['files'][2]['names'], 1)

    def test_journal_with_damage(self):
        path = self.make_journal()
        segment = path / 'segment-0000000001'
        content = bytearray(segment.read_bytes())
        content[5000] ^= 1
        segment.write_bytes(content)
        for args in ((), ('--verify',)):
            status, out, err = self.run_ctl('journal', *args, path)
            self.assertEqual(status, 1)
            self.assertRegex(out, re.compile(r'^segment-0000000001.* damaged bytes at 4096', re.M))
            self.assertEqual('segment-0000000002' in out, not args)
            self.assertRegex(out, r'3 files, 3000 points, .*: DAMAGED\n\Z')
            self.assertTrue(err.startswith('numeterctl: %s: ' % segment), err)
        status, out, err = self.run_ctl('journal', '--json', path)
        self.assertEqual(status, 1)
        told = json.loads(out)
        self.assertEqual((told['damaged'], told['files'][0]['points']), (True, 1000))
        self.assertGreater(told['files'][0]['damaged_bytes'], 0)
        self.assertIn('damaged bytes at 4096', told['files'][0]['why'])

    def test_journal_with_a_torn_end(self):
        path = self.make_journal(n_segments=1)
        segment = path / 'segment-0000000001'
        os.truncate(segment, 4096 + 16000 + 5000)
        status, out, err = self.run_ctl('journal', '--verify', path)
        self.assertEqual((status, err), (0, ''))
        self.assertRegex(out, r'\Asegment-0000000001: a torn record at \d+\n.*2 files, 1000 points, .* no damage\n\Z')
        self.assertTrue(json.loads(self.run_ctl('journal', '--json', path)[1])['files'][0]['torn'])

    def test_journal_that_is_none(self):
        (self.folder / 'empty').mkdir()
        status, out, err = self.run_ctl('journal', self.folder / 'empty')
        self.assertEqual((status, err), (0, ''))
        self.assertIn('0 files, 0 points', out)
        self.assertEqual(json.loads(self.run_ctl('journal', '--json', self.folder / 'empty')[1])['files'], [])
        status, out, err = self.run_ctl('journal', self.folder / 'none')
        self.assertEqual((status, out), (2, ''))
        self.assertIn(str(self.folder / 'none'), err)

    # ---- a true daemon

    def send(self, daemon, host, t):
        message = {'TimeStamp': str(t), 'Values': {'cups': 2, 'pots': 1}}
        status, _, reply = daemon.post({'hostid': host, 'type': 'data', 'plugin': 'tea', 'message': message})
        self.assertEqual((status, reply), (200, {'accepted': 1, 'rejected': []}))

    def status(self, daemon):
        # the REST API answers before the journal is replayed, the socket only then
        ask = ('-c', daemon.config_path, '--json', 'status')
        wait_until(lambda: self.run_ctl(*ask)[0] == 0, 10, 'the socket is served')
        code, out, err = self.run_ctl(*ask)
        self.assertEqual((code, err), (0, ''))
        return json.loads(out)

    def files(self, daemon):
        return sorted('/'.join(p.parts[-3:]) for p in daemon.wsp_path.glob('*/*/*/*.wsp'))

    def test_a_daemon(self):
        with Daemon(self.folder, http_ingest='true', flush_interval_s=86400, storage_name='my "storage"') as daemon:
            told = self.status(daemon)
            self.assertEqual((told['pid'], told['storage_name']), (daemon.process.pid, 'my "storage"'))
            self.assertEqual((told['journal']['points'], told['cache']['points'], told['flush']['points_written']),
                             (0, 0, 0))
            now = int(time.time())
            self.send(daemon, 'one', now)
            self.send(daemon, 'other', now)
            told = self.status(daemon)
            self.assertEqual((told['journal']['points'], told['cache']['points'], told['cache']['dirty_series'],
                              told['cache']['series'], told['counters']['messages_http']), (4, 4, 4, 4, 2))
            self.assertEqual(told['journal']['appended'], told['journal']['synced'])
            self.assertEqual(self.files(daemon), [])
            status, out, err = self.run_ctl('-c', daemon.config_path, 'journal')
            self.assertEqual((status, err), (0, ''))
            self.assertRegex(out, r'segment-0000000001 .* 4 points .* open end\n')

            status, out, err = self.run_ctl('-c', daemon.config_path, 'flush', 'one')
            self.assertEqual((status, err), (0, ''))
            self.assertRegex(out, r'\A2 points of 2 series written in \d+\.\d{3} s\n\Z')
            self.assertEqual(self.files(daemon), ['one/tea/cups.wsp', 'one/tea/pots.wsp'])
            self.assertEqual(self.status(daemon)['cache']['points'], 2)
            self.assertIn('0 points of 0', self.run_ctl('-c', daemon.config_path, 'flush', 'nobody')[1])
            self.assertIn('2 points of 2', self.run_ctl('-c', daemon.config_path, 'flush')[1])
            told = self.status(daemon)
            self.assertEqual((told['cache']['points'], told['flush']['points_written'], len(self.files(daemon))),
                             (0, 4, 4))

            status, out, err = self.run_ctl('-c', daemon.config_path, 'flush', '..')
            self.assertEqual((status, out), (1, ''))
            self.assertIn('numeterctl: ', err)
            self.assertEqual(len(daemon.log_lines('control.verb verb=flush rc=ok uid=%d' % os.geteuid())), 3)
        self.assertFalse(daemon.control_socket.exists())
        self.assertEqual(self.run_ctl('-c', daemon.config_path, 'status')[0], 2)

    def test_a_killed_daemons_socket_is_taken_over(self):
        (self.folder / 'second').mkdir()
        with Daemon(self.folder) as daemon:
            second = Daemon(self.folder / 'second', control_socket=daemon.control_socket)
            second.spawn()
            self.assertEqual(second.process.wait(20 * SLOW), 1)
            second.end()
            self.assertRegex(second.stderr(), r'control_socket: .*\b%d\b' % daemon.process.pid)
            daemon.kill9()
            self.assertTrue(daemon.control_socket.is_socket())
            with second:
                self.assertEqual(self.status(second)['pid'], second.process.pid)
            daemon.start()
            self.assertEqual(self.status(daemon)['pid'], daemon.process.pid)

    def test_a_daemon_without_a_socket(self):
        with Daemon(self.folder, control_socket='') as daemon:
            self.assertEqual([p for p in self.folder.rglob('*') if p.is_socket()], [])
            self.assertEqual(self.run_ctl('-c', daemon.config_path, 'status')[0], 2)


if __name__ == '__main__':
    main()

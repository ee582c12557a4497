#!/usr/bin/python3
"""numeterctl's commands that ask no daemon: what was kept aside, the configuration and what is wrong with it."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ServersCase, main  # noqa: E402
from support.ctl import run_ctl  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.wait import SLOW  # noqa: E402


class Files(ServersCase):
    def test_rejected_without_a_daemon(self):
        folder = self.folder / 'rejected'
        config = self.folder / 'c.cfg'
        config.write_text('[global]\nrejected_path = %s\n' % folder)
        self.assertEqual(run_ctl('-c', config, 'rejected')[0], 2)
        folder.mkdir()
        self.assertEqual(run_ctl('-c', config, 'rejected'), (0, '', ''))

        def line(t, host, body='b'):
            return json.dumps({'time': t, 'input': 'amqp', 'host': host, 'plugin': None, 'reason': 'not_json',
                               'detail': 'd', 'body': body}) + '\n'

        (folder / '2026-01-02.jsonl').write_text(line(1767312000, 'second') + 'no json\n' +
                                                 line(1767312001, 'long', 'x' * 500))
        (folder / '2026-01-01.jsonl').write_text(line(1767225600, 'first') + line(1767225601, 'torn')[:-1])
        (folder / 'notes.txt').write_text(line(1, 'other'))
        hosts = re.compile(r'not_json  (\w+)')
        out = run_ctl('-c', config, 'rejected')[1]
        self.assertEqual(hosts.findall(out), ['first', 'second', 'long'])
        self.assertEqual(max(map(len, out.splitlines())), 104)
        self.assertIn('x' * 500, run_ctl('-c', config, 'rejected', '--body')[1])
        out = run_ctl('-c', config, 'rejected', '--since', '2026-01-01T12:00Z')[1]
        self.assertEqual(hosts.findall(out), ['second', 'long'])
        follower = subprocess.Popen([os.environ['NUMETERCTL'], '-c', config, 'rejected', '--follow', '--json',
                                     '--since', '1767312001'], stdout=subprocess.PIPE, text=True)
        try:
            self.assertEqual(json.loads(follower.stdout.readline())['host'], 'long')
            with open(folder / '2026-01-02.jsonl', 'a') as f:
                f.write(line(1767312002, 'more')[:20])
                f.flush()
                f.write(line(1767312002, 'more')[20:])
            self.assertEqual(json.loads(follower.stdout.readline())['host'], 'more')
            (folder / '2026-01-03.jsonl').write_text(line(1767398400, 'third'))
            self.assertEqual(json.loads(follower.stdout.readline())['host'], 'third')
        finally:
            follower.send_signal(signal.SIGINT)
            follower.wait(20 * SLOW)
            follower.stdout.close()

    # ---- the configuration

    def test_config(self):
        config = self.folder / 'c.cfg'
        config.write_text('[global]\nwsp_path = /srv/w\nrpc_password = geheim\nhttp_ingest_token = tok-en\n'
                          '[archives nets]\nplugin = if_*\narchives = 10:60\n')
        out = run_ctl('-c', config, 'config')[1]
        self.assertRegex(out, re.compile(r'^wsp_path +set +/srv/w$', re.M))
        self.assertRegex(out, re.compile(r'^http_ingest +default +false$', re.M))
        self.assertRegex(out, re.compile(r'^rpc_password +set +\*\*\*$', re.M))
        self.assertRegex(out, re.compile(r'^\[archives nets\]\n(.*\n)?plugin +set +if_\*$', re.M))
        told = json.loads(run_ctl('-c', config, 'config', '--json')[1])
        self.assertEqual(told['global']['wsp_path'], {'value': '/srv/w', 'default': False})
        self.assertEqual(told['global']['rpc_password'], {'value': '***', 'default': False})
        self.assertEqual(told['archives']['nets']['archives'], {'value': '10:60', 'default': False})
        self.assertNotIn('geheim', json.dumps(told))
        self.assertNotIn('tok-en', json.dumps(told) + out)
        self.assertEqual(run_ctl('--config', config, 'config', 'wsp_path'), (0, '/srv/w\n', ''))
        self.assertEqual(run_ctl('-c', config, 'config', 'rpc_password'), (0, '***\n', ''))
        self.assertEqual(run_ctl('-c', config, 'config', '--json', 'wsp_path'), (0, '"/srv/w"\n', ''))
        self.assertEqual(run_ctl('-c', self.folder / 'none', 'config')[0], 2)

    def check_config(self, **keys):
        daemon = Daemon(self.folder, **keys)
        status, out, err = run_ctl('-c', daemon.config_path, 'check-config')
        self.assertEqual(err, '')
        self.assertRegex(out.splitlines()[-1], r'^%s: \d+ errors?, \d+ warnings?$' % daemon.config_path)
        return status, '\n'.join(out.splitlines()[:-1])

    def test_check_config(self):
        tls = dict(rpc_hosts='127.0.0.1', rpc_ssl='true')
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        self.assertEqual(self.check_config(), (0, ''))
        (self.folder / 'file').write_text('')
        (self.folder / 'no.pem').write_text('x')
        (self.folder / 'key.pem').write_text('-----BEGIN PRIVATE KEY-----\n')
        os.chmod(self.folder / 'key.pem', 0o644)
        for keys, level, why in (
                (dict(unknown_key='1'), 'warning', 'unknown option'),
                (dict(wsp_path_md5_char='x'), 'error', 'wsp_path_md5_char'),
                (dict(enable='false'), 'warning', 'enable: false: the daemon does not start'),
                (dict(user='no-such-user-x'), 'error', 'no-such-user-x'),
                (dict(wsp_path=self.folder / 'file' / 'w'), 'error', 'wsp_path: '),
                (dict(journal_path=self.folder / 'a' / 'b' / 'c'), 'error', 'journal_path: no folder'),
                (dict(log_path=self.folder / 'a' / 'log'), 'error', 'log_path: no folder'),
                (dict(rpc_hosts='127.0.0.1', host_list_file=self.folder / 'none'), 'error', 'host_list_file: '),
                (dict(http_listen='192.0.2.1:80'), 'error', 'http_listen: 192.0.2.1, port 80: Cannot assign'),
                (dict(http_listen='127.0.0.1:%d' % taken.getsockname()[1]), 'error', 'Address already in use'),
                (dict(carbon_listen='192.0.2.1:2003'), 'error', 'carbon_listen: 192.0.2.1, port 2003: Cannot assign'),
                (dict(tls, rpc_ssl_ca=self.folder / 'none.pem'), 'error', 'rpc_ssl_ca: '),
                (dict(tls, rpc_ssl_ca=self.folder / 'no.pem'), 'error', 'no PEM file'),
                (dict(tls, rpc_ssl_cert=self.folder / 'key.pem',
                      rpc_ssl_key=self.folder / 'key.pem'), 'warning', 'can be read by everybody'),
                (dict(sections='[archives a]\nplugin = *\narchives = 10:60\n'
                               '[archives b]\nplugin = if_*\narchives = 20:60\n'),
                 'warning', '[archives b]: never applies: [archives a] before')):
            with self.subTest(keys):
                status, out = self.check_config(**keys)
                if 'user' in keys and os.geteuid() != 0:
                    continue
                self.assertEqual(status, 1 if level == 'error' else 0, out)
                self.assertRegex(out, '(?m)^%s: .*%s' % (level, re.escape(why)))
        (self.folder / 'own').mkdir()
        with Daemon(self.folder / 'own') as daemon:
            status, out, _ = run_ctl('-c', daemon.config_path, 'check-config')
            self.assertEqual(status, 0, 'its addresses are in use, by itself: ' + out)

    def test_check_config_of_a_file_and_as_json(self):
        config = self.folder / 'other.cfg'
        self.assertEqual(run_ctl('check-config', config)[0], 1)
        config.write_text('[global]\nenable = maybe\n')
        status, out, err = run_ctl('check-config', '--json', config)
        told = json.loads(out)
        self.assertEqual((status, err, told['file'], told['warnings']), (1, '', str(config), []))
        self.assertIn('other.cfg:2: enable: ', told['errors'][0])

    def test_check_config_knows_files_of_other_archives(self):
        with Daemon(self.folder, http_ingest='true') as daemon:
            daemon.post({'hostid': 'h', 'type': 'data', 'plugin': 'p',
                         'message': {'TimeStamp': str(int(time.time())), 'Values': {'v': 1}}})
            daemon.flush()
        status, out = self.check_config(archives='60:100')
        self.assertEqual(status, 0)
        self.assertRegex(out, r'archives: 1 of 1 files have other archives .* the first is \w+/h/p/v\.wsp')
        usual = '[archives x]\nplugin = p\narchives = 60:1440 300:2016 600:4608 3600:8784\n'
        self.assertEqual(self.check_config(archives='60:100', sections=usual), (0, ''))


if __name__ == '__main__':
    main()

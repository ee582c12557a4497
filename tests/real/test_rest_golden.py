#!/usr/bin/python3
"""The recorded REST requests of the original, asked again: equal as JSON wherever its reply is kept, our own status and
body wherever docs/spec/system.md decides otherwise. Same tree, same Redis content, same clock."""
import http.client
import json
import os
import re
import sys
import tarfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import DATA, ServersCase, main  # noqa: E402
from support.daemon import Daemon, libfaketime, strict_json  # noqa: E402
from support.servers import RedisServer  # noqa: E402

try:
    import whisper
except ImportError:
    whisper = None

GOLDEN = DATA / 'rest-golden'
NOW = 1400003617

ARGS_ERROR = 'Args error'
# Where the spec decides otherwise: golden → (status, error of the JSON body).
OTHERWISE = {}
OTHERWISE.update({n: (400, ARGS_ERROR) for n in ('012', '021', '024', '025', '035', '069', '072', '043', '045')})
OTHERWISE.update({n: (405, 'Method not allowed') for n in ('005', '014', '016', '028', '038', '070')})
OTHERWISE.update({n: (404, 'Not found') for n in (
    '009', '057', '058', '063', '065', '066', '080', '083', '086', '088', '090', '093', '094', '095', '096', '097',
    '098')})
EMPTY_OBJECT = ('023', '027')
HEADS = ('006', '015', '071')
OPTIONS = ('007',)
TICKING = ('109', '111')  # the original's own clock race
TEXT = ('001',)
REDIRECT = ('002',)
# Kept, but the original wrote no JSON: what to put right before parsing.
NOT_JSON = {
    '075': (r'(?<=[\[ ])-?(nan|inf)(?=[,\]])', 'null'),
    '076': (r'(?<=[\[ ])-?(nan|inf)(?=[,\]])', 'null'),
    '087': (r'"a"b"', r'"a\\"b"'),
}
CAFE = '084'  # 500 there, 200 here: the file is in the tree
# With res_windows = intended these have another window: golden → (step, count).
INTENDED = {'041': (600, 4464), '102': (600, 4464), '106': (600, 4464),
            '042': (3600, 8784), '053': (3600, 8784), '079': (3600, 8784), '107': (3600, 8784)}


class FrozenDaemon(Daemon):
    """Its clock stands still, so that a minute cannot end while it is asked. Monotonic time goes on."""

    def spawn(self):
        with mock.patch.dict(os.environ, LD_PRELOAD=libfaketime(), FAKETIME=str(self.frozen_s), FAKETIME_FMT='%s',
                             FAKETIME_DONT_FAKE_MONOTONIC='1',
                             ASAN_OPTIONS=os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'):
            super().spawn()


def load_goldens():
    goldens = {}
    for path in sorted(GOLDEN.glob('[0-9][0-9][0-9].json')):
        golden = json.loads(path.read_text())
        now = golden['now']
        golden['now'] = now if isinstance(now, int) else now[0]
        goldens[path.stem] = golden
    return goldens


def same(a, b):
    """Equal JSON, numbers to 12 significant digits, key order and the difference of 1 and 1.0 apart."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool):
        return '%.12g' % a == '%.12g' % b
    return type(a) is type(b) and a == b


class RestGolden(ServersCase):
    needs = ('redis',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if libfaketime() is None:
            raise unittest.SkipTest('no libfaketime on this machine')
        cls.goldens = load_goldens()
        with tarfile.open(GOLDEN / 'tree.tar.gz') as tar:
            tar.extractall(cls.folder / 'tree')
        cls.wsp_path = cls.folder / 'tree' / 'wsps'
        cls.redis = RedisServer()
        cls.redis.start()
        cls.addClassCleanup(cls.redis.close)
        client = cls.redis.client()
        for key, fields in json.loads((GOLDEN / 'redis.json').read_text()).items():
            for field, value in fields.items():
                client.hset(key, field, value)

    def daemon(self, now, **keys):
        d = FrozenDaemon(self.folder, redis_storage_host='127.0.0.1', redis_storage_port=self.redis.port,
                         metadata='redis', wsp_path=self.wsp_path, **keys)
        d.frozen_s = now
        return d

    def ask(self, daemon, request):
        """(status, {header: value}, body) of a request line, sent as it stands."""
        method, target = request.split(' ', 1)
        connection = http.client.HTTPConnection('127.0.0.1', daemon.port, timeout=30)
        connection.putrequest(method, target, skip_accept_encoding=True)
        if method in ('POST', 'PUT'):
            connection.putheader('Content-Length', '0')
        connection.endheaders()
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return reply.status, {k.lower(): v for k, v in reply.getheaders()}, body

    def each(self, check, **keys):
        """Ask every golden at its clock: check(name, golden, status, headers, body)."""
        clocks = sorted({g['now'] for n, g in self.goldens.items() if n not in TICKING})
        for now in clocks:
            with self.daemon(now, **keys) as daemon:
                for name, golden in self.goldens.items():
                    if golden['now'] == now and name not in TICKING:
                        with self.subTest(golden=name, request=golden['request'][:150]):
                            check(name, golden, *self.ask(daemon, golden['request']))

    def check_otherwise(self, name, status, headers, body):
        """True when the spec decides otherwise and that is what came."""
        if name in OTHERWISE:
            want, error = OTHERWISE[name]
            self.assertEqual(status, want)
            reply = strict_json(body)
            self.assertEqual((sorted(reply), reply['error']), (['detail', 'error'], error))
            self.assertTrue(reply['detail'])
            self.assertEqual(headers.get('allow'), 'GET, HEAD, OPTIONS' if want == 405 else None)
        elif name in EMPTY_OBJECT:
            self.assertEqual((status, strict_json(body)), (200, {}))
        elif name in HEADS:
            self.assertEqual((status, body), (200, b''))
            self.assertGreater(int(headers['content-length']), 5)
        elif name in OPTIONS:
            self.assertEqual((status, body, headers['allow']), (204, b'', 'GET, HEAD, OPTIONS'))
        elif name in REDIRECT:
            self.assertEqual((status, headers['location']), (301, '/numeter-storage/'))
        elif name in TEXT:
            self.assertEqual((status, body, headers['content-type']), (200, b'index pass',
                                                                       'text/plain; charset=utf-8'))
        elif name == CAFE:
            reply = strict_json(body)
            self.assertEqual((status, list(reply['DATAS']), reply['TS_start'], len(reply['DATAS']['café'])),
                             (200, ['café'], 1399917240, 1440))
        else:
            return False
        return True

    def check_kept(self, name, golden, status, headers, body):
        self.assertEqual(status, 200)
        self.assertEqual(golden['status'], '200 OK')
        self.assertEqual(headers['content-type'], 'application/json; charset=utf-8')
        recorded = golden['body']
        if name in NOT_JSON:
            recorded = re.sub(*NOT_JSON[name], recorded)
        want, got = json.loads(recorded), strict_json(body)
        if 'DATAS' in want:
            self.assertEqual(list(got['DATAS']), list(want['DATAS']))
        if not same(got, want):
            self.assertEqual(got, want)
            self.fail('differs')

    def test_replies_of_the_original(self):
        kept = []

        def check(name, golden, *reply):
            if not self.check_otherwise(name, *reply):
                self.check_kept(name, golden, *reply)
                kept.append(name)

        self.each(check, res_windows='original')
        self.assertEqual(len(kept), 41)

    def test_intended_windows(self):
        def check(name, golden, status, headers, body):
            if self.check_otherwise(name, status, headers, body):
                return
            if name not in INTENDED:
                self.check_kept(name, golden, status, headers, body)
                return
            step, count = INTENDED[name]
            self.assertEqual(status, 200)
            reply = strict_json(body)
            self.assertEqual(reply['TS_step'], step)
            self.assertEqual(reply['TS_start'] + (count - 1) * step, golden['now'] - golden['now'] % step)
            self.assertEqual({ds: len(v) for ds, v in reply['DATAS'].items()}, dict.fromkeys(reply['DATAS'], count))

        self.each(check)

    @unittest.skipIf(whisper is None, 'no python3-whisper on this machine')
    def test_every_window_as_whisper_reads_it(self):
        folder = self.wsp_path / '0c' / 'myhost-123456'
        windows = {'Daily': (86400, 60, 1440), 'Weekly': (604800, 300, 2016), 'Monthly': (2678400, 600, 4464),
                   'Yearly': (31622400, 3600, 8784)}
        with self.daemon(NOW) as daemon:
            for res, (window_s, step, count) in windows.items():
                for ds in ('load/load', 'if_eth0/down', 'memory/free', 'times/oldest'):
                    plugin, name = ds.split('/')
                    with self.subTest(res=res, ds=ds):
                        status, _, reply = daemon.get('data', host='myhost-123456', plugin=plugin, ds=name, res=res)
                        (start, end, whisper_step), values = whisper.fetch(
                            str(folder / plugin / (name + '.wsp')), NOW - window_s, NOW, now=NOW)
                        self.assertEqual((status, whisper_step, len(values)), (200, step, count))
                        self.assertEqual(reply, {'TS_start': start, 'TS_step': step, 'DATAS': {name: values}})
                        self.assertEqual(end - start, count * step)

    @unittest.skipIf(whisper is None, 'no python3-whisper on this machine')
    def test_from_and_until_as_whisper_reads_them(self):
        path = str(self.wsp_path / '0c' / 'myhost-123456' / 'load' / 'load.wsp')
        spans = [('-6h', None, NOW - 21600, NOW), ('-6h', '-3h', NOW - 21600, NOW - 10800),
                 ('-30min', 'now', NOW - 1800, NOW), ('-7d', None, NOW - 604800, NOW),
                 (str(NOW - 90000), str(NOW - 80000), NOW - 90000, NOW - 80000), ('now', 'now', NOW, NOW),
                 ('0', None, 0, NOW), ('-3h', '9999999999', NOW - 10800, NOW),
                 (' -10min ', None, NOW - 600, NOW)]
        with self.daemon(NOW) as daemon:
            for from_, until, from_s, until_s in spans:
                with self.subTest(from_=from_, until=until):
                    asked = {'from_': from_} if until is None else {'from_': from_, 'until': until}
                    status, _, reply = daemon.get('data', host='myhost-123456', plugin='load', ds='load', **asked)
                    (start, _, step), values = whisper.fetch(path, from_s, until_s, now=NOW)
                    self.assertEqual((status, reply),
                                     (200, {'TS_start': start, 'TS_step': step, 'DATAS': {'load': values}}))

    def test_spans_that_cannot_be_read(self):
        with self.daemon(NOW) as daemon:
            for asked in ({'from_': '-1h', 'until': '-2h'}, {'from_': 'yesterday'}, {'from_': ''}, {'until': 'now'},
                          {'from_': '-1h', 'res': 'Daily'}, {'from_': str(NOW + 60)}):
                with self.subTest(asked=asked):
                    status, _, reply = daemon.get('data', host='myhost-123456', plugin='load', ds='load', **asked)
                    self.assertEqual((status, reply['error']), (400, ARGS_ERROR))


if __name__ == '__main__':
    main()

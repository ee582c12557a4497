"""The recorded REST requests of the original, and what must be answered today: for whoever can ask them, directly or
through a proxy. Same tree, same Redis content, same clock."""
import http.client
import json
import os
import re
import tarfile
import unittest
from unittest import mock

from .case import DATA, ServersCase
from .daemon import Daemon, libfaketime, strict_json
from .servers import RedisServer

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


class RestGoldenCase(ServersCase):
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

#!/usr/bin/python3
"""The HTTP side of the daemon as its clients meet it: headers, refusals, odd and hostile connections, other servers away.
What /data and the others answer is test_rest_golden.py; what ingest takes is test_http_ingest.py."""
import gzip
import http.client
import json
import os
import re
import signal
import socket
import stat
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import HAVE_REDIS, ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon, strict_json  # noqa: E402
from support.servers import RedisServer  # noqa: E402
from support.wait import SLOW, wait_until  # noqa: E402

BASE = '/numeter-storage/'
ORIGIN = 'https://graphs.example'


def message(host='myhost', value='1.5', plugin='load', ds='load', values=None, stamp=None):
    return {'hostid': host, 'type': 'data', 'plugin': plugin,
            'message': {'TimeStamp': str(stamp or int(time.time())), 'Plugin': plugin, 'Values': values or {ds: value}}}


def speak(port, request, until=b'\r\n\r\n', silent_s=0.3):
    """What comes back for these bytes up to `until`; b'' when the server closes, or says nothing for a while."""
    got = b''
    with socket.create_connection(('127.0.0.1', port)) as s:
        s.settimeout(silent_s * SLOW)
        try:
            s.sendall(request)
            while until not in got:
                piece = s.recv(65536)
                if not piece:
                    break
                got += piece
        except OSError:
            pass
    return got


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost')
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


class HttpServer(ServersCase):
    def daemon(self, **keys):
        return Daemon(self.folder, **dict({'http_ingest': 'true'}, **keys))

    def error(self, answer, status, error):
        """answer is an error of our shape."""
        reply = strict_json(answer[2])
        self.assertEqual((answer[0], sorted(reply), reply['error']), (status, ['detail', 'error'], error))
        self.assertEqual(answer[1]['content-type'], 'application/json; charset=utf-8')
        return reply['detail']

    # ---- what every reply has

    def test_packed_when_asked_and_worth_it(self):
        with self.daemon() as d:
            d.post([message('host-%d' % i) for i in range(100)])
            status, headers, plain = d.request('GET', BASE + 'hosts')
            self.assertEqual((status, headers.get('content-encoding'), headers['vary']), (200, None, 'Accept-Encoding'))
            self.assertGreater(len(plain), 1024)
            for asked in ('gzip', 'br;q=1.0, gzip;q=0.5', '*'):
                _, headers, packed = d.request('GET', BASE + 'hosts', headers={'Accept-Encoding': asked})
                self.assertEqual(headers['content-encoding'], 'gzip', asked)
                self.assertEqual(headers['content-length'], str(len(packed)))
                self.assertEqual(gzip.decompress(packed), plain)
                self.assertLess(len(packed), len(plain) / 3)
            for asked in ('gzip;q=0', 'identity', 'deflate'):
                _, headers, body = d.request('GET', BASE + 'hosts', headers={'Accept-Encoding': asked})
                self.assertEqual((headers.get('content-encoding'), body), (None, plain), asked)
            _, headers, body = d.request('GET', BASE + 'hinfo?host=host-1', headers={'Accept-Encoding': 'gzip'})
            self.assertEqual(headers.get('content-encoding'), None)

    def test_validated(self):
        with self.daemon() as d:
            d.post(message())
            _, headers, body = d.request('GET', BASE + 'hosts')
            etag = headers['etag']
            self.assertEqual(headers['cache-control'], 'no-cache')
            self.assertEqual(headers['x-content-type-options'], 'nosniff')
            for tag in (etag, etag[2:], '"x", ' + etag, '*'):
                status, again, nothing = d.request('GET', BASE + 'hosts', headers={'If-None-Match': tag})
                self.assertEqual((status, nothing, again['etag']), (304, b'', etag), tag)
            self.assertEqual(d.request('GET', BASE + 'hosts', headers={'If-None-Match': '"x"'})[0], 200)
            status, again, nothing = d.request('HEAD', BASE + 'hosts')
            self.assertEqual((status, nothing), (200, b''))
            self.assertEqual((again['etag'], again['content-length']), (etag, str(len(body))))
            d.post(message('another'))
            status, again, _ = d.request('GET', BASE + 'hosts', headers={'If-None-Match': etag})
            self.assertEqual(status, 200)
            self.assertNotEqual(again['etag'], etag)
            _, headers, _ = d.request('GET', BASE + 'data?host=nosuch&plugin=p&ds=d&res=Daily')
            self.assertEqual((headers.get('etag'), headers['cache-control']), (None, 'no-cache'))

    def test_read_from_the_configured_origin_only(self):
        allow = 'access-control-allow-origin'
        with self.daemon(http_cors_origin=ORIGIN) as d:
            for method in ('GET', 'HEAD'):
                _, headers, _ = d.request(method, BASE + 'hosts', headers={'Origin': ORIGIN})
                self.assertEqual((headers[allow], headers['vary']), (ORIGIN, 'Origin'))
            _, headers, _ = d.request('GET', BASE + 'hosts', headers={'Origin': 'https://evil.example'})
            self.assertEqual((headers.get(allow), headers['vary']), (None, 'Origin'))
            self.assertEqual(d.request('GET', BASE + 'hosts')[1].get(allow), None)
            status, headers, body = d.request('OPTIONS', BASE + 'data', headers={
                'Origin': ORIGIN, 'Access-Control-Request-Method': 'GET'})
            self.assertEqual((status, body, headers[allow]), (204, b'', ORIGIN))
            self.assertEqual(headers['access-control-allow-methods'], 'GET, HEAD')
            for method, path in (('OPTIONS', BASE + 'ingest'), ('POST', BASE + 'ingest'), ('GET', '/metrics')):
                _, headers, _ = d.request(method, path, headers={'Origin': ORIGIN})
                self.assertEqual([h for h in headers if h.startswith('access-control')], [], (method, path))
        with self.daemon() as d:
            _, headers, _ = d.request('GET', BASE + 'hosts', headers={'Origin': ORIGIN})
            self.assertEqual((headers.get(allow), headers.get('vary')), (None, None))

    # ---- paths, methods, parameters

    def test_paths(self):
        with self.daemon() as d:
            self.assertEqual(d.request('GET', '/')[1]['location'], '/numeter-storage/ui/')
            self.assertEqual(d.request('GET', '/')[0], 302)
            self.assertEqual(d.request('GET', '/numeter-storage')[1]['location'], '/numeter-storage/')
            self.assertEqual(d.request('GET', BASE + '%68osts')[0], 200)
            for path in (BASE + 'hosts/', BASE + 'nosuch', '/hosts', BASE + 'hosts%00', BASE + 'Hosts',
                         '//numeter-storage/hosts', BASE + '../numeter-storage/hosts', '/%00', '*'):
                self.error(d.request('GET', path), 404, 'Not found')
            for path in ('hosts', 'hinfo', 'list', 'info', 'data', ''):
                for method in ('POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'NONSENSE'):
                    answer = d.request(method, BASE + path)
                    self.error(answer, 405, 'Method not allowed')
                    self.assertEqual(answer[1]['allow'], 'GET, HEAD, OPTIONS')

    def test_parameters(self):
        with self.daemon() as d:
            d.post([message(), message('b c', plugin='p+q', ds='x&y=z'), message('é')])
            data = {'host': 'myhost', 'plugin': 'load', 'ds': 'load', 'res': 'Daily'}
            for missing in data:
                some = {k: v for k, v in data.items() if k != missing}
                status, _, reply = d.get('data', **some)
                self.assertEqual((status, reply['error']), (400, 'Args error'))
                self.assertIn(missing + ' is missing', reply['detail'])
            self.assertEqual(d.get('hinfo', host='b c')[2]['ID'], 'b c')
            for target, known in (('hinfo?host=b+c', 'b c'), ('hinfo?host=b%20c', 'b c'), ('hinfo?host=%C3%A9', 'é'),
                                  ('hinfo?host=myhost&host=x', 'myhost'), ('hinfo?x=1&&host=myhost&', 'myhost')):
                status, _, body = d.request('GET', BASE + target)
                self.assertEqual((status, strict_json(body).get('ID')), (200, known), target)
            for target in ('hinfo?host=myhost%00', 'hinfo?host=myhost%00x', 'hinfo?host=%ff', 'hinfo?host=', 'hinfo?host',
                           'hinfo?host=a&host=myhost', 'hinfo?host=' + 'x' * 252, 'list?host=nosuch',
                           'info?host=myhost&plugin=', 'info?host=&plugin=load'):
                status, _, body = d.request('GET', BASE + target)
                self.assertEqual((status, body), (200, b'{}'), target)
            for target in ('hinfo?HOST=myhost', 'list?host=', 'list?host', 'info?host=myhost', 'info?plugin=load'):
                self.error(d.request('GET', BASE + target), 400, 'Args error')
            status, _, reply = d.get('data', host='b c', plugin='p+q', ds='x&y=z', res='Daily')
            self.assertEqual((status, list(reply['DATAS'])), (200, ['x&y=z']))

    def test_metrics(self):
        with self.daemon() as d:
            d.post([message(), message(value='0x10'), {'hostid': 'x'}])
            d.flush()
            status, headers, body = d.request('GET', '/metrics')
            self.assertEqual((status, headers['content-type']), (200, 'text/plain; version=0.0.4; charset=utf-8'))
            lines = body.decode().splitlines()
            values = dict(line.rsplit(' ', 1) for line in lines if not line.startswith('#'))
            self.assertEqual(values['numeter_storage_messages_http_total'], '3')
            self.assertEqual(values['numeter_storage_points_accepted_total'], '1')
            self.assertEqual(values['numeter_storage_points_stored_total'], '1')
            self.assertEqual(values['numeter_storage_rejected_total{reason="value"}'], '1')
            # how full it is: one point, in its file; a series, and one segment that stays open
            self.assertEqual(values['numeter_storage_cache_points'], '0')
            self.assertEqual(values['numeter_storage_series'], '1')
            self.assertEqual(values['numeter_storage_journal_unsynced_points'], '0')
            self.assertEqual(values['numeter_storage_flush_series_written_total'], '1')
            self.assertEqual(values['numeter_storage_flush_failing'], '0')
            self.assertEqual(values['numeter_storage_cache_max_bytes'], str(1 << 30))
            self.assertEqual(values['numeter_storage_journal_max_bytes'], str(4 << 30))
            for name in {re.sub(r'_seconds_(bucket|sum|count)$', '_seconds', n.split('{')[0]) for n in values}:
                self.assertEqual(sum(line.startswith('# HELP %s ' % name) for line in lines), 1, name)
                self.assertEqual(sum(line.startswith('# TYPE %s ' % name) for line in lines), 1, name)

    # ---- where it listens

    def test_listens_on_every_address(self):
        path = self.folder / 'http.sock'
        d = self.daemon(http_socket_mode='0640')
        d.keys['http_listen'] = '127.0.0.1:%d, [::1]:%d, unix:%s' % (d.port, d.port, path)
        d.write_config()
        with d:
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o640)
            for connection in (UnixConnection(path), http.client.HTTPConnection('::1', d.port, timeout=10)):
                connection.request('GET', BASE)
                self.assertEqual(connection.getresponse().read(), b'index pass')
                connection.close()
        self.assertFalse(path.exists())

    def test_a_taken_address_is_a_refusal(self):
        with socket.socket() as other:
            other.bind(('127.0.0.1', 0))
            other.listen()
            d = self.daemon(http_listen='127.0.0.1:%d' % other.getsockname()[1])
            d.spawn()
            self.assertEqual(d.process.wait(10 * SLOW), 1)
            self.assertRegex(d.stderr(), r'numeter_storage.cfg:\d+: http_listen: .*127.0.0.1:\d+: Address already in use')

    # ---- odd and hostile connections

    def test_bytes_that_are_no_request(self):
        with self.daemon() as d:
            long_ds = ','.join('d%d' % i for i in range(3000))
            for request in (b'\0', b'\r\n\r\n', b'GET\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n', b'\x16\x03\x01\x02\0\x01\0',
                            b'GET ' + b'/' * 200000 + b' HTTP/1.1\r\nHost: x\r\n\r\n',
                            b'GET /numeter-storage/ HTTP/1.1\r\nHost: x\r\n' + b'A: b\r\n' * 50000 + b'\r\n',
                            b'GET /numeter-storage/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
                            b'GET /numeter-storage/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n',
                            b'POST /numeter-storage/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
                            b'Transfer-Encoding: chunked\r\n\r\nzz\r\n'):
                got = speak(d.port, request)
                if got:
                    self.assertRegex(got, rb'^HTTP/1\.[01] (4\d\d|505) ', request[:60])
            got = speak(d.port, b'GET /numeter-storage/data?host=h&plugin=p&res=Daily&ds=%s HTTP/1.0\r\n\r\n' %
                        long_ds.encode())
            self.assertRegex(got, rb'^HTTP/1\.[01] 400 ')
            self.assertEqual(d.index(), (200, 'index pass'))

    def test_the_old_protocol_and_several_requests_on_one_connection(self):
        with self.daemon() as d:
            got = speak(d.port, b'GET /numeter-storage/ HTTP/1.0\r\n\r\n', b'pass')
            self.assertTrue(got.endswith(b'\r\n\r\nindex pass'), got)
            got = speak(d.port, b'GET /numeter-storage/ HTTP/1.1\r\nHost: x\r\n\r\n' * 2 +
                        b'GET /numeter-storage/hosts HTTP/1.1\r\nHost: x\r\n\r\n', b'{}')
            self.assertEqual((got.count(b'index pass'), got[-2:]), (2, b'{}'))

    def test_clients_that_stall_or_leave_harm_nobody(self):
        body = json.dumps(message()).encode()
        head = (b'POST /numeter-storage/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
                b'Content-Length: %d\r\n\r\n' % len(body))
        with self.daemon() as d:
            stalled = []
            for start in (b'', b'GET /numeter-st', head[:-2], head, head + body[:10]) * 10:
                s = socket.create_connection(('127.0.0.1', d.port))
                s.sendall(start)
                stalled.append(s)
            for _ in range(50):  # gone before the answer
                with socket.create_connection(('127.0.0.1', d.port)) as s:
                    s.sendall(head + body)
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            begin = time.monotonic()
            for _ in range(20):
                self.assertEqual(d.index(), (200, 'index pass'))
                self.assertEqual(d.post(message())[0], 200)
            self.assertLess(time.monotonic() - begin, 5 * SLOW)
            d.stop()  # with the stalled ones still there: within its time
            for s in stalled:
                s.close()

    def test_early_refusals(self):
        head = (b'POST /numeter-storage/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n')
        with self.daemon(http_ingest_max_bytes=100000, http_ingest_token='t') as d:
            bear = b'Authorization: Bearer t\r\n'
            # before a byte of the body
            for extra, status in ((b'Content-Length: 999999999\r\n' + bear, b'413'),
                                  (b'Content-Length: 99999\r\nExpect: 100-continue\r\n', b'401'),
                                  (b'Content-Length: 100001\r\nExpect: 100-continue\r\n' + bear, b'413')):
                with socket.create_connection(('127.0.0.1', d.port), timeout=10 * SLOW) as s:
                    s.sendall(head + extra + b'\r\n')
                    self.assertEqual(s.recv(65536).split()[1], status, extra)

    # ---- ingest beside reading

    def test_many_at_once(self):
        statuses = []

        def post(d, i):
            statuses.append(d.post([message('h%d' % i, str(k)) for k in range(50)])[0])

        with self.daemon() as d:
            threads = [threading.Thread(target=post, args=(d, i)) for i in range(20)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(statuses, [200] * 20)
            self.assertEqual(len(d.get('hosts')[2]), 20)

    def test_packed_bodies(self):
        with self.daemon(http_ingest_max_bytes=100000) as d:
            def post(body):
                return d.request('POST', BASE + 'ingest', body, {'Content-Type': 'application/json',
                                                                 'Content-Encoding': 'gzip'})
            status, _, body = post(gzip.compress(json.dumps([message()] * 100).encode()))
            self.assertEqual((status, strict_json(body)), (200, {'accepted': 100, 'rejected': []}))
            self.error(post(b'no gzip'), 400, 'Args error')
            self.error(post(gzip.compress(b' ' * 100001)), 413, 'Too large')
            answer = d.request('POST', BASE + 'ingest', b'x', {'Content-Type': 'application/json',
                                                              'Content-Encoding': 'br'})
            self.error(answer, 415, 'Unsupported media type')

    def test_nothing_is_called_accepted_that_has_no_room(self):
        """Points that cannot be written yet are kept, up to cache_max_bytes; what is beyond that is not accepted."""
        def many(first, n):
            stamp = int(time.time()) - 40000
            return [message(plugin='broken', values={'v%d' % k: '1' for k in range(1000)}, stamp=stamp + 60 * i)
                    for i in range(first, first + n)]

        with self.daemon(cache_max_bytes='1M') as d:
            d.post(message())
            d.flush()
            host = next(p for p in d.wsp_path.glob('*/myhost'))
            # a link to nowhere in place of the plugin's folder: its files cannot be made until it is gone
            (host / 'broken').symlink_to('nowhere')
            status, n = 200, 0
            while status == 200 and n < 200:
                status, headers, reply = d.post(many(n, 1))
                n += status == 200
            self.assertTrue(10 < n < 80, n)  # a million bytes hold some 60,000 points
            self.assertEqual((status, headers['retry-after'], reply['error']), (503, '5', 'Not stored'))
            self.assertIn('cache_max_bytes', reply['detail'])
            self.assertEqual((reply['accepted'], reply['failed']), (0, 1))
            self.assertIn('error', d.control('flush'))
            (host / 'broken').unlink()
            d.flush()
            self.assertEqual(d.post(many(n, 1))[2], {'accepted': 1, 'rejected': []})
            self.assertEqual(len(d.data('myhost', 'broken', ['v0', 'v999'])['v999']), n + 1)

    def test_a_file_in_the_way_refuses_its_own_values_alone(self):
        with self.daemon() as d:
            d.post(message())
            d.flush()
            host = next(p for p in d.wsp_path.glob('*/myhost'))
            (host / 'taken').write_text('')
            self.assertEqual(d.post([message(value='2'), message(plugin='taken')])[2],
                             {'accepted': 2, 'rejected': []})
            d.flush()
            line, = rejected_lines(d.rejected_path)
            self.assertEqual((line['host'], line['plugin'], line['ds'], line['reason'], line['input']),
                             ('myhost', 'taken', ['load'], 'file', 'journal'))


@unittest.skipUnless(HAVE_REDIS, 'no redis-server on this machine')
class MetadataOfOthers(ServersCase):
    def seen_within_a_second(self, ask, wanted):
        begin = time.monotonic()
        while ask() != wanted:
            self.assertLess(time.monotonic() - begin, 1 * SLOW, 'another client wrote it and it is not seen')

    def test_what_another_client_writes_is_seen_within_a_second(self):
        with RedisServer() as server, Daemon(self.folder, redis_storage_host='127.0.0.1', metadata='redis',
                                             redis_storage_port=server.port, http_ingest='true') as d:
            other = server.client()
            d.post([message('one'), message('two')])
            questions = {'hosts': {}, 'hinfo': {'host': 'one'}, 'list': {'host': 'one'},
                         'info': {'host': 'one', 'plugin': 'load'}}
            before = {path: d.get(path, **asked)[2] for path, asked in questions.items()}
            self.assertEqual(sorted(before['hosts']), ['one', 'two'])
            other.hset('HOSTS', 'one', '{"ID": "other"}')
            other.hset('INFOS@one', 'load', '{"Plugin": "other"}')
            self.seen_within_a_second(lambda: d.get('hosts')[2], dict(before['hosts'], one={'ID': 'other'}))
            self.seen_within_a_second(lambda: d.get('hinfo', host='one')[2], {'ID': 'other'})
            self.seen_within_a_second(lambda: d.get('list', host='one')[2], {'load': {'Plugin': 'other'}})
            self.seen_within_a_second(lambda: d.get('info', host='one', plugin='load')[2], {'Plugin': 'other'})
            self.assertEqual(d.get('data', host='one', plugin='load', ds='load', res='Daily')[0], 200)
            other.hdel('WSP_PATH', 'one')
            self.seen_within_a_second(
                lambda: d.get('data', host='one', plugin='load', ds='load', res='Daily')[0], 404)

    def test_what_is_accepted_is_seen_at_once(self):
        with RedisServer() as server, Daemon(self.folder, redis_storage_host='127.0.0.1', metadata='redis',
                                             redis_storage_port=server.port, http_ingest='true') as d:
            for i in range(20):
                d.post([message('host-%d' % i), message('host-0', plugin='p%d' % i)])
                self.assertEqual(len(d.get('hosts')[2]), i + 1)
                self.assertIn('p%d' % i, d.get('list', host='host-0')[2])
                self.assertEqual(d.get('info', host='host-0', plugin='p%d' % i)[2]['Plugin'], 'p%d' % i)
                self.assertNotEqual(d.get('hinfo', host='host-%d' % i)[2], {})


@unittest.skipUnless(HAVE_REDIS, 'no redis-server on this machine')
class MetadataAway(ServersCase):
    def test_away_hanging_and_back(self):
        with RedisServer() as server, Daemon(self.folder, redis_storage_host='127.0.0.1', metadata='redis',
                                             redis_storage_port=server.port, redis_storage_timeout=2) as d:
            self.assertEqual(d.get('hosts')[2], {})
            time.sleep(1)  # what was read counts for a second
            os.kill(server.process.pid, signal.SIGSTOP)
            try:
                asking = [threading.Thread(target=lambda: answers.append(d.get('hosts')[:2])) for _ in range(2)]
                answers = []
                for t in asking:
                    t.start()
                time.sleep(0.2)
                begin = time.monotonic()
                for _ in range(5):
                    self.assertEqual(d.index(), (200, 'index pass'))
                self.assertLess(time.monotonic() - begin, 1 * SLOW, 'the index page needs no store')
                for t in asking:
                    t.join()
                self.assertEqual([(s, h['retry-after']) for s, h in answers], [(503, '5')] * 2)
            finally:
                os.kill(server.process.pid, signal.SIGCONT)
            server.stop()
            for path in ('hosts', 'hinfo?host=h', 'list?host=h', 'info?host=h&plugin=p',
                         'data?host=h&plugin=p&ds=d&res=Daily'):
                status, headers, body = d.request('GET', BASE + path)
                self.assertEqual((status, headers['retry-after'], strict_json(body)['error']),
                                 (503, '5', 'Not available'), path)
            self.assertEqual(d.index(), (200, 'index pass'))
            server.start()
            wait_until(lambda: d.get('hosts')[::2] == (200, {}), 5)


if __name__ == '__main__':
    main()

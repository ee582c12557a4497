#!/usr/bin/python3
"""The access log: one line a request as nginx writes it, nothing of a client's in it that could look like another line,
no secret, rotated with the log, and a disk that does not take it stops nobody."""
import re
import signal
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.wait import wait_until  # noqa: E402

LINE = re.compile(r'(\S+) - - \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "(\S+) (\S+) (\S+)" (\d{3}) (\d+) '
                  r'"([^"]*)" "([^"]*)" (\d+\.\d{3})')


class LoggedDaemon(Daemon):
    def __init__(self, folder, **keys):
        self.access_path = Path(folder) / 'access.log'
        super().__init__(folder, **{'access_log': self.access_path, **keys})

    def lines(self, path=None):
        """[(client, time, method, target, version, status, bytes, referer, agent, seconds)]"""
        text = (path or self.access_path).read_bytes().decode('ascii')
        assert text == '' or text.endswith('\n'), text[-200:]
        return [LINE.fullmatch(line).groups() for line in text.splitlines()]

    def last(self, target):
        """The line of the request for this target, which has one of its own."""
        return wait_until(lambda: [line for line in self.lines() if line[3] == target], 5,
                          lambda: '%s in %s' % (target, [line[3][-40:] for line in self.lines()]))[-1]

    def raw(self, *pieces, unix=None, wait=True):
        """Bytes on a connection of their own → what comes back until it is closed."""
        with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as s:
            s.connect(str(unix) if unix else ('127.0.0.1', self.port))
            for piece in pieces:
                s.sendall(piece)
            s.settimeout(10)
            answer = b''
            while wait:
                some = s.recv(65536)
                if not some:
                    break
                answer += some
            return answer


class AccessLog(ServersCase):
    def test_combined_format(self):
        with LoggedDaemon(self.folder, http_ingest='true', http_ingest_token='very-secret') as daemon:
            status, headers, body = daemon.request('GET', '/numeter-storage/hosts?n=1', headers={
                'Referer': 'http://page.example/', 'User-Agent': 'agent/1.0 (x)', 'Authorization': 'Bearer very-secret'})
            line = daemon.last('/numeter-storage/hosts?n=1')
            self.assertEqual(line[0], '127.0.0.1')
            self.assertEqual(line[2:9], ('GET', '/numeter-storage/hosts?n=1', 'HTTP/1.1', '200', str(len(body)),
                                         'http://page.example/', 'agent/1.0 (x)'))
            written = time.mktime(time.strptime(line[1][:20], '%d/%b/%Y:%H:%M:%S'))
            self.assertLess(abs(written - time.time()), 10)
            self.assertLess(float(line[9]), 5)
            # what has no body, or another length than it seems
            daemon.request('HEAD', '/numeter-storage/hosts?n=2')
            self.assertEqual(daemon.last('/numeter-storage/hosts?n=2')[5:7], ('200', '0'))
            daemon.request('GET', '/numeter-storage/hosts?n=3', headers={'If-None-Match': headers['etag']})
            self.assertEqual(daemon.last('/numeter-storage/hosts?n=3')[5:7], ('304', '0'))
            for n in (4, 5):
                packed = daemon.request('GET', '/numeter-storage/ui/?n=%d' % n, headers={'Accept-Encoding': 'gzip'})[2]
                self.assertEqual(daemon.last('/numeter-storage/ui/?n=%d' % n)[6], str(len(packed)))
            plain = daemon.request('GET', '/numeter-storage/ui/?n=6')[2]
            self.assertGreater(len(plain), len(packed))
            self.assertEqual(daemon.last('/numeter-storage/ui/?n=6')[6], str(len(plain)))
            body = daemon.request('GET', '/nosuch?n=7')[2]
            self.assertEqual(daemon.last('/nosuch?n=7')[5:7], ('404', str(len(body))))
            answer = daemon.post({'hostid': 'h', 'type': 'info', 'plugin': 'MyInfo', 'message': {}}, token='very-secret')
            self.assertEqual(answer[0], 200)
            self.assertEqual(daemon.last('/numeter-storage/ingest')[2:6],
                             ('POST', '/numeter-storage/ingest', 'HTTP/1.1', '200'))
            self.assertEqual(daemon.post({}, token='wrong-secret')[0], 401)
            daemon.stop()
            self.assertNotIn(b'secret', daemon.access_path.read_bytes())
            self.assertEqual(daemon.access_path.stat().st_mode & 0o777, 0o640)

    def test_hostile_requests(self):
        with LoggedDaemon(self.folder, http_ingest='true') as daemon:
            end = b' HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
            for target, header, logged, agent in (
                    (b'/a"b\\c?1', b'User-Agent: "q" \\ 200 5 "-"', '/a\\x22b\\x5Cc?1', '\\x22q\\x22 \\x5C 200 5 \\x22-\\x22'),
                    (b'/caf\xc3\xa9?2', b'User-Agent: \xff\x7f\x80', '/caf\\xC3\\xA9?2', '\\xFF\\x7F\\x80'),
                    (b'/%0a127.0.0.1?3', b'User-Agent: a\x01b\x1b[31m', '/%0a127.0.0.1?3', 'a\\x01b\\x1B[31m'),
                    (b'/%00?4', b'User-Agent:', '/%00?4', '-'),
                    (b'/' + b'a' * 8000 + b'?5', b'User-Agent: ' + b'\x02' * 2000, '/' + 'a' * 8000 + '?5', '\\x02' * 2000)):
                answer = daemon.raw(b'GET ' + target + end + header + b'\r\n\r\n')
                if not answer.startswith(b'HTTP/1.1 404'):  # it was no request at all for the server
                    self.assertTrue(answer.startswith(b'HTTP/1.1 400') or answer == b'', answer)
                    continue
                line = daemon.last(logged)
                self.assertEqual((line[5], line[8]), ('404', agent), target)
            # cut off within the request line, in the headers, and before a body that was promised
            daemon.raw(b'GET /cut?6', wait=False)
            daemon.raw(b'GET /cut?7 HTTP/1.1\r\nHost: x\r\nUser-A', wait=False)
            self.cut_before_body(daemon)
            self.assertEqual(daemon.last('/numeter-storage/ingest?8')[5:7], ('499', '0'))
            daemon.raw(b'FETCH /method?9' + end + b'\r\n')
            self.assertEqual(daemon.last('/method?9')[2], 'FETCH')
            for line in daemon.lines():
                self.assertEqual(line[0], '127.0.0.1')
            self.assertEqual([line for line in daemon.lines() if line[3] in ('/cut?6', '/cut?7')], [])

    def cut_before_body(self, daemon):
        with socket.create_connection(('127.0.0.1', daemon.port), timeout=10) as s:
            s.sendall(b'POST /numeter-storage/ingest?8 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n'
                      b'Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n')
            self.assertTrue(s.recv(100).startswith(b'HTTP/1.1 100 '))

    def test_rotated_and_unix(self):
        path = self.folder / 'http.sock'
        with LoggedDaemon(self.folder) as daemon:
            daemon.stop()
            daemon.keys['http_listen'] = '127.0.0.1:%d, unix:%s' % (daemon.port, path)
            daemon.write_config()
            daemon.start()
            daemon.raw(b'GET /unix?1 HTTP/1.0\r\n\r\n', unix=path)
            self.assertEqual(daemon.last('/unix?1')[0], 'unix:')
            self.assertEqual(daemon.last('/unix?1')[4], 'HTTP/1.0')
            kept = self.folder / 'access.log.1'
            daemon.access_path.rename(kept)
            daemon.request('GET', '/before?2')
            wait_until(lambda: [line for line in daemon.lines(kept) if line[3] == '/before?2'], 5, 'the old file goes on')
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(daemon.access_path.exists, 5, 'a new file')
            daemon.request('GET', '/after?3')
            self.assertEqual([line[3] for line in daemon.lines() if line[3].startswith('/after')] or
                             [daemon.last('/after?3')[3]], ['/after?3'])
            # it cannot be opened anew: the old one goes on, and the log says so
            daemon.access_path.rename(self.folder / 'access.log.2')
            daemon.access_path.mkdir()
            daemon.process.send_signal(signal.SIGHUP)
            wait_until(lambda: daemon.log_lines('access_log.not_reopened'), 5, 'it is said')
            daemon.request('GET', '/still?4')
            wait_until(lambda: [line for line in daemon.lines(self.folder / 'access.log.2') if line[3] == '/still?4'], 5)

    def test_disk_that_is_full(self):
        with LoggedDaemon(self.folder, access_log='/dev/full') as daemon:
            for _ in range(20):
                self.assertEqual(daemon.index(), (200, 'index pass'))
            wait_until(lambda: daemon.log_lines('access_log.failed.*No space left'), 5, 'it is said')
            self.assertEqual(len(daemon.log_lines('access_log.failed')), 1)
        daemon = LoggedDaemon(self.folder, access_log=self.folder / 'nosuch' / 'access.log')
        daemon.spawn()
        self.assertEqual(daemon.process.wait(10), 1)
        daemon.process = None
        self.assertIn('access_log: open %s' % (self.folder / 'nosuch' / 'access.log'), daemon.stderr())


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""What a page of graphs asks of the daemon over HTTP: its own files, and the calls that answer for many plugins and hosts."""
import gzip
import json
import re
import struct
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import DATA, ROOT, ServersCase, main  # noqa: E402
from support.daemon import Daemon, strict_json  # noqa: E402

BASE = '/numeter-storage/'
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
TYPES = {'.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8',
         '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml'}
DYGRAPH = Path('/usr/share/javascript/dygraphs/dygraph.min.js')


def data(host, plugin, stamp, **values):
    return {'hostid': host, 'type': 'data', 'plugin': plugin,
            'message': {'TimeStamp': str(stamp), 'Plugin': plugin, 'Values': values}}


def info(host, plugin, *ds, **keys):
    return {'hostid': host, 'type': 'info', 'plugin': plugin,
            'message': dict({'Plugin': plugin, 'Infos': {name: {'id': name} for name in ds}}, **keys)}


class PageFiles(ServersCase):
    def test_files(self):
        names = re.findall(r"'([^']+)'", (ROOT / 'web' / 'meson.build').read_text())
        files = {name: (ROOT / 'web' / name).read_bytes() for name in names}
        files['dygraph.min.js'] = DYGRAPH.read_bytes()
        files[''] = files['index.html']
        with Daemon(self.folder) as d:
            for name, content in files.items():
                with self.subTest(name):
                    status, headers, body = d.request('GET', BASE + 'ui/' + name)
                    self.assertEqual((status, body), (200, content))
                    self.assertEqual(headers['content-type'], TYPES[Path(name or 'index.html').suffix])
                    self.assertEqual(headers['content-security-policy'], POLICY)
                    self.assertEqual(headers['x-content-type-options'], 'nosniff')
                    self.assertEqual(headers['referrer-policy'], 'no-referrer')
                    self.assertEqual(headers['cache-control'], 'no-cache')
                    self.assertNotIn('content-encoding', headers)
                    etag = headers['etag']
                    status, headers, body = d.request('GET', BASE + 'ui/' + name, headers={'If-None-Match': etag})
                    self.assertEqual((status, headers['etag'], body), (304, etag, b''))
                    self.assertEqual(headers['content-security-policy'], POLICY)
                    status, headers, body = d.request('GET', BASE + 'ui/' + name, headers={'Accept-Encoding': 'gzip'})
                    if len(content) > 1024:
                        self.assertEqual((headers['content-encoding'], headers['vary']), ('gzip', 'Accept-Encoding'))
                        self.assertLess(len(body), len(content) * 0.7)
                        body = gzip.decompress(body)
                    self.assertEqual((status, body, headers['etag']), (200, content, etag))
                    status, headers, body = d.request('HEAD', BASE + 'ui/' + name)
                    self.assertEqual((status, body, headers['content-length']), (200, b'', str(len(content))))

    def test_nothing_else_is_served(self):
        with Daemon(self.folder, http_cors_origin='https://graphs.example') as d:
            for path in ('ui/nosuch.js', 'ui/meson.build', 'ui/../hosts', 'ui//index.html', 'ui/index.html/',
                         'ui/INDEX.HTML', 'ui/%00', 'ui/index.html%00'):
                self.assertEqual(d.request('GET', BASE + path)[0], 404, path)
            status, headers, _ = d.request('POST', BASE + 'ui/index.html', b'')
            self.assertEqual((status, headers['allow']), (405, 'GET, HEAD, OPTIONS'))
            _, headers, _ = d.request('GET', BASE + 'ui/', headers={'Origin': 'https://graphs.example'})
            self.assertNotIn('access-control-allow-origin', headers)

    def test_ways_to_the_page(self):
        with Daemon(self.folder) as d:
            status, headers, _ = d.request('GET', BASE + 'ui')
            self.assertEqual((status, headers['location']), (301, 'ui/'))
            for accept in ('text/html', 'application/xhtml+xml, TEXT/HTML;q=0.9, */*;q=0.8'):
                status, headers, _ = d.request('GET', BASE, headers={'Accept': accept})
                self.assertEqual((status, headers['location'], headers['vary']), (302, 'ui/', 'Accept'), accept)
            for accept in ('*/*', 'text/*', 'text/html;q=0, */*', 'text/plain', ''):
                status, headers, body = d.request('GET', BASE, headers={'Accept': accept})
                self.assertEqual((status, body, headers['vary']), (200, b'index pass', 'Accept'), accept)


class Graphs(ServersCase):
    """Pictures: what is on them is looked at in the unit tests."""

    def filled(self, **keys):
        now = int(time.time())
        d = Daemon(self.folder, http_ingest='true', **keys).start()
        self.addCleanup(d.end)
        recorded = [json.loads(line) for line in open(DATA / 'messages.jsonl')]
        infos = [m for m in recorded if m['context']['type'] == 'info' and m['context']['plugin'] != 'MyInfo']
        d.post([{'hostid': 'h<1>', 'type': 'info', 'plugin': m['context']['plugin'],
                 'message': json.loads(m['args']['message'])} for m in infos])
        for i in range(30):
            d.post([data('h<1>', 'cpu', now - 60 * i, user=i, system=30 - i, idle=100, nosuch=1),
                    data('h<1>', 'if_eth0', now - 60 * i, up=i * 1000, down=i * 500),
                    data('h<1>', 'memory', now - 60 * i, apps=i * 1e9, free=1e9, **{'n<&"': 5}),
                    data('h<1>', 'noinfo', now - 60 * i, **{'\u00e9\u4e2d': i})])
        status, _, body = d.request('GET', BASE + 'graph.svg?host=h%3C1%3E&plugin=cpu&res=Daily')
        if status == 404:
            self.assertEqual(strict_json(body)['detail'],
                             'this build draws no pictures: it was made without cairo (-Dgraph=disabled)')
            d.stop()
            self.skipTest('a build without cairo')
        return d

    def test_pictures(self):
        d = self.filled()
        for plugin in ('cpu', 'if_eth0', 'memory', 'noinfo'):
            for extra in ('', '&dark=1', '&width=200&height=4000', '&ds=user,up', '&ds='):
                with self.subTest(plugin + extra):
                    query = '?host=h%3C1%3E&plugin=' + plugin + '&res=Daily' + extra
                    status, headers, body = d.request('GET', BASE + 'graph.svg' + query)
                    self.assertEqual((status, headers['content-type']), (200, 'image/svg+xml'))
                    self.assertEqual(headers['content-security-policy'],
                                     "default-src 'none'; style-src 'unsafe-inline'")
                    self.assertEqual(headers['x-content-type-options'], 'nosniff')
                    root = ElementTree.fromstring(body)
                    self.assertEqual(root.tag, '{http://www.w3.org/2000/svg}svg')
                    width, height = (200, 4000) if 'width' in extra else (800, 400)
                    self.assertEqual(root.get('viewBox'), '0 0 %d %d' % (width, height))
                    status, headers, body = d.request('GET', BASE + 'graph.png' + query)
                    self.assertEqual((status, headers['content-type']), (200, 'image/png'))
                    self.assertEqual(body[:8], b'\x89PNG\r\n\x1a\n')
                    self.assertEqual(struct.unpack('>II', body[16:24]), (width, height))
        d.stop()

    def test_kept_and_packed(self):
        d = self.filled(http_cors_origin='https://graphs.example')
        query = '?host=h%3C1%3E&plugin=cpu&res=Daily'
        for kind in ('svg', 'png'):
            for _ in range(3):  # the third is one that was kept
                status, headers, body = d.request('GET', BASE + 'graph.' + kind + query)
                self.assertEqual(status, 200)
            minute = int(time.time()) // 60
            for extra in ({}, {'Origin': 'https://graphs.example'}):
                status, again, packed = d.request('GET', BASE + 'graph.' + kind + query,
                                                  headers=dict(extra, **{'Accept-Encoding': 'gzip'}))
                self.assertEqual((status, again.get('content-encoding')), (200, 'gzip' if kind == 'svg' else None))
                self.assertEqual(again['content-type'], headers['content-type'])
                if int(time.time()) // 60 == minute:
                    self.assertEqual(gzip.decompress(packed) if kind == 'svg' else packed, body)
            status, _, nothing = d.request('GET', BASE + 'graph.' + kind + query,
                                           headers={'If-None-Match': again['etag']})
            if int(time.time()) // 60 == minute:
                self.assertEqual((status, nothing), (304, b''))
            d.post([info('h<1>', 'cpu', 'user', Title='Another title')])  # an info changes the picture at once
            _, changed, _ = d.request('GET', BASE + 'graph.' + kind + query)
            self.assertNotEqual(changed['etag'], again['etag'])
            d.post([info('h<1>', 'cpu', 'user', Title='CPU usage')])
        d.stop()

    def test_bad_questions(self):
        d = self.filled()
        for query, status, detail in (
                ('plugin=cpu&res=Daily', 400, 'host is missing'),
                ('host=h%3C1%3E&res=Daily', 400, 'plugin is missing'),
                ('host=h%3C1%3E&plugin=cpu', 400, 'res is missing (or from, with or without until)'),
                ('host=h%3C1%3E&plugin=cpu&res=Daily&width=199', 400,
                 'width: expected a whole number of pixels from 200 to 4000'),
                ('host=h%3C1%3E&plugin=cpu&res=Daily&height=4001', 400,
                 'height: expected a whole number of pixels from 200 to 4000'),
                ('host=h%3C1%3E&plugin=cpu&res=Daily&width=4e2', 400,
                 'width: expected a whole number of pixels from 200 to 4000'),
                ('host=h%3C1%3E&plugin=cpu&res=Daily&width=', 400,
                 'width: expected a whole number of pixels from 200 to 4000'),
                ('host=h%3C1%3E&plugin=cpu&res=Daily&dark=yes', 400, 'dark: expected 0 or 1'),
                ('host=nosuch&plugin=cpu&res=Daily', 404, 'no such host or plugin'),
                ('host=h%3C1%3E&plugin=..&res=Daily', 404, 'no such host or plugin')):
            got, headers, body = d.request('GET', BASE + 'graph.svg?' + query)
            self.assertEqual((got, strict_json(body)['detail']), (status, detail), query)
            self.assertEqual(headers['content-type'], 'application/json; charset=utf-8')
        d.stop()


class PageCalls(ServersCase):
    def test_values_of_many(self):
        now = int(time.time())
        with Daemon(self.folder, http_ingest='true') as d:
            for host in ('a', 'b'):
                d.post([info(host, 'load', 'load'), data(host, 'load', now - 60, load=1, more=2),
                        data(host, 'df', now - 60, root=3)])
            query = 'values?host=b&host=a&plugin=df&plugin=load&plugin=nosuch&res=Daily'
            status, headers, body = d.request('GET', BASE + query)
            reply = strict_json(body)
            self.assertEqual(status, 200)
            self.assertLess(abs(reply['now'] - now), 30)
            self.assertEqual([(r['host'], r['plugin'], list(r['DATAS'])) for r in reply['results']],
                             [('b', 'df', ['root']), ('b', 'load', ['load', 'more']),
                              ('a', 'df', ['root']), ('a', 'load', ['load', 'more'])])
            self.assertEqual(reply['missing'], [{'host': 'b', 'plugin': 'nosuch'}, {'host': 'a', 'plugin': 'nosuch'}])
            for result in reply['results']:  # each as /data has it
                _, _, one = d.get('data', host=result['host'], plugin=result['plugin'],
                                  ds=','.join(result['DATAS']), res='Daily')
                if one['TS_start'] == result['TS_start']:  # else a minute has passed
                    self.assertEqual(one['DATAS'], result['DATAS'])
            # kept: the same bytes again, until there is something new
            d.request('GET', BASE + query)
            _, headers, kept = d.request('GET', BASE + query)
            status, _, again = d.request('GET', BASE + query, headers={'If-None-Match': headers['etag']})
            if int(time.time()) // 60 == now // 60:
                self.assertEqual((status, again), (304, b''))
            d.post([data('a', 'df', now, root=4, boot=5)])
            _, headers, body = d.request('GET', BASE + query)
            reply = strict_json(body)
            self.assertEqual(list(reply['results'][2]['DATAS']), ['root', 'boot'])
            self.assertIn(4.0, reply['results'][2]['DATAS']['root'])

    def test_bad_questions(self):
        with Daemon(self.folder) as d:
            for query, detail in (
                    ('plugin=load&res=Daily', 'host is missing'),
                    ('host=a&res=Daily', 'plugin is missing'),
                    ('host=a&plugin=load', 'res is missing (or from, with or without until)'),
                    ('host=a&plugin=load&res=Daily&reduce=mean',
                     'reduce: "mean": expected average, min, max, sum or last'),
                    ('&'.join('host=h%d' % i for i in range(11)) + '&' + '&'.join('plugin=p%d' % i for i in range(10))
                     + '&res=Daily', 'host and plugin: expected at most 100 hosts × plugins in one question'),
                    ('&'.join('host=%d' % i for i in range(201)) + '&plugin=load&res=Daily',
                     'host: given 201 times, expected at most 200')):
                status, _, body = d.request('GET', BASE + 'values?' + query)
                self.assertEqual((status, strict_json(body)), (400, {'error': 'Args error', 'detail': detail}))

    def test_last_seen_over_restarts(self):
        now = int(time.time())
        with Daemon(self.folder, http_ingest='true') as d:
            d.post([info('live', 'load', 'load'), info('live', 'df', 'root'), info('gone', 'load', 'load'),
                    {'hostid': 'new', 'type': 'info', 'plugin': 'MyInfo',
                     'message': {'Plugin': 'MyInfo', 'ID': 'new', 'Name': 'new'}}])
            # of what never came again after a year there is a file alone
            d.post([data('gone', 'load', now - 300 * 86400, load=1)])
            d.post([data('live', 'load', now - 7, load=1), data('live', 'df', now - 130, root=1)])
            exact = {'host': 'live', 'last': now - 7, 'plugins': {'df': now - 130, 'load': now - 7}}
            d.flush()
            _, _, reply = d.get('last-seen', host='live')
            self.assertLess(abs(reply.pop('now') - now), 30)
            self.assertEqual(reply, exact)
            self.assertEqual(d.get('last-seen')[2]['hosts'],
                             {'live': now - 7, 'gone': now - 300 * 86400, 'new': None})
            d.stop()
            d.start()
            # from the files, to their steps; the journal may still have them to the second
            gone = (now - 300 * 86400) // 3600 * 3600
            hosts = d.get('last-seen')[2]['hosts']
            self.assertIn(hosts['live'], (now - 7, (now - 7) // 60 * 60))
            self.assertIn(hosts['gone'], (now - 300 * 86400, gone))
            self.assertEqual((hosts['new'], len(hosts)), (None, 3))
            d.post([data('gone', 'load', now + 1, load=2)])
            self.assertEqual(d.get('last-seen', host='gone')[2]['last'], now + 1)
            # killed with points that are in the journal alone
            d.post([data('live', 'load', now + 3, load=2)])
            d.kill9()
            d.start()
            self.assertEqual(d.get('last-seen', host='live')[2]['plugins']['load'] // 60, (now + 3) // 60)
            self.assertEqual(d.get('last-seen')[2]['hosts']['gone'] // 60, (now + 1) // 60)

    def test_categories(self):
        with Daemon(self.folder, http_ingest='true') as d:
            self.assertEqual(d.get('categories')[2], {})
            d.post([info('a', 'df', 'x', Category='Disk'), info('b', 'cpu', 'x', Category='system'),
                    info('a', 'odd', 'x'), data('a', 'df', int(time.time()), x=1),
                    data('b', 'cpu', int(time.time()), x=1)])
            self.assertEqual(d.get('categories')[2], {'disk': ['df'], 'other': ['odd'], 'system': ['cpu']})
            d.post([info('b', 'load', 'x', Category='system')])  # seen at once
            self.assertEqual(d.get('categories')[2]['system'], ['cpu', 'load'])
            self.assertEqual(d.get('categories', host='b')[2], {'system': ['cpu', 'load']})
            self.assertEqual(d.get('categories', host='nosuch')[2], {})


if __name__ == '__main__':
    main()

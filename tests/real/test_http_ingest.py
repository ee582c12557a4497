#!/usr/bin/python3
"""Messages by HTTP, with no server at all beside the daemon: what is accepted is readable at once."""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import recorded  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.readback import wsp_files  # noqa: E402

TOKEN = 'open-sesame'


def flat(message, as_text=False):
    """A recorded message in the form of the ingest's own."""
    context = message['context']
    text = message['args']['message']
    return {'hostid': context['hostid'], 'type': context['type'], 'plugin': context['plugin'],
            'message': text if as_text else json.loads(text)}


def ndjson(messages):
    return b''.join(json.dumps(m).encode() + b'\n' for m in messages)


class HttpIngest(ServersCase):
    def setUp(self):
        super().setUp()
        self.now = int(time.time())

    def daemon(self, **keys):
        return Daemon(self.folder, **dict({'http_ingest': 'true'}, **keys))

    def slot(self, t=None):
        return (t or self.now) // 60 * 60

    def accepted(self, answer, n):
        self.assertEqual((answer[0], answer[2]), (200, {'accepted': n, 'rejected': []}))

    def point(self, host, i):
        return recorded.data_message(host, 'p', self.now, {'v': i})

    def test_off_by_default(self):
        with Daemon(self.folder) as daemon:
            status, _, body = daemon.post(flat(self.point('h', 1)))
            self.assertEqual((status, set(body)), (404, {'error', 'detail'}))
            self.assertEqual(daemon.get('hosts')[2], {})

    def test_every_shape(self):
        with self.daemon() as daemon:
            shapes = (
                ('object', flat(self.point('object', 1)), 'application/json', 1),
                ('text', flat(self.point('text', 2), as_text=True), 'application/json', 1),
                ('recorded', self.point('recorded', 3), 'application/json', 1),
                ('charset', flat(self.point('charset', 4)), 'application/json; charset=utf-8', 1),
                ('array', [flat(self.point('array', 5)), recorded.myinfo_message('array')], 'application/json', 2),
                ('one', [self.point('one', 6)], 'application/json', 1),
                ('lines', ndjson([flat(self.point('lines', 7)), recorded.myinfo_message('lines', 'L'),
                                  flat(recorded.info_message('lines', 'p', ['v']), True)]), 'application/x-ndjson', 3),
                ('blank', b'\n' + ndjson([self.point('blank', 8)]) + b'\r\n\n', 'application/x-ndjson', 1),
                ('open', ndjson([self.point('open', 9)])[:-1], 'application/x-ndjson', 1),
            )
            for i, (host, body, content_type, n) in enumerate(shapes):
                with self.subTest(host):
                    self.accepted(daemon.post(body, content_type), n)
                    self.assertEqual(daemon.data(host, 'p', ['v']), {'v': {self.slot(): i + 1.0}}, 'readable at once')
            self.assertEqual(daemon.get('hinfo', host='lines')[2]['Name'], 'L')
            self.accepted(daemon.post([]), 0)
            self.accepted(daemon.post(b'', 'application/x-ndjson'), 0)

    def test_the_recorded_stream(self):
        messages = recorded.ending_at(recorded.load('messages.jsonl') + recorded.load('messages-edge.jsonl'), self.now)
        expected = recorded.Expected(messages)
        with self.daemon() as daemon:
            rejected = []
            for i in range(0, len(messages), 50):
                some = messages[i:i + 50]
                status, _, answer = daemon.post(ndjson(some), 'application/x-ndjson')
                self.assertEqual((status, answer['accepted']), (200, len(some)))
                rejected += [(messages[i + r['index']]['args']['message'], r['reason'], r['ds'])
                             for r in answer['rejected']]
            for (host, plugin), ds in expected.sources().items():
                got = daemon.data(host, plugin, ds)
                for d in ds:
                    self.assertEqual(got[d], expected.point[host, plugin, d], (plugin, d))
            wanted = [(text, reason, ds) for _, _, text, refused in expected.refused for reason, ds in refused.items()]
            self.assertEqual(flatten(rejected), flatten(wanted))
            self.assertEqual(flatten([(json.loads(r['body'])['args']['message'], r['reason'], r['ds'])
                                      for r in rejected_lines(daemon.rejected_path)]), flatten(wanted))
            host = messages[0]['topic']
            infos = {p: json.loads(t) for p, t in expected.info[host].items()}
            self.assertEqual(daemon.get('list', host=host)[2], infos)

    def test_token(self):
        with self.daemon(http_ingest_token=TOKEN) as daemon:
            for token in (None, '', 'x', TOKEN + 'x', TOKEN[:-1], TOKEN.upper()):
                status, headers, body = daemon.post(flat(self.point('h', 1)), token=token)
                self.assertEqual((status, set(body)), (401, {'error', 'detail'}), token)
                self.assertTrue(headers['www-authenticate'].startswith('Bearer'))
            self.assertEqual(daemon.get('hosts')[2], {})
            self.accepted(daemon.post(flat(self.point('h', 1)), token=TOKEN), 1)
            self.assertEqual(daemon.get('hosts')[0], 200, 'reading needs no token')
            self.assertNotIn(TOKEN, daemon.log())

    def test_bodies_that_are_no_messages(self):
        with self.daemon() as daemon:
            for body, content_type in ((b'', 'application/json'), (b'nope', 'application/json'),
                                       (b'[1, 2', 'application/json'), (b'{} {}', 'application/json'),
                                       (b'5', 'application/json'), (b'"text"', 'application/json'),
                                       (b'null', 'application/json'), (b'[{}] x', 'application/json'),
                                       (b'{"a": "\xff"}', 'application/json')):
                with self.subTest(body):
                    status, _, answer = daemon.post(body, content_type)
                    self.assertEqual((status, set(answer)), (400, {'error', 'detail'}))
            self.assertEqual(rejected_lines(daemon.rejected_path), [])
            for content_type in (None, 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'):
                with self.subTest(content_type):
                    status, _, answer = daemon.post(flat(self.point('h', 1)), content_type)
                    self.assertIn(status, (400, 415))
                    self.assertEqual(set(answer), {'error', 'detail'})
            for method in ('GET', 'PUT', 'DELETE'):
                status, headers, _ = daemon.request(method, '/numeter-storage/ingest')
                self.assertEqual((status, 'POST' in headers['allow']), (405, True), method)
            self.assertEqual(daemon.get('hosts')[2], {})

    def test_too_large(self):
        with self.daemon(http_ingest_max_bytes=2000) as daemon:
            small = json.dumps(flat(self.point('h', 1))).encode()
            self.accepted(daemon.post(small + b' ' * (2000 - len(small))), 1)
            for n in (2001, 100000):
                status, _, answer = daemon.post(json.dumps(flat(self.point('big', 1))).encode().ljust(n))
                self.assertEqual((status, set(answer)), (413, {'error', 'detail'}))
            self.assertEqual(set(daemon.get('hosts')[2]), {'h'})
            # without a length, in chunks
            for n, wanted in ((1, 200), (3, 413)):
                chunks = iter([small] + [b' ' * 800] * n)
                self.assertEqual(daemon.request('POST', '/numeter-storage/ingest', chunks,
                                                {'Content-Type': 'application/json'})[0], wanted)

    def test_account_of_what_was_refused(self):
        good = flat(self.point('h', 1))

        def but(**changes):
            return {k: v for k, v in dict(good, **changes).items() if v is not None}
        cases = (
            (good, None), (but(hostid=None), 'no_host'), (but(plugin=None), 'no_plugin'),
            (but(type='x'), 'context_type'), (but(type=None), 'context_type'), (but(plugin='a/b'), 'plugin_name'),
            (but(hostid='..'), 'host_name'), (but(message=None), 'args'), (but(message=5), 'args'),
            (but(message='{'), 'not_json'), (but(message={'TimeStamp': '1', 'Values': {'v': 1}}), 'too_old'),
            (but(message={'Values': {'v': 1}}), 'timestamp'), (but(message={'TimeStamp': str(self.now)}), 'no_values'),
            (but(type='info', message={'Plugin': 'p', 'Infos': {}}), 'info'),
            (but(message={'TimeStamp': str(self.now + 9999), 'Values': {'v': 1}}), 'future'),
            (5, 'envelope'), ('text', 'envelope'), ([], 'envelope'), ({}, 'no_host'),
        )
        with self.daemon() as daemon:
            status, _, answer = daemon.post([c[0] for c in cases])
            self.assertEqual((status, answer['accepted']), (200, 1))
            wanted = [(i, reason) for i, (_, reason) in enumerate(cases) if reason is not None]
            got = [(r['index'], r['reason']) for r in answer['rejected']]
            # of a message with nothing in it, or of another kind, which is told first is not asked
            loose = {15, 16, 17, 18}
            self.assertEqual([g for g in got if g[0] not in loose], [w for w in wanted if w[0] not in loose])
            self.assertEqual([g[0] for g in got], [w[0] for w in wanted])
            lines = rejected_lines(daemon.rejected_path)
            self.assertEqual([r['reason'] for r in lines], [g[1] for g in got])
            self.assertEqual({r['input'] for r in lines}, {'http'})
            # lines: a bad one is its own matter
            status, _, answer = daemon.post(b'{bad\n' + ndjson([good]) + b'5\n', 'application/x-ndjson')
            self.assertEqual((status, answer['accepted'], [r['index'] for r in answer['rejected']]), (200, 1, [0, 2]))
            self.assertEqual(answer['rejected'][0]['reason'], 'not_json')

    def test_a_message_stored_in_part_is_accepted(self):
        with self.daemon() as daemon:
            m = flat(recorded.data_message('h', 'p', self.now, {'a': 1, 'bad': '1.2.3', 'b': '2', 'x/y': 3}))
            status, _, answer = daemon.post([flat(self.point('other', 1)), m])
            self.assertEqual((status, answer['accepted']), (200, 2))
            self.assertEqual(flatten([(r['index'], r['reason'], r['ds']) for r in answer['rejected']]),
                             flatten([(1, 'value', 'bad'), (1, 'ds_name', 'x/y')]))
            self.assertEqual(daemon.data('h', 'p', ['a', 'b']), {'a': {self.slot(): 1.0}, 'b': {self.slot(): 2.0}})

    def test_default_infos_grow_and_a_real_one_replaces_them(self):
        with self.daemon() as daemon:
            def infos():
                return daemon.get('info', host='h', plugin='p')[2]

            def wanted(*ds):
                return {'Plugin': 'p', 'Base': '1000', 'Title': 'p', 'Category': 'other',
                        'Infos': {d: {'id': d} for d in ds}}
            for values, ds in (({'b': 1}, ['b']), ({'a': 1, 'u': 'U'}, ['b', 'a']), ({'b': 2}, ['b', 'a'])):
                self.accepted(daemon.post(flat(recorded.data_message('h', 'p', self.now, values))), 1)
                got = infos()
                got['Base'] = str(got['Base'])
                got['Infos'].pop('u', None)  # an unknown value may or may not make its source known
                self.assertEqual(got, wanted(*ds))
            # restarted it goes on where it was
            daemon.stop()
            daemon.start()
            self.accepted(daemon.post(flat(recorded.data_message('h', 'p', self.now, {'c': 1}))), 1)
            self.assertEqual(set(infos()['Infos']) - {'u'}, {'a', 'b', 'c'})
            real = recorded.info_message('h', 'p', ['a'], Category='disk')
            self.accepted(daemon.post(flat(real, True)), 1)
            self.accepted(daemon.post(flat(recorded.data_message('h', 'p', self.now, {'new': 1}))), 1)
            self.assertEqual(infos(), json.loads(real['args']['message']), 'a real one is left alone')
            self.assertEqual(daemon.get('hinfo', host='h')[2]['Name'], 'h')

    def test_nothing_is_written_for_what_was_refused(self):
        with self.daemon() as daemon:
            daemon.post([flat(recorded.data_message('h', '../../up', self.now, {'v': 1})),
                         flat(recorded.data_message('../up', 'p', self.now, {'../v': 1})),
                         flat(recorded.data_message('unknown', 'p', self.now, {'v': 'U'}))])
            self.assertEqual(wsp_files(self.folder), set())


def flatten(rows):
    """[(key, reason, ds or [ds])] → sorted [(key, reason, one ds)]"""
    return sorted((key, reason, d) for key, reason, ds in rows for d in (ds if isinstance(ds, list) else [ds]))


if __name__ == '__main__':
    main()

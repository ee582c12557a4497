#!/usr/bin/python3
"""Odd and broken messages: each is stored or kept aside with its reason, all are acknowledged, the daemon lives."""
import base64
import gzip
import hashlib
import json
import re
import sys
import time
import uuid
import zlib
from pathlib import Path

import whisper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import oslo_publisher, recorded  # noqa: E402
from support.amqp import Amqp, QUEUE, cast_body  # noqa: E402
from support.case import DATA, ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.readback import whisper_points, wsp_files  # noqa: E402
from support.servers import RabbitMQServer  # noqa: E402
from support.wait import wait_until  # noqa: E402

STORED = object()
MIB = 1024 * 1024

# The cases of poison-cases.jsonl → the reason in the rejected file, or STORED.
POISON = {
    'good': STORED, 'dup1': STORED, 'dup2': STORED, 'noenvelope': STORED, 'no unique': STORED,
    'msg_id+reply_q (call)': STORED, 'extra keys': STORED,
    'badjson': 'not_json', 'bad utf8': 'not_json', 'inner not json': 'not_json',
    'inner list': 'envelope', 'outer list': 'envelope',
    'ver3.0': 'oslo_version', 'ver int': 'oslo_version',
    'version 1.5': 'version', 'version 2.0': 'version',
    'no args': 'args', 'ctx type x': 'context_type', 'no ctx plugin data': 'no_plugin',
    'no ctx hostid data': 'no_host', 'no ctx hostid info': 'no_host',
    'no content type': 'content_type', 'text/plain': 'content_type', 'pickle ctype': 'content_type',
}


class Poison(ServersCase):
    needs = ('rabbitmq',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()
        cls.daemon = Daemon(cls.folder, rpc_hosts='127.0.0.1:%d' % cls.rabbitmq.port).start()
        cls.addClassCleanup(cls.end)
        cls.amqp = Amqp(cls.rabbitmq.port)
        cls.addClassCleanup(cls.amqp.close)
        cls.amqp.wait_consumed()

    @classmethod
    def end(cls):
        cls.daemon.stop()
        with Amqp(cls.rabbitmq.port) as amqp:
            assert amqp.queue() == (0, 0), 'every message was acknowledged: %s' % (amqp.queue(),)

    def setUp(self):
        super().setUp()
        self.now = int(time.time())
        self.host = 'h-' + uuid.uuid4().hex[:12]
        self.seen = len(rejected_lines(self.daemon.rejected_path))

    # ---- helpers

    def settle(self):
        """Until what was published so far has been dealt with: messages are taken in order, and what is kept aside is
        written last."""
        body = '{settled-' + uuid.uuid4().hex
        self.amqp.publish('x', body.encode())
        wait_until(lambda: body in [r.get('body') for r in rejected_lines(self.daemon.rejected_path)[self.seen:]], 20,
                   'a message behind all others is kept aside')
        self.daemon.flush()
        self.assertTrue(self.daemon.alive())
        self.assertEqual(self.daemon.index(), (200, 'index pass'))

    def rejected(self):
        """The lines kept aside since the test began."""
        return [r for r in rejected_lines(self.daemon.rejected_path)[self.seen:]
                if not r.get('body', '').startswith('{settled-')]

    def reasons_of(self, body, lines=None):
        """[(reason, ds or None)] of the lines that hold these bytes."""
        found = []
        for line in self.rejected() if lines is None else lines:
            kept = line['body'].encode() if 'body' in line else base64.b64decode(line['body_base64'])
            if kept == body:
                found.append((line['reason'], line.get('ds')))
        return found

    def send_data(self, values, t=None, host=None, plugin='p', **more):
        """values: an object, or the payload's text. Returns the body."""
        message = recorded.data_message(host or self.host, plugin, t or self.now, {})
        if isinstance(values, str):
            message['args']['message'] = values
        else:
            message = recorded.data_message(host or self.host, plugin, t or self.now, values)
        body = cast_body(message)
        self.amqp.publish(message['topic'], body, **more)
        return body

    def slot(self, t=None):
        t = t or self.now
        return t - t % 60

    def folder_of(self, host):
        return self.daemon.wsp_path / hashlib.md5(host.encode()).hexdigest()[:2] / host

    def values(self, plugin, ds, host=None):
        """{ds: value} of the slot of now."""
        return {d: points[self.slot()] for d, points in self.daemon.data(host or self.host, plugin, ds).items()
                if self.slot() in points}

    # ---- recorded cases

    def test_poison_cases(self):
        with open(DATA / 'poison-cases.jsonl') as f:
            cases = [json.loads(line) for line in f]
        self.assertEqual({c['case'] for c in cases}, set(POISON))
        bodies = {}
        for i, c in enumerate(cases):
            body = c['body'].encode() if 'body' in c else base64.b64decode(c['body_base64'])
            body = body.replace(b'1795344424', str(self.now).encode()).replace(b'myhost-123456', self.key(i).encode())
            bodies[c['case']] = i, body
            self.amqp.publish(self.key(i), body, c['content_type'], c['content_encoding'])
        self.settle()
        lines = self.rejected()
        self.assertEqual(len(lines), sum(1 for wanted in POISON.values() if wanted is not STORED))
        for case, (i, body) in bodies.items():
            with self.subTest(case):
                stored = self.values('load', ['load'], self.key(i))
                if POISON[case] is STORED:
                    self.assertEqual((stored, self.reasons_of(body, lines)), ({'load': 1.0}, []))
                else:
                    self.assertEqual((stored, self.reasons_of(body, lines)), ({}, [(POISON[case], None)]))
        for line in lines:
            self.assertEqual(line['input'], 'amqp')
            self.assertTrue(line['detail'])

    def key(self, i):
        return '%s-%02d' % (self.host, i)

    def test_recorded_bodies_of_both_generations(self):
        """amqp-bodies: what the 2014 client and today's put on the wire, zlib and gzip data among it."""
        sent = []
        for folder in sorted(p for p in (DATA / 'amqp-bodies').iterdir() if p.name != 'oslo14-other'):
            host = '%s.%s' % (self.host, folder.name)
            for path in sorted(folder.glob('*.body.*')):
                properties = json.loads((folder / path.name.replace('.body.json', '.props.json')
                                        .replace('.body.bin', '.props.json')).read_text())['properties']
                body = path.read_bytes()
                compressed = 'compression' in properties['headers']
                self.assertEqual(compressed, path.suffix == '.bin')
                if compressed:
                    body = zlib.decompress(body)
                body = body.replace(properties_host(body), host.encode())
                body = re.sub(rb'(TimeStamp\W+)(\d+)', lambda m: m[1] + str(self.now).encode(), body)
                inner = json.loads(json.loads(body)['oslo.message'])
                sent.append({'topic': host, 'args': inner['args']['args'],
                             'context': {k[9:]: v for k, v in inner.items() if k.startswith('_context_')}})
                if compressed:
                    body = gzip.compress(body) if len(sent) % 2 else zlib.compress(body)
                self.amqp.publish(host, body, properties['content_type'], properties['content_encoding'],
                                  properties['headers'])
        self.assertEqual(len(sent), 60)
        self.settle()
        expected = recorded.Expected(sent)
        for (host, plugin), ds in expected.sources().items():
            for d, points in self.daemon.data(host, plugin, ds).items():
                # all data of one host have the same time here: which of the three if_lo comes last is not asked
                if plugin != 'if_lo':
                    self.assertEqual(points, expected.point[host, plugin, d], (host, plugin, d))
            self.assertEqual(set(self.daemon.data(host, plugin, ds)), set(ds))
        for host, infos in expected.info.items():
            for plugin, text in infos.items():
                body = self.daemon.request('GET', '/numeter-storage/info?host=%s&plugin=%s' % (host, plugin))[2]
                self.assertEqual(body.decode(), text)
            self.assertEqual(self.daemon.get('hinfo', host=host)[2]['Name'], 'myhost')
        self.assertEqual(sorted((r['host'], r['reason'], sorted(r['ds'])) for r in self.rejected()),
                         sorted((h, reason, sorted(ds)) for h, _, _, refused in expected.refused
                                for reason, ds in refused.items()))

    def test_namespace_and_other_targets(self):
        for name, wanted in (('version', 'namespace'), ('atleast', STORED), ('server', STORED), ('fanout', STORED),
                             ('call', STORED)):
            with self.subTest(name):
                body = (DATA / 'amqp-bodies/oslo14-other' / (name + '.body.json')).read_bytes()
                host = '%s.%s' % (self.host, name)
                body = body.replace(properties_host(body), host.encode()).replace(b'1400000000', b'%d' % self.now)
                self.amqp.publish(host, body)
                self.settle()
                self.assertEqual((self.values('load', ['load'], host), self.reasons_of(body)),
                                 ({'load': 0.14}, []) if wanted is STORED else ({}, [(wanted, None)]))

    # ---- calls

    def replies(self, n, **inner):
        """Publish a call with these inner keys; the n answers as (properties, envelope)."""
        queue = 'reply_' + uuid.uuid4().hex
        msg_id = uuid.uuid4().hex
        self.amqp.channel.queue_declare(queue, auto_delete=True)
        body = json.dumps({'oslo.version': '2.0', 'oslo.message': json.dumps(
            dict({'_msg_id': msg_id, '_reply_q': queue, '_unique_id': uuid.uuid4().hex}, **inner))}).encode()
        self.amqp.publish(QUEUE, body)
        wait_until(lambda: self.amqp.queue(queue)[0] == n, 10, lambda: 'answers: %s' % (self.amqp.queue(queue),))
        self.settle()
        got = []
        while True:
            method, properties, content = self.amqp.channel.basic_get(queue, auto_ack=True)
            if method is None:
                break
            envelope = json.loads(content)
            self.assertEqual((method.exchange, method.routing_key), ('', queue))
            self.assertEqual(properties.content_type, 'application/json')
            self.assertEqual((set(envelope), envelope['oslo.version']), ({'oslo.version', 'oslo.message'}, '2.0'))
            got.append(json.loads(envelope['oslo.message']))
        self.amqp.channel.queue_delete(queue)
        unique = [g.pop('_unique_id') for g in got]
        self.assertEqual(len(set(unique)), n)
        for u in unique:
            self.assertRegex(u, r'\A[0-9a-f]{32}\Z')
        return got, msg_id

    def test_ping_is_answered(self):
        got, msg_id = self.replies(2, method='ping', args={})
        self.assertEqual(got, [{'result': 'Pong', 'failure': None, '_msg_id': msg_id},
                               {'result': None, 'failure': None, 'ending': True, '_msg_id': msg_id}])

    def test_a_poller_msg_call_is_answered_and_stored(self):
        m = recorded.data_message(self.host, 'p', self.now, {'v': 4})
        got, msg_id = self.replies(2, method='poller_msg', args={'args': m['args']},
                                   **{'_context_' + k: v for k, v in m['context'].items()})
        self.assertEqual(got, [{'result': None, 'failure': None, '_msg_id': msg_id},
                               {'result': None, 'failure': None, 'ending': True, '_msg_id': msg_id}])
        self.assertEqual(self.values('p', ['v']), {'v': 4.0})

    def test_ping_of_oslo_messaging_returns(self):
        self.assertEqual(oslo_publisher.call(self.rabbitmq.port, self.folder, QUEUE, 'ping'), 'Pong')

    def test_a_ping_cast_is_taken_without_an_answer(self):
        body = json.dumps({'method': 'ping', 'args': {}}).encode()
        self.amqp.publish(QUEUE, body)
        self.settle()
        self.assertEqual(self.reasons_of(body), [])

    # ---- sizes and compression

    def test_a_message_of_one_mib_is_taken_and_of_a_byte_more_kept_aside(self):
        body = cast_body(recorded.data_message(self.host, 'p', self.now, {'fits': 1}))
        self.amqp.publish('x', body + b' ' * (MIB - len(body)))
        body = cast_body(recorded.data_message(self.host, 'p', self.now, {'over': 1}))
        over = body + b' ' * (MIB + 1 - len(body))
        self.amqp.publish('x', over)
        self.settle()
        self.assertEqual(self.values('p', ['fits', 'over']), {'fits': 1.0})
        lines = self.rejected()
        self.assertEqual([r['reason'] for r in lines], ['too_large'])
        kept = lines[0]['body'].encode()
        self.assertGreaterEqual(len(kept), 1000)
        self.assertTrue(over.startswith(kept))

    def test_far_too_large_messages(self):
        body = cast_body(recorded.data_message(self.host, 'p', self.now, {'v': 1}))
        self.amqp.publish('x', body + b' ' * (20 * MIB))
        self.amqp.publish('x', zlib.compress(body + b' ' * (100 * MIB)),
                          headers={'compression': 'application/x-gzip'})
        self.settle()
        self.assertEqual(self.values('p', ['v']), {})
        self.assertEqual([r['reason'] for r in self.rejected()], ['too_large', 'too_large'])

    def test_bodies_that_cannot_be_unpacked(self):
        body = cast_body(recorded.data_message(self.host, 'p', self.now, {'v': 1}))
        packed = zlib.compress(body)
        sent = [(body, 'application/x-gzip'), (packed[:-7], 'application/x-gzip'), (b'', 'application/x-gzip'),
                (packed, 'application/x-bz2')]
        for content, compression in sent:
            self.amqp.publish('x', content, headers={'compression': compression})
        self.settle()
        self.assertEqual(self.values('p', ['v']), {})
        for content, _ in sent:
            self.assertEqual(self.reasons_of(content), [('compression', None)])

    def test_an_empty_body(self):
        self.amqp.publish('x', b'')
        self.settle()
        self.assertEqual(self.reasons_of(b''), [('not_json', None)])

    # ---- time

    def test_timestamps(self):
        year = 31622400
        cases = (  # TimeStamp as JSON text, reason or the slot it lands in
            ('"%d"' % (self.now - year - 5), 'too_old'), ('"%d"' % (self.now + 700), 'future'),
            ('"0"', 'too_old'), ('"-5"', 'too_old'), ('"99999999999"', 'future'),
            ('"abc"', 'timestamp'), ('""', 'timestamp'), ('null', 'timestamp'), ('true', 'timestamp'),
            ('[]', 'timestamp'), (None, 'timestamp'),
            ('"%d"' % self.now, self.now), ('%d' % self.now, self.now), ('" %d "' % self.now, self.now),
            ('"%d.5"' % self.now, self.now), ('"%d"' % (self.now + 300), self.now + 300),
            ('"%d"' % (self.now - 3600), self.now - 3600))
        bodies = []
        for i, (text, _) in enumerate(cases):
            stamp = '' if text is None else '"TimeStamp": %s, ' % text
            bodies.append(self.send_data('{%s"Plugin": "p", "Values": {"v%d": 1}}' % (stamp, i)))
        self.settle()
        for i, (text, wanted) in enumerate(cases):
            with self.subTest(text):
                path = self.folder_of(self.host) / 'p' / ('v%d.wsp' % i)
                if isinstance(wanted, str):
                    self.assertEqual(self.reasons_of(bodies[i]), [(wanted, None)])
                    self.assertFalse(path.exists())
                else:
                    self.assertEqual(self.reasons_of(bodies[i]), [])
                    self.assertEqual(whisper_points(path, self.now + 400), {self.slot(wanted): 1.0})

    # ---- values and names

    def test_values(self):
        taken = {'"1"': 1.0, '1': 1.0, '2.5': 2.5, '"1e5"': 1e5, '1E-5': 1e-5, '" 5 "': 5.0, '"+4"': 4.0, '".5"': 0.5,
                 '"5."': 5.0, '"-12.5"': -12.5, '"0.1"': 0.1, '123456789012345678': 123456789012345678.0,
                 '0.30000000000000004': 0.30000000000000004, '"1795342600.123456789"': 1795342600.123456789,
                 '-0.0': 0.0, '"007"': 7.0, '5e-324': 5e-324, '1.7976931348623157e308': 1.7976931348623157e308}
        unknown = ['"U"', '"nan"', '"NaN"', '"-inf"', '"+Infinity"', 'NaN', 'Infinity', '-Infinity']
        refused = ['"1.2.3"', '"-"', '""', '" "', '"0x10"', '"1_000"', '"1e999"', '"1 2"', '"1,5"', '"abc"', 'true',
                   'false', 'null', '[1]', '{"a": 1}', '"\\u0661"', '"1\\u0000"', '"e5"', '"."']
        members = list(taken) + unknown + refused
        body = self.send_data('{"TimeStamp": "%d", "Plugin": "p", "Values": {%s}}' % (
            self.now, ', '.join('"d%d": %s' % (i, text) for i, text in enumerate(members))))
        self.settle()
        self.assertEqual(self.values('p', ['d%d' % i for i in range(len(members))]),
                         {'d%d' % i: value for i, value in enumerate(taken.values())})
        reasons = self.reasons_of(body)
        self.assertEqual([r for r, _ in reasons], ['value'])
        first = len(taken) + len(unknown)
        self.assertEqual({members[int(d[1:])] for d in reasons[0][1]}, set(refused), first)
        self.assertEqual(len(wsp_files(self.folder_of(self.host))), len(taken))

    def test_one_refused_value_spares_the_others(self):
        body = self.send_data({'a': '1', 'bad': '1.2.3', 'b': '2'})
        self.settle()
        self.assertEqual(self.values('p', ['a', 'bad', 'b']), {'a': 1.0, 'b': 2.0})
        self.assertEqual(self.reasons_of(body), [('value', ['bad'])])
        self.assertEqual([(r['host'], r['plugin']) for r in self.rejected()], [(self.host, 'p')])

    def test_a_series_whose_file_is_not_ours_spares_the_others(self):
        (self.folder_of(self.host) / 'p' / 'taken.wsp').mkdir(parents=True)
        self.send_data({'a': '1', 'taken': '2', 'b': '3'})
        self.settle()
        self.assertEqual(self.values('p', ['a', 'b']), {'a': 1.0, 'b': 3.0})
        line, = self.rejected()
        self.assertEqual((line['reason'], line['ds'], line['input'], json.loads(line['body'])),
                         ('file', ['taken'], 'journal', [[self.now, 2.0]]))

    def test_what_an_existing_file_does_not_keep_is_kept_aside(self):
        folder = self.folder_of(self.host) / 'p'
        folder.mkdir(parents=True)
        whisper.create(str(folder / 'short.wsp'), [(60, 60)])
        self.send_data({'short': 1, 'usual': 1}, t=self.now - 7200)
        self.settle()
        line, = self.rejected()
        self.assertEqual((line['reason'], line['ds'], line['input'], json.loads(line['body'])),
                         ('too_old', ['short'], 'journal', [[self.now - 7200, 1.0]]))
        for i, age in enumerate((0, 60)):
            self.send_data({'short': i, 'usual': i}, t=self.now - age)
        self.settle()
        self.assertEqual(self.values('p', ['short', 'usual']), {'short': 0.0, 'usual': 0.0})
        self.assertEqual(len(self.rejected()), 1)

    def test_names_of_data_sources(self):
        good = ['a' * 251, 'é' * 125, 'sp ace', 'dotted.name', '"quoted"', "it's", '...', '-', 'a,b', '*',
                '\U0001f600']
        bad = ['', '.', '..', '../escape', '/etc/passwd', 'a/b', 'a' * 252, 'é' * 126, 'nul\0', 'tab\t', 'line\n',
               'del\x7f']
        body = self.send_data({name: i for i, name in enumerate(good + bad)})
        self.settle()
        self.assertEqual(wsp_files(self.folder_of(self.host)), {'p/%s.wsp' % name for name in good})
        readable = [name for name in good if ',' not in name]
        self.assertEqual(self.values('p', readable), {name: float(good.index(name)) for name in readable})
        reasons = self.reasons_of(body)
        self.assertEqual([(r, sorted(ds)) for r, ds in reasons], [('ds_name', sorted(bad))])

    def test_names_of_plugins_and_hosts(self):
        for plugin in ('../../../escaped', '..', '.', 'a/b', '/abs', 'p' * 252, 'nul\0', '\x1b[31m'):
            with self.subTest(plugin=plugin):
                body = self.send_data({'v': 1}, plugin=plugin)
                self.settle()
                self.assertEqual(self.reasons_of(body), [('plugin_name', None)])
        for host in ('..', '.', 'h' * 252, 'nul\0', 'bell\a'):
            with self.subTest(host=host):
                message = recorded.data_message(host, 'p', self.now, {'v': 1})
                body = cast_body(message)
                self.amqp.publish('x', body)
                self.settle()
                self.assertEqual(self.reasons_of(body), [('host_name', None)])
        self.assertEqual([p for p in self.folder.parent.glob('**/*escaped*')], [])
        self.assertEqual(sorted(p.name for p in self.daemon.wsp_path.iterdir()
                                if not re.fullmatch(r'[0-9a-f]{2}|\..*|lock', p.name)), [])

    def test_odd_hosts_have_folders_of_their_own(self):
        def digest(host, n):
            return hashlib.md5(host.encode()).hexdigest()[:n]
        odd = {'host "two".example/dc\'1 %s' % self.host: 'hosttwoexampledc1' + self.host,
               '...': '-' + digest('...', 8), 'größe.%s' % self.host: 'größe' + self.host}
        for host in odd:
            self.amqp.publish('x', cast_body(recorded.data_message(host, 'p', self.now, {'v': len(host)})))
        self.settle()
        for host, folder in odd.items():
            with self.subTest(host):
                self.assertEqual(self.values('p', ['v'], host), {'v': float(len(host))})
                self.assertTrue((self.daemon.wsp_path / digest(host, 2) / folder / 'p' / 'v.wsp').exists())

    def test_two_hosts_whose_filtered_names_collide(self):
        first, second = 'h39.x', 'h.39x'
        folder = self.daemon.wsp_path / 'a7'
        for host in (first, second):
            self.assertEqual(hashlib.md5(host.encode()).hexdigest()[:2], 'a7')
            self.amqp.send(recorded.myinfo_message(host))
            self.amqp.send(recorded.data_message(host, 'p', self.now, {'v': len(host.split('.')[0])}))
        self.settle()
        other = 'h39x-' + hashlib.md5(second.encode()).hexdigest()[:8]
        self.assertEqual({f for f in wsp_files(folder) if f.startswith('h39x')}, {'h39x/p/v.wsp', other + '/p/v.wsp'})
        self.assertEqual((self.values('p', ['v'], first), self.values('p', ['v'], second)), ({'v': 3.0}, {'v': 1.0}))

    # ---- what a message says

    def test_data_before_myinfo(self):
        self.send_data({'v': 1})
        self.settle()
        self.assertEqual(self.values('p', ['v']), {'v': 1.0})
        added = {'hostIDHash': hashlib.md5(self.host.encode()).hexdigest()[:2], 'HostIDFiltredName': self.host}
        self.assertEqual(self.daemon.get('hinfo', host=self.host)[2],
                         dict({'Plugin': 'MyInfo', 'ID': self.host, 'Name': self.host, 'Description': ''}, **added))
        self.assertEqual(self.daemon.get('list', host=self.host)[2], {}, 'its info follows within minutes')
        self.amqp.send(recorded.myinfo_message(self.host, 'a name', 'a host'))
        self.send_data({'v': 2}, t=self.now - 60)
        self.settle()
        wanted = {'Plugin': 'MyInfo', 'ID': self.host, 'Name': 'a name', 'Description': 'a host'}
        self.assertEqual(self.daemon.get('hinfo', host=self.host)[2], dict(wanted, **added))
        self.assertEqual(self.daemon.data(self.host, 'p', ['v']),
                         {'v': {self.slot(): 1.0, self.slot(self.now - 60): 2.0}})

    def test_payloads_that_cannot_be_used(self):
        data = {
            'not json': 'not_json', '': 'not_json', '{"TimeStamp": "1"} x': 'not_json',
            '{"TimeStamp": "%d", "Values": {"v": 01}}' % self.now: 'not_json',
            '{"TimeStamp": "%d", "Values": {"v": "\\ud800"}}' % self.now: 'not_json',
            '{"TimeStamp": "%d", "Values": [1]}' % self.now: 'no_values',
            '{"TimeStamp": "%d", "Values": null}' % self.now: 'no_values',
            '{"TimeStamp": "%d"}' % self.now: 'no_values',
            '[' * 5000: 'not_json',
        }
        info = {
            '{}': None, 'no': 'not_json', '{"Plugin": "p"}': 'info', '{"Plugin": "p", "Infos": {}}': 'info',
            '{"Plugin": "p", "Infos": []}': 'info', '{"Infos": {"a": {}}}': 'no_plugin',
            '{"Plugin": "p", "Infos": {"a": {"x": NaN}}}': 'not_json',
            '{"Plugin": "a/b", "Infos": {"a": {}}}': 'plugin_name',
            '{"Plugin": "MyInfo", "ID": "x"}': 'info', '{"Plugin": "MyInfo", "Name": "x"}': 'info',
        }
        sent = []
        for kind, table in (('data', data), ('info', info)):
            for text, reason in table.items():
                message = recorded.data_message(self.host, 'p', self.now, {})
                message['context']['type'] = kind
                message['args']['message'] = text
                body = cast_body(message)
                self.amqp.publish('x', body)
                sent.append((kind, text, body, reason))
        self.settle()
        for kind, text, body, reason in sent:
            with self.subTest(kind=kind, text=text[:60]):
                got = self.reasons_of(body)
                if reason is None:  # nothing right in it: which of the two is told first is not asked
                    self.assertIn(got, ([('info', None)], [('no_plugin', None)]))
                else:
                    self.assertEqual(got, [(reason, None)])
        self.assertEqual(self.daemon.get('hinfo', host=self.host)[2], {})

    def test_of_a_repeated_key_the_last_counts(self):
        self.send_data('{"TimeStamp": "1", "TimeStamp": "%d", "Values": {"v": 1, "w": 5, "v": 2}}' % self.now)
        self.settle()
        self.assertEqual(self.values('p', ['v', 'w']), {'v': 2.0, 'w': 5.0})
        self.assertEqual(self.rejected(), [])

    def test_message_null_is_taken_without_a_word(self):
        message = recorded.data_message(self.host, 'p', self.now, {})
        message['args']['message'] = None
        body = cast_body(message)
        self.amqp.publish('x', body)
        self.settle()
        self.assertEqual((self.rejected(), self.daemon.get('hinfo', host=self.host)[2]), ([], {}))

    def test_keys_that_may_be_there(self):
        for i, inner in enumerate(({'version': '1.0'}, {'namespace': None}, {'ttl': 5, '_context_x': [1]})):
            self.amqp.send(recorded.data_message(self.host, 'p', self.now, {'v%d' % i: i}), **inner)
        for i, inner in enumerate(({'namespace': ''}, {'namespace': 'x'}, {'version': '1.1'}, {'version': 1.0},
                                   {'method': 'other'}, {'method': None})):
            self.amqp.send(recorded.data_message(self.host, 'p', self.now, {'w%d' % i: i}), **inner)
        self.settle()
        self.assertEqual(self.values('p', ['v0', 'v1', 'v2']), {'v0': 0.0, 'v1': 1.0, 'v2': 2.0})
        self.assertEqual([r['reason'] for r in self.rejected()],
                         ['namespace', 'namespace', 'version', 'version', 'method', 'method'])
        self.assertEqual(self.values('p', ['w%d' % i for i in range(6)]), {})

    def test_the_same_message_again_changes_nothing(self):
        body = self.send_data({'v': 3})
        for _ in range(40):
            self.amqp.publish('x', body)
        self.settle()
        self.assertEqual(self.daemon.data(self.host, 'p', ['v']), {'v': {self.slot(): 3.0}})


def properties_host(body):
    """The recording machine's hostID in a body."""
    return re.search(rb'1795342600-[0-9a-f]{32}', body)[0]


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""broker.h against a true RabbitMQ: broker_probe is its driver, pika stands on the other side."""
import collections
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'support'))
from rabbitmq_server import RabbitMQMissing, RabbitMQServer, reserve_port, wait_until  # noqa: E402

try:
    import pika
except ImportError:
    print('skipped: python3-pika is not installed')
    sys.exit(77)

PROBE = os.environ.get('BROKER_PROBE', 'build/debug/tests/real/broker_probe')
SLOW = float(os.environ.get('NUMETER_SLOW', '1'))
Message = collections.namedtuple(
    'Message', 'tag redelivered n full content_type compression reply_to correlation_id body')

server = None
certificates = None


def openssl(*args):
    subprocess.run(['openssl', *args], check=True, capture_output=True, cwd=certificates)


def make_certificates():
    """Two CAs; server.pem for 127.0.0.1 and named.pem for another name, both by the first."""
    global certificates
    certificates = tempfile.mkdtemp(prefix='numeter-certificates-')
    for ca in ('ca', 'other'):
        openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=%s of a test' % ca,
                '-keyout', ca + '.key', '-out', ca + '.pem')
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=broker', '-keyout', 'server.key',
            '-out', 'server.csr')
    with open(certificates + '/names', 'w') as f:
        f.write('subjectAltName=IP:127.0.0.1\n')
    openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2',
            '-extfile', 'names', '-out', 'server.pem')


def setUpModule():
    global server
    make_certificates()
    server = RabbitMQServer(ssl=tuple(certificates + '/' + n for n in ('ca.pem', 'server.pem', 'server.key')))
    server.start()


def tearDownModule():
    if server is not None:
        server.close()
    if certificates is not None:
        shutil.rmtree(certificates)


def hang_up(connection):
    try:
        connection.close()
    except (pika.exceptions.AMQPError, OSError):
        pass  # the broker was stopped


class Probe:
    """The driver as a child; its lines are read by a thread."""

    def __init__(self, *options, port=None):
        servers = []
        if not any(o.startswith('server=') for o in options):
            servers = ['server=127.0.0.1:%d' % (port or server.port)]
        self.process = subprocess.Popen([PROBE, *servers, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.lines = queue.Queue()
        self.seen = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line.rstrip('\n')))

    def tell(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()

    def next(self, *kinds, timeout=15.0):
        """The next line of one of these kinds, its first word cut off; others are kept in seen."""
        deadline = time.monotonic() + timeout * SLOW
        while True:
            try:
                at, line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError('no %s within %g s; seen %r; exit %r'
                                     % (kinds, timeout * SLOW, self.seen[-10:], self.process.poll())) from None
            self.seen.append(line)
            self.at = at
            word, _, rest = line.replace('\t', ' ', 1).partition(' ')
            if word in kinds:
                return rest

    def message(self, timeout=15.0):
        f = self.next('message', timeout=timeout).split('\t')
        return Message(int(f[0]), f[1] == '1', int(f[2]), int(f[3]), *f[4:8], bytes.fromhex(f[8]))

    def nothing(self, kind, seconds):
        try:
            line = self.next(kind, timeout=seconds / SLOW)
        except AssertionError:
            return
        raise AssertionError('unexpected %s %s' % (kind, line))

    def close(self):
        """To the end of stdin: the driver leaves by itself, with 0 also under sanitizers."""
        self.process.stdin.close()
        rc = self.process.wait(30)
        self.thread.join()
        self.process.stdout.close()
        if rc not in (0, -signal.SIGKILL):
            raise AssertionError('broker_probe ended with %d' % rc)

    def kill(self):
        self.process.kill()
        self.process.wait()


class BrokerCase(unittest.TestCase):
    def setUp(self):
        self.name = self.id().rsplit('.', 1)[-1]
        self.exchange = 'x-' + self.name
        self.queue = 'q-' + self.name
        self.probes = []

    def tearDown(self):
        for probe in self.probes:
            probe.close()

    def probe(self, *options, **more):
        probe = Probe('exchange=' + self.exchange, 'queue=' + self.queue, *options, **more)
        self.probes.append(probe)
        return probe

    def bound(self, *keys, options=()):
        """A probe that is connected and bound to these."""
        probe = self.probe(*options)
        probe.next('connected')
        self.bind(probe, *keys)
        return probe

    def bind(self, probe, *keys):
        probe.tell('bind ' + ' '.join(keys))
        probe.next('info')

    def channel(self):
        connection = pika.BlockingConnection(pika.URLParameters(server.url()))
        self.addCleanup(hang_up, connection)
        return connection.channel()

    def send(self, key, body, channel=None, **properties):
        channel = channel or self.channel()
        channel.basic_publish(self.exchange, key, body, pika.BasicProperties(**properties))

    def waiting(self):
        return self.channel().queue_declare(self.queue, passive=True).method.message_count

    def exchange_is(self, **flags):
        """Declaring with the same flags passes, with others it does not."""
        self.channel().exchange_declare(self.exchange, 'topic', **flags)

    def queue_is(self, **flags):
        self.channel().queue_declare(self.queue, **flags)


class Declare(BrokerCase):
    def test_makes_what_is_missing(self):
        self.bound('a')
        self.exchange_is(durable=False, auto_delete=False)
        self.queue_is(durable=True)

    def test_durable_exchange_when_configured(self):
        self.bound('a', options=['durable=1'])
        self.exchange_is(durable=True)

    def test_quorum_queue_when_configured(self):
        probe = self.bound('a', options=['quorum=1'])
        self.queue_is(durable=True, arguments={'x-queue-type': 'quorum'})
        self.send('a', 'kept')
        self.assertEqual(probe.message().body, b'kept')

    def test_uses_a_durable_exchange_as_found(self):
        self.channel().exchange_declare(self.exchange, 'topic', durable=True)
        probe = self.bound('a')
        self.send('a', 'one')
        self.assertEqual(probe.message().body, b'one')
        self.exchange_is(durable=True)

    def test_uses_an_auto_deleted_exchange_as_found(self):
        self.channel().exchange_declare(self.exchange, 'topic', auto_delete=True)
        probe = self.bound('a', options=['durable=1'])
        self.send('a', 'one')
        self.assertEqual(probe.message().body, b'one')
        self.exchange_is(auto_delete=True)

    def test_uses_a_transient_exchange_as_found(self):
        self.channel().exchange_declare(self.exchange, 'topic', durable=False)
        probe = self.bound('a', options=['durable=1'])
        self.send('a', 'one')
        self.assertEqual(probe.message().body, b'one')
        self.exchange_is(durable=False)

    def test_uses_a_transient_queue_as_found_and_says_so_once(self):
        self.channel().queue_declare(self.queue, durable=False)
        probe = self.probe()
        probe.next('connected')
        self.assertIn("inequivalent arg 'durable' for queue '%s'" % self.queue, probe.next('warning'))
        self.bind(probe, 'a')
        self.send('a', 'one')
        self.assertEqual(probe.message().body, b'one')
        probe.nothing('warning', 1)
        self.queue_is(durable=False)

    def test_uses_a_quorum_queue_as_found(self):
        self.channel().queue_declare(self.queue, durable=True, arguments={'x-queue-type': 'quorum'})
        probe = self.bound('a')
        self.send('a', 'one')
        self.assertEqual(probe.message().body, b'one')

    def test_another_exchange_type_is_used_as_found(self):
        self.channel().exchange_declare(self.exchange, 'direct')
        probe = self.bound('a')
        self.send('a', 'one')
        self.assertEqual(probe.message().body, b'one')


class Routing(BrokerCase):
    def test_by_host_with_dots(self):
        probe = self.bound('host.one.example.org', 'host2')
        channel = self.channel()
        for key in ('host.one.example.org', 'host2', 'host', 'host.one', 'host.one.example.org.x', self.queue):
            self.send(key, key, channel)
        got = [probe.message().body.decode() for _ in range(3)]
        self.assertEqual(got, ['host.one.example.org', 'host2', self.queue])
        probe.nothing('message', 0.5)

    def test_every_host(self):
        probe = self.bound('#')
        channel = self.channel()
        for key in ('a', 'a.b.c', 'x'):
            self.send(key, key, channel)
        self.assertEqual([probe.message().body for _ in range(3)], [b'a', b'a.b.c', b'x'])

    def test_unbinds_hosts_no_longer_listed(self):
        probe = self.bound('a', 'b')
        self.bind(probe, 'a', '/', 'b', 'never.bound')
        channel = self.channel()
        for key in ('b', 'a'):
            self.send(key, key, channel)
        self.assertEqual(probe.message().body, b'a')

    def test_many_hosts(self):
        probe = self.probe('numbered_keys=3001')
        probe.next('connected', timeout=60)
        channel = self.channel()
        for i in (0, 499, 500, 2999, 3000):
            self.send('host-%06d.example.org' % i, str(i), channel)
        self.assertEqual([probe.message().body for _ in range(5)], [b'0', b'499', b'500', b'2999', b'3000'])

    def test_unbinds_many_hosts_in_pieces(self):
        """
        Connecting does not wait for all of it; in the end the first and the last are gone, what is listed stays. Also when
        their order changes in the middle, and then nothing is bound again.
        """
        probe = self.bound('a', 'host-000000.example.org', 'host-029999.example.org')
        probe.close()
        self.probes.remove(probe)
        probe = self.probe('numbered_unbinds=30000')
        took_ms = int(probe.next('connected').split()[1])
        self.assertLess(took_ms, 1500 * SLOW)
        probe.tell('reverse')
        channel = self.channel()
        channel.confirm_delivery()

        def unbound(key):
            try:
                channel.basic_publish(self.exchange, key, '', mandatory=True)
            except pika.exceptions.UnroutableError:
                return True
            return False
        wait_until(lambda: unbound('host-029999.example.org') and unbound('host-000000.example.org'), 60 * SLOW, 'unbound')
        self.assertFalse(unbound('a'))
        self.assertFalse(unbound(self.queue))
        self.assertEqual([line for line in probe.seen if line.startswith(('lost', 'warning', 'info'))], [])

    def test_unbinding_leaves_the_key_of_the_queue(self):
        probe = self.bound('a', '/', self.queue)
        self.send(self.queue, 'ours')
        self.assertEqual(probe.message().body, b'ours')

    def test_a_key_too_long_for_amqp_is_passed_over(self):
        probe = self.bound('x' * 256, 'y' * 255)
        self.send('y' * 255, 'fits')
        self.assertEqual(probe.message().body, b'fits')


class Consume(BrokerCase):
    def test_properties_reach_the_caller(self):
        probe = self.bound('a')
        self.send('a', b'\x00{}', content_type='application/json', content_encoding='utf-8', reply_to='r',
                  delivery_mode=2, correlation_id='c', headers={'compression': 'application/x-gzip', 'other': 1})
        m = probe.message()
        self.assertEqual(m[1:], (False, 3, 3, 'application/json', 'application/x-gzip', 'r', 'c', b'\x00{}'))
        self.send('a', '')
        self.assertEqual(probe.message()[1:], (False, 0, 0, '-', '-', '-', '-', b''))

    def test_prefetch_bounds_what_is_not_acknowledged(self):
        probe = self.bound('a', options=['prefetch=5'])
        channel = self.channel()
        for i in range(20):
            self.send('a', str(i), channel)
        tags = [probe.message().tag for _ in range(5)]
        probe.nothing('message', 0.5)
        probe.tell('acks %d' % tags[2])
        self.assertEqual([probe.message().body for _ in range(3)], [b'5', b'6', b'7'])
        probe.nothing('message', 0.3)
        probe.tell('ack %d' % tags[4])
        self.assertEqual(probe.message().body, b'8')

    def test_acknowledged_is_gone_the_rest_comes_again_after_kill(self):
        probe = self.bound('a')
        channel = self.channel()
        for i in range(6):
            self.send('a', str(i), channel)
        tags = [probe.message().tag for _ in range(6)]
        probe.tell('acks %d' % tags[2])
        probe.tell('ack %d' % tags[4])
        probe.tell('publish nobody x')
        probe.next('published')
        time.sleep(0.2)
        probe.kill()
        again = self.probe()
        again.next('connected')
        got = [again.message() for _ in range(2)]
        self.assertEqual([(m.body, m.redelivered) for m in got], [(b'3', True), (b'5', True)])
        again.nothing('message', 0.5)

    def test_a_tag_of_an_earlier_channel_is_not_acknowledged(self):
        probe = self.bound('a')
        self.send('a', 'one')
        old = probe.message()
        probe.tell('ack %d' % old.tag)
        probe.tell('ack %d' % old.tag)  # twice: the broker closes the channel
        self.assertIn('unknown delivery tag', probe.next('warning'))
        self.assertIn('declared and bound again', probe.next('info'))
        self.send('a', 'two')
        new = probe.message()
        self.assertEqual(new.body, b'two')
        self.assertGreater(new.tag, old.tag)
        probe.tell('acks %d' % old.tag)
        probe.nothing('warning', 0.5)
        probe.tell('ack %d' % new.tag)
        probe.tell('tend on')
        wait_until(lambda: self.waiting() == 0, 5, 'empty queue')

    def test_a_big_message_arrives_cut_and_the_next_one_whole(self):
        probe = self.bound('a')
        channel = self.channel()
        self.send('a', b'x' * (2 << 20), channel)
        self.send('a', 'next', channel)
        m = probe.message()
        self.assertEqual((m.n, m.full), ((1 << 20) + 4096, 2 << 20))
        self.assertEqual(probe.message().body, b'next')

    def test_lives_while_the_caller_receives_nothing(self):
        probe = self.bound('a', options=['heartbeat=2'])
        channel = self.channel()
        probe.tell('hold')
        for i in range(3):
            self.send('a', str(i) * 100000, channel)
        probe.nothing('lost', 7)
        probe.tell('go')
        self.assertEqual([probe.message().body[:1] for _ in range(3)], [b'0', b'1', b'2'])
        self.assertNotIn('lost', ' '.join(probe.seen))

    def test_answers_go_to_the_queue_of_their_name(self):
        probe = self.bound('a')
        channel = self.channel()
        channel.queue_declare('answers', auto_delete=True)
        probe.tell('publish no-such-queue {}')
        self.assertEqual(probe.next('published'), 'ok')
        probe.tell('publish answers {"result": "Pong"}')
        self.assertEqual(probe.next('published'), 'ok')
        wait_until(lambda: channel.queue_declare('answers', passive=True).method.message_count == 1, 5, 'answer')
        _, properties, body = channel.basic_get('answers', auto_ack=True)
        self.assertEqual((body, properties.content_type, properties.content_encoding),
                         (b'{"result": "Pong"}', 'application/json', 'utf-8'))


class Lost(BrokerCase):
    def test_queue_deleted(self):
        probe = self.bound('a')
        start = time.monotonic()
        self.channel().queue_delete(self.queue)
        self.assertIn('ended our consumer', probe.next('warning'))
        probe.next('info')
        self.assertLess(probe.at - start, 5 * SLOW)
        self.send('a', 'after')
        self.assertEqual(probe.message().body, b'after')

    def test_exchange_deleted(self):
        probe = self.bound('a')
        start = time.monotonic()
        self.channel().exchange_delete(self.exchange)
        self.assertIn('bindings are lost', probe.next('warning'))
        probe.next('info')
        self.assertLess(probe.at - start, 10 * SLOW)
        self.send('a', 'after')
        self.assertEqual(probe.message().body, b'after')

    def test_exchange_deleted_and_made_by_somebody_else(self):
        probe = self.bound('a')
        start = time.monotonic()
        channel = self.channel()
        channel.exchange_delete(self.exchange)
        channel.exchange_declare(self.exchange, 'topic', durable=True)
        self.assertIn('NO_ROUTE', probe.next('warning'))
        probe.next('info')
        self.assertLess(probe.at - start, 10 * SLOW)
        self.send('a', 'after')
        self.assertEqual(probe.message().body, b'after')
        self.exchange_is(durable=True)

    def test_bindings_lost_while_another_queue_takes_the_probe(self):
        probe = self.bound('a')
        channel = self.channel()
        channel.exchange_delete(self.exchange)
        channel.exchange_declare(self.exchange, 'topic')
        channel.queue_declare('takes-all-' + self.name, auto_delete=True)
        channel.queue_bind('takes-all-' + self.name, self.exchange, '#')
        start = time.monotonic()
        self.assertIn('did not arrive', probe.next('info'))
        self.assertIn('bound again', probe.next('info'))
        self.assertLess(probe.at - start, 10 * SLOW)
        self.send('a', 'after')
        self.assertEqual(probe.message().body, b'after')

    def test_declares_again_every_five_minutes(self):
        probe = self.bound('a')
        channel = self.channel()
        channel.queue_unbind(self.queue, self.exchange, 'a')  # unseen by the probe, whose own key stays
        self.send('a', 'lost', channel)
        probe.tell('skip 301000')
        time.sleep(1)
        self.send('a', 'after', channel)
        self.assertEqual(probe.message().body, b'after')

    def test_probes_do_not_pile_up(self):
        probe = self.bound('a')
        for _ in range(5):
            probe.tell('skip 5000')
            time.sleep(0.3)
        self.assertEqual(self.waiting(), 0)
        probe.nothing('message', 0.5)
        self.assertEqual([line for line in probe.seen if line.startswith('warning')], [])
        probe.kill()
        wait_until(lambda: self.waiting() == 0, 5, 'nothing given back to the queue')

    def test_probes_of_others_are_dropped_too(self):
        probe = self.bound('#')
        self.send('a', '', headers={'x-numeter-probe': 'of somebody else'})
        self.send('a', 'real')
        self.assertEqual(probe.message().body, b'real')


class Servers(BrokerCase):
    def test_wrong_password_is_told_without_it(self):
        why = self.probe('password=s3cret-word').next('lost')
        self.assertIn('ACCESS_REFUSED', why)
        self.assertIn('127.0.0.1:%d: ' % server.port, why)
        self.assertNotIn('s3cret', why)

    def test_wrong_vhost(self):
        self.assertIn('vhost nosuch not found', self.probe('vhost=nosuch').next('lost'))

    def test_nobody_there(self):
        port = reserve_port()
        self.assertEqual(self.probe(port=port).next('lost'), '127.0.0.1:%d: Connection refused' % port)

    def test_second_server_when_the_first_refuses(self):
        port = reserve_port()
        probe = self.probe('server=127.0.0.1:%d' % port, 'server=127.0.0.1:%d' % server.port)
        self.assertTrue(probe.next('connected').startswith('127.0.0.1:%d ' % server.port))

    def test_a_user_without_rights_uses_what_is_there(self):
        server.rabbitmqctl('add_user', 'reader', 'reader')
        server.rabbitmqctl('set_permissions', 'reader', '^$', '.*', '.*')
        options = ['user=reader', 'password=reader']
        first = self.probe(*options)
        why = first.next('lost')
        first.close()  # or it takes messages from the second
        self.assertIn('ACCESS_REFUSED', why)
        self.assertIn(self.exchange, why)
        channel = self.channel()
        channel.exchange_declare(self.exchange, 'topic')
        channel.queue_declare(self.queue, durable=True)
        probe = self.probe(*options)
        probe.next('connected')
        self.bind(probe, 'a')
        self.send('a', 'one')
        self.assertEqual(probe.message().body, b'one')

    def test_connection_closed_by_an_administrator(self):
        probe = self.bound('a')
        server.rabbitmqctl('close_all_connections', 'maintenance is due')
        self.assertIn('maintenance is due', probe.next('lost'))
        probe.next('connected')


class Alarm(BrokerCase):
    def test_messages_flow_and_are_acknowledged_while_the_broker_takes_none(self):
        probe = self.bound('a', options=['prefetch=2'])
        probe.tell('publish nobody x')  # also who has published before
        probe.next('published')
        channel = self.channel()
        for i in range(6):
            self.send('a', str(i), channel)
        got = [probe.message() for _ in range(2)]
        server.rabbitmqctl('set_vm_memory_high_watermark', 'absolute', '1MB')
        try:
            probe.tell('skip 5000')
            self.assertIn('takes no messages', probe.next('warning'))
            probe.tell('flood nobody 20000 2000')
            self.assertEqual(probe.next('flooded', timeout=20), '20000')
            self.assertIn('answers are dropped', probe.next('warning'))
            while len(got) < 6:
                probe.tell('acks %d' % got[-1].tag)
                got.append(probe.message())
                probe.tell('skip 5000')
        finally:
            server.rabbitmqctl('set_vm_memory_high_watermark', '0.4')
        self.assertEqual([m.body for m in got], [b'%d' % i for i in range(6)])
        self.assertIn('takes messages again', probe.next('info'))
        self.assertEqual([line for line in probe.seen if line.startswith('lost')], [])
        self.assertEqual([line for line in probe.seen if 'dropped' in line], ['warning answers are dropped: the broker '
                                                                              'takes no messages at the moment'])

    def test_answers_during_the_alarm_when_nothing_was_published_before_it(self):
        """Nobody has told us of the alarm: the first answers go into it."""
        probe = self.bound('a')
        self.send('a', 'before')
        m = probe.message()
        server.rabbitmqctl('set_vm_memory_high_watermark', 'absolute', '1MB')
        try:
            probe.tell('flood nobody 20000 2000')
            self.assertEqual(probe.next('flooded', timeout=20), '20000')
            probe.tell('ack %d' % m.tag)
            wait_until(lambda: self.queue + '\t0\t0' in server.rabbitmqctl(
                'list_queues', 'name', 'messages', 'messages_unacknowledged'), 10, 'acknowledged')
        finally:
            server.rabbitmqctl('set_vm_memory_high_watermark', '0.4')
        self.assertEqual([line for line in probe.seen if line.startswith('lost')], [])

    def test_a_broker_that_stands_still_holds_up_no_answer(self):
        """The buffers fill before it can say that it is in alarm."""
        probe = self.bound('a')
        probe.tell('publish nobody x')
        probe.next('published')
        server.process.send_signal(signal.SIGSTOP)
        try:
            probe.tell('flood nobody 20000 2000')
            self.assertEqual(probe.next('flooded', timeout=20), '20000')
            self.assertIn('answers are dropped', probe.next('warning'))
        finally:
            server.process.send_signal(signal.SIGCONT)
        self.send('a', 'after')
        self.assertEqual(probe.message().body, b'after')
        self.channel().queue_declare('answers-' + self.name, auto_delete=True)
        probe.tell('publish answers-%s x' % self.name)
        self.assertEqual(probe.next('published'), 'ok')
        self.assertEqual([line for line in probe.seen if line.startswith('lost')], [])


class Tls(BrokerCase):
    def options(self, *more):
        return ['server=127.0.0.1:%d' % server.ssl_port, 'ssl=1', *more]

    def test_right_ca(self):
        probe = self.bound('a', options=self.options('ssl_ca=%s/ca.pem' % certificates))
        channel = self.channel()
        self.send('a', b'z' * 500000, channel)
        self.send('a', 'one', channel)
        self.assertEqual(probe.message().n, 500000)
        self.assertEqual(probe.message().body, b'one')

    def test_wrong_ca(self):
        why = self.probe(*self.options('ssl_ca=%s/other.pem' % certificates)).next('lost')
        self.assertIn('cert verification failed', why)

    def test_system_cas_do_not_know_us(self):
        self.assertIn('cert verification failed', self.probe(*self.options()).next('lost'))

    def test_another_name_than_the_certificate_has(self):
        options = ['server=localhost:%d' % server.ssl_port, 'ssl=1', 'ssl_ca=%s/ca.pem' % certificates]
        self.assertIn('hostname verification failed', self.probe(*options).next('lost'))

    def test_without_verification(self):
        self.probe(*self.options('ssl_verify=false')).next('connected')

    def test_ca_file_missing(self):
        self.assertIn('/no/such.pem', self.probe(*self.options('ssl_ca=/no/such.pem')).next('lost'))

    def test_plain_server_on_the_port(self):
        options = ['server=127.0.0.1:%d' % server.port, 'ssl=1', 'ssl_ca=%s/ca.pem' % certificates]
        self.assertIn('SSL handshake failed', self.probe(*options).next('lost'))


class ZRestart(BrokerCase):
    """Last: these stop the server that all share."""

    def check_after(self, probe, how):
        """Down and up again: what the durable queue had is there, and bound within a second of the broker's answer."""
        channel = self.channel()
        channel.confirm_delivery()  # returns when the broker has it on disk
        self.send('a', 'in the queue', channel, delivery_mode=2)
        self.assertEqual(probe.message().body, b'in the queue')
        server.sync()
        how()
        probe.next('lost')
        server.launch()
        server.wait_ready()
        answered = time.monotonic()
        probe.next('connected', timeout=60)
        self.assertLess(probe.at - answered, 1.0 * SLOW)
        m = probe.message()
        self.assertEqual((m.body, m.redelivered), (b'in the queue', True))
        self.send('a', 'from then on')
        self.assertEqual(probe.message().body, b'from then on')

    def test_stopped_and_started(self):
        self.check_after(self.bound('a'), server.stop)

    def test_killed_and_started(self):
        self.check_after(self.bound('a'), server.kill)

    def test_killed_and_started_with_tls(self):
        probe = self.bound('a', options=['server=127.0.0.1:%d' % server.ssl_port, 'ssl=1',
                                         'ssl_ca=%s/ca.pem' % certificates])
        self.check_after(probe, server.kill)


if __name__ == '__main__':
    try:
        unittest.main(verbosity=int(os.environ.get('VERBOSE', '1')))
    except RabbitMQMissing as missing:
        print('skipped:', missing)
        sys.exit(77)

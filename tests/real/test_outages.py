#!/usr/bin/python3
"""Servers that go away and come back: nothing is lost, the daemon says it once and keeps answering.

Short form: 5 s away; NUMETER_LONG=1: 30 s."""
import json
import signal
import sys
import threading
import time
from pathlib import Path

import pika.exceptions

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import numbered, recorded  # noqa: E402
from support.amqp import EXCHANGE, QUEUE, Amqp, cast_body  # noqa: E402
from support.case import ServersCase, main, rejected_lines  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.servers import RabbitMQServer, RedisServer  # noqa: E402
from support.wait import LONG, SLOW, wait_until  # noqa: E402

AWAY_S = 30 if LONG else 5


class Watch:
    """Asks the index page all the time; every answer must be 200, and soon."""

    def __init__(self, daemon, within_s=1.0):
        self.daemon, self.within_s, self.bad, self.n = daemon, within_s * SLOW, [], 0
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.end.is_set():
            begin = time.monotonic()
            try:
                answer = self.daemon.index()
            except Exception as error:
                answer = repr(error)
            took = time.monotonic() - begin
            self.n += 1
            if answer != (200, 'index pass') or took > self.within_s:
                self.bad.append((answer, took))
            self.end.wait(0.05)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.end.set()
        self.thread.join()
        if error[0] is None:
            assert self.n > 0 and not self.bad, (self.n, self.bad[:5])


class Publisher(threading.Thread):
    """A poller that does not give up: sends numbered messages with confirms, connects again, sends again what was not
    confirmed. .confirmed: how many were."""

    def __init__(self, port, host, now, durable):
        super().__init__()
        self.port, self.host, self.now, self.durable = port, host, now, durable
        self.confirmed, self.unroutable, self.end = 0, 0, threading.Event()
        self.failure = None

    def run(self):
        amqp = None
        while not self.end.is_set():
            try:
                if amqp is None:
                    amqp = Amqp(self.port)
                    amqp.channel.exchange_declare(EXCHANGE, 'topic', durable=self.durable)
                amqp.send(numbered.message(self.host, self.confirmed, self.now))
                self.confirmed += 1
            except pika.exceptions.UnroutableError:
                self.unroutable += 1
            except (OSError, pika.exceptions.AMQPError, AssertionError):
                try:
                    if amqp is not None:
                        amqp.close()
                except Exception:
                    pass
                amqp = None
            except Exception as error:
                self.failure = error
                return
            self.end.wait(0.002 if amqp is not None else 0.1)
        if amqp is not None:
            amqp.close()

    def finish(self):
        self.end.set()
        self.join()
        if self.failure is not None:
            raise self.failure


class RabbitMQOutages(ServersCase):
    needs = ('rabbitmq',)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()
        cls.hosts_option = '127.0.0.1:%d' % cls.rabbitmq.port

    def setUp(self):
        super().setUp()
        self.now = int(time.time())
        with Amqp(self.rabbitmq.port) as amqp:
            amqp.channel.queue_delete(QUEUE)
            amqp.channel.exchange_delete(EXCHANGE)

    def amqp(self):
        amqp = Amqp(self.rabbitmq.port)
        self.addCleanup(amqp.close)
        return amqp

    def start_broker_and_time_binding(self):
        """Seconds from the broker's first answer until the daemon consumes again."""
        self.rabbitmq.launch()
        wait_until(self.rabbitmq.answers, 60, 'the broker answers', every_s=0.005)
        begin = time.monotonic()
        amqp = self.amqp()
        wait_until(amqp.consumed, 10, 'the daemon consumes', every_s=0.005)
        return time.monotonic() - begin, amqp

    def wait_stored(self, daemon, host, n):
        wait_until(lambda: len(numbered.stored(daemon, host, n)) == n, 20,
                   lambda: 'stored: missing %s' % sorted(set(range(n)) - numbered.stored(daemon, host, n))[:20])
        self.assertTrue(numbered.slots_are_right(daemon, host, n, self.now))
        self.assertEqual(rejected_lines(daemon.rejected_path), [])

    def said_once(self, daemon, since):
        """Away and back stand once each in the log behind the first `since` lines. (A broker that stops in order may
        have ended the consumer before: a note.)"""
        events = [line.split()[2] for line in daemon.log().splitlines()[since:] if ' event=broker.' in line]
        self.assertLessEqual(events.count('event=broker.note'), 1)
        self.assertEqual([e for e in events if e != 'event=broker.note'],
                         ['event=broker.away', 'event=broker.bound', 'event=broker.back'])

    def test_stopped_and_started_again(self):
        n = 2000
        with Daemon(self.folder, rpc_hosts=self.hosts_option, rpc_prefetch=100) as daemon:
            amqp = self.amqp()
            amqp.wait_consumed()
            said = len(daemon.log().splitlines())
            daemon.process.send_signal(signal.SIGSTOP)
            for i in range(n):
                amqp.send(numbered.message('myhost', i, self.now))
            daemon.process.send_signal(signal.SIGCONT)
            with Watch(daemon):
                self.rabbitmq.stop()
                away = time.monotonic() + AWAY_S
                wait_until(lambda: time.monotonic() > away, AWAY_S + 5)
                took, amqp = self.start_broker_and_time_binding()
                self.assertLess(took, 1.0 * SLOW)
                # the exchange was not durable: the daemon made it again, and bound to it
                for i in range(n, n + 500):
                    amqp.send(numbered.message('myhost', i, self.now))
                self.wait_stored(daemon, 'myhost', n + 500)
            amqp.wait_drained()
            self.said_once(daemon, said)

    def test_killed_with_a_durable_exchange_nothing_at_all_is_lost(self):
        with Daemon(self.folder, rpc_hosts=self.hosts_option, rpc_durable='true') as daemon:
            self.amqp().wait_consumed()
            said = len(daemon.log().splitlines())
            publisher = Publisher(self.rabbitmq.port, 'myhost', self.now, durable=True)
            publisher.start()
            self.addCleanup(publisher.finish)
            with Watch(daemon):
                wait_until(lambda: publisher.confirmed > 300, 20, 'messages are sent')
                daemon.process.send_signal(signal.SIGSTOP)  # so that some are under way when the broker dies
                more = publisher.confirmed + 100
                wait_until(lambda: publisher.confirmed > more, 20, 'messages are sent')
                self.rabbitmq.kill()
                daemon.process.send_signal(signal.SIGCONT)
                away = time.monotonic() + AWAY_S
                wait_until(lambda: time.monotonic() > away, AWAY_S + 5)
                took, amqp = self.start_broker_and_time_binding()
                self.assertLess(took, 1.0 * SLOW)
                more = publisher.confirmed + 300
                wait_until(lambda: publisher.confirmed > more, 20, 'messages are sent again')
                publisher.finish()
                self.assertEqual(publisher.unroutable, 0, 'the durable binding was there all the time')
                self.wait_stored(daemon, 'myhost', publisher.confirmed)
            amqp.wait_drained()
            self.said_once(daemon, said)

    def routable(self, key, body):
        """Whether the broker has a queue for it; a message that it took is stored later."""
        try:
            amqp = Amqp(self.rabbitmq.port)
        except pika.exceptions.AMQPError:
            return False
        try:
            amqp.publish(key, body)
            return True
        except (pika.exceptions.UnroutableError, pika.exceptions.ChannelClosedByBroker):
            return False
        finally:
            amqp.close()

    def check_bound_again(self, daemon, host='myhost'):
        body = cast_body(numbered.message(host, 0, self.now))
        begin = time.monotonic()
        wait_until(lambda: self.routable(host, body), 10, 'bound again', every_s=0.1)
        took = time.monotonic() - begin
        amqp = self.amqp()
        amqp.wait_consumed()
        amqp.send(numbered.message(host, 1, self.now))
        self.wait_stored(daemon, host, 2)
        return took

    def test_queue_deleted(self):
        with Daemon(self.folder, rpc_hosts=self.hosts_option, hosts=['myhost', 'a.b']) as daemon, Watch(daemon):
            amqp = self.amqp()
            amqp.wait_consumed()
            amqp.channel.queue_delete(QUEUE)
            self.check_bound_again(daemon)
            self.check_bound_again(daemon, 'a.b')
            self.assertEqual(len(daemon.log_lines("warning event=broker.note .*queue 'storage-test'")), 1, daemon.log())
            amqp.wait_drained()

    def test_exchange_deleted(self):
        with Daemon(self.folder, rpc_hosts=self.hosts_option, hosts=['myhost', 'a.b']) as daemon, Watch(daemon):
            amqp = self.amqp()
            amqp.wait_consumed()
            amqp.channel.exchange_delete(EXCHANGE)
            self.check_bound_again(daemon)
            self.check_bound_again(daemon, 'a.b')
            self.assertEqual(len(daemon.log_lines('warning event=broker.note')), 1, daemon.log())
            amqp.wait_drained()

    def test_the_first_of_two_brokers_is_away(self):
        with Daemon(self.folder, rpc_hosts='127.0.0.1:%d, 127.0.0.1:%d' % (free_port(), self.rabbitmq.port)) as daemon:
            amqp = self.amqp()
            amqp.wait_consumed()
            amqp.send(numbered.message('myhost', 0, self.now))
            self.wait_stored(daemon, 'myhost', 1)

    def test_started_before_the_broker(self):
        port = free_port()
        with Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % port) as daemon, Watch(daemon):
            self.assertEqual(daemon.post(b'{}')[0], 404)
            broker = RabbitMQServer(port=port)
            self.addCleanup(broker.close)
            broker.start()
            with Amqp(port) as amqp:
                amqp.wait_consumed()
                amqp.send(numbered.message('myhost', 0, self.now))
                self.wait_stored(daemon, 'myhost', 1)

    def test_hosts_off_the_list_are_unbound_at_start(self):
        with Daemon(self.folder, rpc_hosts=self.hosts_option, hosts=['stays', 'goes.away']) as daemon:
            amqp = self.amqp()
            amqp.wait_consumed()
            for host in ('stays', 'goes.away'):
                amqp.send(numbered.message(host, 0, self.now))
                self.wait_stored(daemon, host, 1)
            daemon.stop()
            for host in ('stays', 'goes.away'):
                amqp.send(numbered.message(host, 1, self.now))
            daemon.write_hosts(['stays'])
            daemon.start()
            amqp.wait_consumed()
            for host in ('stays', 'goes.away'):
                self.wait_stored(daemon, host, 2)  # what was in the queue is stored all the same
            with self.assertRaises(pika.exceptions.UnroutableError):
                amqp.send(numbered.message('goes.away', 2, self.now))
            amqp.send(numbered.message('stays', 2, self.now))
            self.wait_stored(daemon, 'stays', 3)

    def test_every_host_is_no_longer_taken_when_the_star_is_off_the_list(self):
        with Daemon(self.folder, rpc_hosts=self.hosts_option, hosts=['*']) as daemon:
            amqp = self.amqp()
            amqp.wait_consumed()
            amqp.send(numbered.message('any.host', 0, self.now))
            self.wait_stored(daemon, 'any.host', 1)
            daemon.stop()
            daemon.write_hosts(['stays'])
            daemon.start()
            amqp.wait_consumed()
            with self.assertRaises(pika.exceptions.UnroutableError):
                amqp.send(numbered.message('never.seen', 1, self.now))
            amqp.send(numbered.message('stays', 0, self.now))
            self.wait_stored(daemon, 'stays', 1)

    def test_queue_and_exchange_that_exist_with_other_flags(self):
        amqp = self.amqp()
        amqp.channel.exchange_declare(EXCHANGE, 'topic', durable=True)
        amqp.channel.queue_declare(QUEUE, durable=False)
        with Daemon(self.folder, rpc_hosts=self.hosts_option) as daemon:
            amqp.wait_consumed()
            amqp.send(numbered.message('myhost', 0, self.now))
            self.wait_stored(daemon, 'myhost', 1)
            # a poller of today with the flags of the exchange goes on as before
            amqp.channel.exchange_declare(EXCHANGE, 'topic', durable=True)


class RedisOutages(ServersCase):
    needs = ('rabbitmq', 'redis')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rabbitmq = RabbitMQServer()
        cls.addClassCleanup(cls.rabbitmq.close)
        cls.rabbitmq.start()

    def setUp(self):
        super().setUp()
        self.now = int(time.time())
        self.redis = RedisServer()
        self.addCleanup(self.redis.close)
        self.redis.start()
        self.amqp = Amqp(self.rabbitmq.port)
        self.addCleanup(self.amqp.close)
        self.amqp.channel.queue_delete(QUEUE)

    def daemon(self, **keys):
        return Daemon(self.folder, rpc_hosts='127.0.0.1:%d' % self.rabbitmq.port, redis_storage_port=self.redis.port,
                      **keys)

    def send_round(self, i):
        """What three hosts send in a tick: MyInfo, data, infos."""
        for host in ('h1', 'h2.example', 'new%d' % i):
            self.amqp.send(recorded.myinfo_message(host, 'name of ' + host))
            self.amqp.send(numbered.message(host, i, self.now))
            self.amqp.send(recorded.info_message(host, 'numbered', ['d0'], Round=str(i)))

    def stored(self, daemon, rounds, since=0):
        """Whether all of the rounds can be read; of the new hosts those that sent something since that round."""
        wanted = {'new%d' % i: {i} for i in range(since, rounds)}
        wanted.update({h: set(range(rounds)) for h in ('h1', 'h2.example')})
        return {h: numbered.stored(daemon, h, 10) for h in wanted} == wanted

    def check_content(self, daemon, hosts, i):
        client = self.redis.client(2)
        daemon.flush()
        for host in hosts:
            info = json.loads(client.hget('HOSTS', host))
            self.assertEqual(info['Name'], 'name of ' + host)
            self.assertEqual(info['hostIDHash'], client.hget('HOST_ID', host).decode())
            self.assertTrue(Path(client.hget('WSP_PATH', host).decode(), 'numbered', 'd0.wsp').is_file())
            self.assertEqual(client.hget('INFOS@' + host, 'numbered').decode(),
                             recorded.info_message(host, 'numbered', ['d0'], Round=str(i))['args']['message'])
            self.assertEqual(daemon.get('list', host=host)[2]['numbered']['Round'], str(i))

    def test_stopped_and_come_back_empty(self):
        with self.daemon() as daemon:
            self.amqp.wait_consumed()
            self.send_round(0)
            wait_until(lambda: self.stored(daemon, 1), 10, 'the first round is stored')
            said = len(daemon.log().splitlines())
            with Watch(daemon):
                self.redis.kill()
                self.send_round(1)
                wait_until(lambda: daemon.get('hosts')[0] == 503, 10, 'metadata requests are refused')
                for path, asked in (('hosts', {}), ('hinfo', {'host': 'h1'}), ('list', {'host': 'h1'}),
                                    ('info', {'host': 'h1', 'plugin': 'numbered'})):
                    status, headers, body = daemon.get(path, **asked)
                    self.assertEqual((status, set(body)), (503, {'error', 'detail'}))
                    self.assertGreater(int(headers['retry-after']), 0)
                away = time.monotonic() + AWAY_S
                wait_until(lambda: time.monotonic() > away, AWAY_S + 5)
                self.send_round(2)
                self.redis.start()
                self.assertEqual(self.redis.client(2).dbsize(), 0)
                wait_until(lambda: daemon.get('hosts')[0] == 200, 10, 'metadata requests are answered')
                # a host is found again with its next message
                wait_until(lambda: self.stored(daemon, 3, since=1), 15, 'all is stored')
                self.amqp.send(recorded.myinfo_message('new0', 'name of new0'))
                wait_until(lambda: self.stored(daemon, 3), 5, 'a host that was silent in the outage')
                self.amqp.wait_drained()
                # what waited for Redis may not overwrite what came after it
                wait_until(lambda: daemon.get('info', host='new1', plugin='numbered')[2], 10, 'the last info')
                wait_until(lambda: daemon.get('info', host='new2', plugin='numbered')[2], 10, 'the last info')
                self.check_content(daemon, ['h1', 'h2.example', 'new2'], 2)
                self.check_content(daemon, ['new1'], 1)
                self.assertEqual(rejected_lines(daemon.rejected_path), [])
            lines = [line for line in daemon.log().splitlines()[said:] if 'event=broker' not in line and 'event=control' not in line]
            self.assertEqual([line.split()[1] for line in lines], ['error', 'warning'], 'away, and back: %s' % lines)
            self.assertIn('redis 127.0.0.1:%d' % self.redis.port, lines[0])

    def test_emptied_while_nobody_looked(self):
        """A restart between two messages: HOST_ID and WSP_PATH come back with the host's next data."""
        with self.daemon() as daemon:
            self.amqp.wait_consumed()
            self.send_round(0)
            wait_until(lambda: self.stored(daemon, 1), 10, 'the first round is stored')
            self.redis.kill()
            self.redis.start()
            self.assertEqual(self.redis.client(2).dbsize(), 0)
            self.amqp.send(numbered.message('h1', 1, self.now))
            wait_until(lambda: numbered.stored(daemon, 'h1', 10) == {0, 1}, 10, 'data of a host')
            client = self.redis.client(2)
            self.assertIsNotNone(client.hget('HOST_ID', 'h1'))
            daemon.flush()
            self.assertTrue(Path(client.hget('WSP_PATH', 'h1').decode(), 'numbered', 'd0.wsp').is_file())
            self.assertEqual(json.loads(client.hget('HOSTS', 'h1'))['ID'], 'h1')

    def test_a_server_that_hangs_does_not_hold_up_the_end(self):
        with self.daemon() as daemon:
            self.amqp.wait_consumed()
            self.redis.process.send_signal(signal.SIGSTOP)
            try:
                self.send_round(0)
                time.sleep(0.5)  # it is being stored
                daemon.stop()  # within 2 s, though redis_storage_timeout is 5
            finally:
                self.redis.process.send_signal(signal.SIGCONT)

    def test_hanging(self):
        with self.daemon(redis_storage_timeout=1) as daemon:
            self.amqp.wait_consumed()
            self.send_round(0)
            wait_until(lambda: self.stored(daemon, 1), 10, 'the first round is stored')
            with Watch(daemon):
                self.redis.process.send_signal(signal.SIGSTOP)
                try:
                    self.send_round(1)
                    wait_until(lambda: daemon.get('hosts')[0] == 503, 10, 'metadata requests are refused')
                finally:
                    self.redis.process.send_signal(signal.SIGCONT)
                wait_until(lambda: daemon.get('hosts')[0] == 200 and self.stored(daemon, 2), 15, 'all is stored')
            self.check_content(daemon, ['h1', 'h2.example', 'new1'], 1)

    def test_away_at_the_start(self):
        self.redis.kill()
        with self.daemon() as daemon, Watch(daemon):
            self.assertEqual(daemon.get('hosts')[0], 503)
            self.redis.start()
            wait_until(lambda: daemon.get('hosts')[0] == 200, 10, 'metadata requests are answered')
            self.amqp.wait_consumed()
            self.send_round(0)
            wait_until(lambda: self.stored(daemon, 1), 10, 'the first round is stored')

    def test_what_another_client_writes_is_seen_within_a_second(self):
        with self.daemon() as daemon:
            self.assertEqual(daemon.get('hosts')[2], {})
            self.redis.client(2).hset('HOSTS', 'other', '{"Name": "n", "ID": "other"}')
            wait_until(lambda: daemon.get('hosts')[2] == {'other': {'Name': 'n', 'ID': 'other'}}, 1)

    def test_stop_while_redis_is_away(self):
        with self.daemon() as daemon:
            self.amqp.wait_consumed()
            self.redis.kill()
            self.send_round(0)
            wait_until(lambda: daemon.get('hosts')[0] == 503, 10, 'metadata requests are refused')
            daemon.stop()
            # a probe of the daemon's own may stand behind them
            self.assertIn(self.amqp.queue(), ((9, 0), (10, 0)), 'all waits in the queue')
            self.redis.start()
            daemon.start()
            wait_until(lambda: self.stored(daemon, 1), 10, 'all is stored')


if __name__ == '__main__':
    main()

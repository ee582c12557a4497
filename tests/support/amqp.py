"""RabbitMQ seen by a plain client (pika): raw bodies, exact properties."""
import json
import uuid

import pika
import pika.exceptions

from .wait import wait_until

EXCHANGE = 'numeter'
QUEUE = 'storage-test'


def cast_body(message, **inner):
    """The AMQP body of a recorded message, as oslo.messaging writes it; more keys of the inner message as arguments."""
    m = {'method': 'poller_msg', 'args': {'args': message['args']}, '_unique_id': uuid.uuid4().hex,
         **{'_context_' + k: v for k, v in message['context'].items()}, **inner}
    return json.dumps({'oslo.version': '2.0', 'oslo.message': json.dumps(m)}).encode()


class Amqp:
    """One connection and channel. confirm=False for many messages as fast as the broker takes them."""

    def __init__(self, port, confirm=True):
        self.port, self.confirm, self.connection = port, confirm, None
        self.open()

    def open(self):
        self.connection = pika.BlockingConnection(pika.ConnectionParameters(
            '127.0.0.1', self.port, '/', pika.PlainCredentials('guest', 'guest'), heartbeat=0,
            connection_attempts=1, socket_timeout=10, blocked_connection_timeout=60))
        self.channel = self.connection.channel()
        if self.confirm:
            self.channel.confirm_delivery()

    def close(self):
        """Also when the broker is away already."""
        try:
            if self.connection is not None and self.connection.is_open:
                self.connection.close()
        except pika.exceptions.AMQPError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def publish(self, key, body, content_type='application/json', content_encoding='utf-8', headers=None,
                exchange=EXCHANGE, expiration=None, mandatory=True):
        """With confirms it returns when the broker took it; UnroutableError when no queue wants it."""
        self.channel.basic_publish(exchange, key, body, pika.BasicProperties(
            content_type=content_type, content_encoding=content_encoding, headers={} if headers is None else headers,
            delivery_mode=2, priority=0, expiration=expiration), mandatory=mandatory and self.confirm)

    def send(self, message, **inner):
        """A recorded message as a cast."""
        self.publish(message['topic'], cast_body(message, **inner))

    def declare(self, durable=True, keys=('#',), queue=QUEUE):
        """Exchange, queue and bindings ahead of the daemon."""
        self.channel.exchange_declare(EXCHANGE, 'topic', durable=durable)
        self.channel.queue_declare(queue, durable=True)
        for key in keys:
            self.channel.queue_bind(queue, EXCHANGE, key)

    def queue(self, queue=QUEUE):
        """(ready messages, consumers), or None when there is no such queue."""
        try:
            ok = self.channel.queue_declare(queue, passive=True).method
            return ok.message_count, ok.consumer_count
        except pika.exceptions.ChannelClosedByBroker:
            self.channel = self.connection.channel()
            if self.confirm:
                self.channel.confirm_delivery()
            return None

    def consumed(self, queue=QUEUE):
        """True when the daemon consumes (it binds before that)."""
        state = self.queue(queue)
        return state is not None and state[1] > 0

    def wait_consumed(self, deadline_s=10, queue=QUEUE):
        wait_until(lambda: self.consumed(queue), deadline_s, 'the queue has a consumer')

    def wait_drained(self, deadline_s=20, queue=QUEUE):
        """No message waits in the queue; some may be unacknowledged still."""
        wait_until(lambda: self.queue(queue) == (0, 1), deadline_s, lambda: 'drained: %s' % (self.queue(queue),))


def can_connect(port):
    """True once the broker answers."""
    try:
        Amqp(port, confirm=False).close()
        return True
    except (OSError, pika.exceptions.AMQPError):
        return False

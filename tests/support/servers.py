"""The servers of the tests, marked as children of this run (nothing_left.py finds the marked ones)."""
from .nothing_left import MARK
from .rabbitmq_server import RabbitMQServer as _RabbitMQServer


class RabbitMQServer(_RabbitMQServer):
    def _env(self):
        return dict(super()._env(), **dict([MARK.split('=')]))

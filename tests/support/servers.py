"""The servers of the tests as children of this run: marked (nothing_left.py finds the marked ones), on reserved ports."""
import redis

from .nothing_left import FOLDERS, MARK
from .ports import free_port
from .rabbitmq_server import RabbitMQServer as _RabbitMQServer
from .redis_server import RedisServer as _RedisServer


class RabbitMQServer(_RabbitMQServer):
    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        FOLDERS.append(self.dir)

    def _env(self):
        return dict(super()._env(), **dict([MARK.split('=')]))


class RedisServer(_RedisServer):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        FOLDERS.append(self.folder)
        self.port = free_port()  # nobody takes it while the server is away

    def client(self, db=2):
        return redis.Redis('127.0.0.1', self.port, db)

"""Free loopback ports, agreed with every other test that runs on this machine."""
from .rabbitmq_server import reserve_port as free_port  # noqa: F401

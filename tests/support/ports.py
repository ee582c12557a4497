"""Free loopback ports, agreed with every other test that runs on this machine."""
from .rabbitmq_server import _reservations, reserve_port as free_port  # noqa: F401


def give_back():
    """The end of a test program."""
    while _reservations:
        _reservations.popitem()[1].close()

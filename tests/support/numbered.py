"""Many messages that cannot hide one another: number i has a slot and a value of its own, so what is missing can be
named."""
from . import recorded

PER_SERIES = 1300  # minutes, well within the finest archive of a day


def message(host, i, now):
    """Data message number i, relative to the test's one `now`."""
    t = now - 60 * (1 + i % PER_SERIES)
    return recorded.data_message(host, 'numbered', t, {'d%d' % (i // PER_SERIES): i + 0.5})


def stored(daemon, host, n):
    """The set of numbers below n that the daemon shows, each checked to be alone and in its place."""
    ds = ['d%d' % k for k in range((n + PER_SERIES - 1) // PER_SERIES)]
    found = set()
    for name, points in daemon.data(host, 'numbered', ds).items():
        for t, value in points.items():
            i = int(value)
            assert value == i + 0.5 and i // PER_SERIES == int(name[1:]), (name, t, value)
            found.add(i)
    return found


def slots_are_right(daemon, host, n, now):
    """Every value stands in the slot of its TimeStamp."""
    for name, points in daemon.data(host, 'numbered', ['d%d' % k for k in range(-(-n // PER_SERIES))]).items():
        for t, value in points.items():
            wanted = now - 60 * (1 + int(value) % PER_SERIES)
            assert t == wanted - wanted % 60, (name, t, value)
    return True

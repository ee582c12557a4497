"""Waiting for something to become true: never a bare sleep."""
import os
import time

# Sanitizer builds and busy machines: multiplies every deadline.
SLOW = float(os.environ.get('NUMETER_SLOW') or 1)
# The long forms of the outage and kill tests.
LONG = os.environ.get('NUMETER_LONG') == '1'


class Late(AssertionError):
    """What was waited for did not come true in time."""


def wait_until(condition, deadline_s, what=None, every_s=0.02):
    """Call condition() until it answers something true, and answer that. Late after deadline_s × NUMETER_SLOW.
    what: a text, or a function that tells how far it got."""
    end = time.monotonic() + deadline_s * SLOW
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            if callable(what):
                what = what()
            raise Late('not within %g s: %s' % (deadline_s * SLOW, what or getattr(condition, '__name__', condition)))
        time.sleep(every_s)

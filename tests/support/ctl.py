"""numeterctl as a child process."""
import os
import re
import subprocess

from .wait import SLOW


def run_ctl(*args, **environment):
    """(status, stdout, stderr); environment: a variable that is None is taken away."""
    env = dict(os.environ, TZ='UTC', LC_ALL='C.UTF-8')
    for name in ('COLUMNS', 'NO_COLOR', 'COLORTERM', 'NUMETERCTL_ALONE'):
        env.pop(name, None)
    env.update(environment)
    done = subprocess.run([os.environ['NUMETERCTL'], *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          env={k: v for k, v in env.items() if v is not None}, timeout=60 * SLOW)
    out, err = done.stdout.decode(), done.stderr.decode()
    assert not re.search('Sanitizer|runtime error', err), err
    return done.returncode, out, err

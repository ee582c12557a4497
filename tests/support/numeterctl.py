"""numeterctl as a child."""
import json
import os
import subprocess

from .wait import SLOW


def run(daemon, *args, stdin=None, timeout_s=60):
    """(exit status, stdout as bytes, stderr as text) of numeterctl with this daemon's configuration."""
    done = subprocess.run([os.environ['NUMETERCTL'], '-c', str(daemon.config_path), *map(str, args)], input=stdin,
                          stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True,
                          timeout=timeout_s * SLOW)
    err = done.stderr.decode()
    assert 'Sanitizer' not in err and 'runtime error' not in err, err
    return done.returncode, done.stdout, err


def account(daemon, *args, status=0, stdin=None):
    """What it says with --json, which must end with this status."""
    got, out, err = run(daemon, *args, '--json', stdin=stdin)
    assert got == status, (got, out, err)
    return json.loads(out)

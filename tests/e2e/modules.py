"""What the browser tests share: node, Chromium, and playwright-core fetched once into the build folder."""
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ROOT  # noqa: E402
from support.wait import SLOW  # noqa: E402

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ.get('E2E_FOLDER') or ROOT / 'build' / 'e2e')
NODE = os.environ.get('E2E_NODE') or shutil.which('node')
CHROMIUM = '/usr/bin/chromium'


def fetch_modules():
    """The folder in which node finds playwright-core: made once, from the lock beside this file."""
    lock = (HERE / 'package-lock.json').read_bytes()
    FOLDER.mkdir(parents=True, exist_ok=True)
    done = FOLDER / 'node_modules' / '.lock-of-tests'
    if not done.exists() or done.read_bytes() != lock:
        for name in ('package.json', 'package-lock.json'):
            shutil.copyfile(HERE / name, FOLDER / name)
        npm = shutil.which('npm')
        if npm is None:
            raise unittest.SkipTest('no npm on this machine')
        got = subprocess.run([npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], cwd=FOLDER, capture_output=True, text=True,
                             timeout=300)
        if got.returncode != 0:
            raise unittest.SkipTest('npm ci: ' + got.stderr.strip()[-500:])
        done.write_bytes(lock)
    return FOLDER


def need_browser():
    """(folder of node's modules, folder for screenshots); skips the test where there is no browser."""
    if not NODE:
        raise unittest.SkipTest('no node on this machine')
    if not os.path.exists(CHROMIUM):
        raise unittest.SkipTest('no chromium on this machine')
    shots = FOLDER / 'shots'
    modules = fetch_modules()
    shots.mkdir(exist_ok=True)
    return modules, shots


def run_node(case, name, environment):
    """One file of tests must pass; what it printed beside the tests' names is shown."""
    version = subprocess.run([NODE, '--version'], capture_output=True, text=True).stdout
    reporter = ['--test-reporter=spec'] if int(version.strip().lstrip('v').split('.')[0]) >= 20 else []
    ran = subprocess.run([NODE, '--test', *reporter, str(HERE / name)], env=environment, capture_output=True, text=True,
                         timeout=300 * SLOW)
    print(ran.stdout[-30000:], ran.stderr[-4000:], file=sys.stderr)
    case.assertEqual(ran.returncode, 0, name)

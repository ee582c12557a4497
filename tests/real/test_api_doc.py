#!/usr/bin/python3
"""Every example of docs/api.md, run as it stands, in its order: each ```sh block gives the ```json or ```text behind it."""
import json
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ROOT, ServersCase, main  # noqa: E402
from support.daemon import libfaketime, program  # noqa: E402
from support.goldens import NOW, FrozenDaemon  # noqa: E402

EXAMPLE = re.compile(r'^```sh\n(.*?)^```\n```(json|text)\n(.*?)^```$', re.DOTALL | re.MULTILINE)


class ApiDoc(ServersCase):
    @unittest.skipIf(shutil.which('curl') is None or libfaketime() is None, 'no curl or no libfaketime')
    def test_examples(self):
        text = (ROOT / 'docs' / 'api.md').read_text()
        examples = EXAMPLE.findall(text)
        self.assertEqual((len(examples), text.count('```sh')), (20, 20))
        draws = 'libcairo' in subprocess.run(['ldd', program()], capture_output=True, text=True).stdout
        daemon = FrozenDaemon(self.folder, http_ingest='true')
        daemon.frozen_s = NOW
        with daemon:
            for command, kind, reply in examples:
                if 'graph.svg' in command and not draws:
                    continue
                with self.subTest(command):
                    command = command.replace('127.0.0.1:8081', '127.0.0.1:%d' % daemon.port)
                    got = subprocess.run(['sh', '-c', command], capture_output=True, check=True, timeout=30).stdout
                    if kind == 'text':
                        self.assertEqual(got.decode().strip(), reply.strip())
                    else:
                        self.assertEqual(json.loads(got), json.loads(reply))


if __name__ == '__main__':
    main()

"""
Replay the recorded cases of tests/data/whisper-golden and compare: bytes after update(), points after update_many().
And decode the hex of docs/formats/whisper.md.
"""
import glob
import json
import os
import re
import shutil
import sys
import tempfile
import unittest

try:
    from whisper_side import Ours, bits, points_of, read
except ImportError as why:
    print('skipped: %s' % why)
    sys.exit(77)

TOOL, DATA, PAGE = sys.argv[1:4]


def number(v):
    return float(v)


def wanted(fetch):
    want = fetch.get('result')
    if 'error' in fetch:
        return 'refused'
    if want is None:
        return 'absent'
    points = [(i, bits(number(v))) for i, v in want['points'] if number(v) == number(v)]
    return want['from'], want['until'], want['step'], want['count'], points


class Side(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.ours = Ours(TOOL)

    def tearDown(self):
        self.ours.close()
        shutil.rmtree(self.folder)


class Golden(Side):
    def ask(self, fetch):
        until = fetch['now'] if fetch['until'] is None else fetch['until']
        return self.ours.fetch(fetch['from'], until, fetch['now'])

    def replay(self, case, path):
        """The questions of "clobber" were asked between its operations: their answers come up on the way, in order."""
        early = [f for f in case['fetches'] if f['archiveToSelect'] is None] if case['case'] == 'clobber' else []
        self.ours.create(path, case['archives'], case['xFilesFactor'], case['aggregationMethod'])
        for op in case['ops']:
            if op['op'] == 'update':
                got = self.ours.update(op['now'], op['timestamp'], number(op['value']))
            else:
                got = self.ours.batch('many', op['now'], [(t, number(v)) for t, v in op['points']])[0]
            self.assertEqual(got, 'ok' if op['result'] == 'ok' else 'refused', op)
            while early and self.ask(early[0]) == wanted(early[0]):
                case['fetches'].remove(early.pop(0))
        self.assertEqual(early, [])

    def check_fetches(self, case):
        asked = [f for f in case['fetches'] if f['archiveToSelect'] is None]
        for fetch in asked:
            self.assertEqual(self.ask(fetch), wanted(fetch), fetch)
        return len(asked)

    def test_cases(self):
        names = sorted(glob.glob(os.path.join(DATA, '*.json')))
        self.assertEqual(len(names), 16)
        asked = 0
        for name in names:
            with self.subTest(os.path.basename(name)):
                with open(name) as f:
                    case = json.load(f)
                path = os.path.join(self.folder, case['file'])
                golden = os.path.join(DATA, case['file'])
                self.replay(case, path)
                if all(op['op'] == 'update' for op in case['ops']):
                    self.assertTrue(read(path) == read(golden), 'bytes differ')
                self.assertEqual(os.path.getsize(path), os.path.getsize(golden))
                self.assertEqual(points_of(path), points_of(golden))
                asked += self.check_fetches(case)
                self.ours.must('close')
                self.ours.must('open', golden)
                self.check_fetches(case)
                self.ours.must('close')
        self.assertGreater(asked, 90)


def hex_of(name):
    with open(PAGE) as f:
        return bytes.fromhex(re.search('```hex %s\n(.*?)```' % name, f.read(), re.S).group(1))


class Page(Side):
    def test_hex(self):
        """The page's header is that of the files; its point is what update() writes."""
        path, header = os.path.join(self.folder, 'page.wsp'), hex_of('header')
        with open(path, 'wb') as f:
            f.write(header)
            f.truncate(202240)
        self.ours.must('open', path)
        self.assertEqual(self.ours.must('info'), ['1', '31622400', bits(0.5)] + (
            '64 60 1440 17344 300 2016 41536 600 4608 96832 3600 8784').split())
        self.assertEqual(self.ours.update(1400003617, 1400003587, 1.25), 'ok')
        self.assertEqual(read(path), header + hex_of('point') + bytes(202240 - 64 - 12))
        self.assertTrue(read(path) == read(os.path.join(DATA, 'single.wsp')))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])

"""
Two files made by python-whisper, one filled from the other by wsp_fill(): what comes out is what the rule says, worked out
here with python-whisper's own aggregation; and to python-whisper as a reader nothing that was known has changed.
A seed as second argument repeats one run.
"""
import os
import random
import shutil
import sys
import tempfile
import unittest

try:
    import whisper
    from whisper_side import AGGREGATIONS, Ours, bits, points_of, read, value_of
except ImportError as why:
    print('skipped: %s' % why)
    sys.exit(77)

TOOL = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
PAIRS = 150
LAYOUTS = [
    [[60, 60], [300, 24], [600, 40], [3600, 30]],
    [[60, 10], [300, 8], [600, 20]],
    [[300, 30], [3600, 40]],
    [[20, 90], [60, 50]],
    [[1, 60]],
    [[60, 200]],
    [[50, 40], [100, 40], [600, 30]],
]
NOW = 1400003617


def expected(into, source, aggregation, xff):
    """The points of into afterwards, as points_of() has them."""
    archives, theirs = whisper.info(into)['archives'], whisper.info(source)['archives']
    mine, held = points_of(into), points_of(source)
    result = set()
    for level, a in enumerate(archives):
        step, n = a['secondsPerPoint'], a['points']
        slot = {t // step % n: (t, v) for number, t, v in mine if number == level}
        for other, b in reversed(list(enumerate(theirs))):
            ratio, rest = divmod(step, b['secondsPerPoint'])
            if ratio == 0 or rest:
                continue
            known = sorted((t, value_of(v)) for number, t, v in held if number == other)
            groups = {}
            for t, v in known:
                groups.setdefault(t - t % step, []).append((t, v))
            for t, members in sorted(groups.items()):
                values = [v for _, v in members]
                if ratio > 1:
                    if len(values) / ratio < xff:
                        continue
                    at = dict(members)
                    neighbours = [at.get(t + i * b['secondsPerPoint']) for i in range(ratio)]
                    values = [whisper.aggregate(aggregation, values, neighbours)]
                if slot.get(t // step % n, (0,))[0] < t:
                    slot[t // step % n] = (t, bits(values[0]))
        result |= {(level, t, v) for t, v in slot.values()}
    return result


def seen(path, r):
    """{(step, time): value} of what a reader finds in some windows."""
    found = {}
    for _ in range(6):
        start = NOW - r.randrange(1, 200000)
        answer = whisper.fetch(path, start, NOW, NOW)
        if answer is not None:
            (first, _, step), values = answer
            found.update({(step, first + i * step): v for i, v in enumerate(values) if v is not None})
    return found


class Fill(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.into, self.source = os.path.join(self.folder, 'into.wsp'), os.path.join(self.folder, 'from.wsp')
        self.ours = Ours(TOOL)
        self.addCleanup(self.ours.close)

    def make(self, r, path, layout, aggregation, xff):
        whisper.create(path, [tuple(a) for a in layout], xff, aggregation)
        span = max(s * n for s, n in layout)
        for _ in range(r.randrange(4)):
            first = NOW - r.randrange(span)
            points = [(first + i * layout[0][0], round(r.uniform(-100, 100), 3)) for i in range(r.randrange(1, 150))
                      if r.random() < 0.8]
            points = [(t, v) for t, v in points if t <= NOW]
            if points:
                whisper.update_many(path, points, max(t for t, _ in points))

    def fill(self):
        self.ours.must('open', self.into)
        self.ours.must('fill', self.source)
        self.ours.must('close')

    def pair(self, r):
        aggregation, xff = r.choice(AGGREGATIONS), r.choice([0.0, 0.5, 0.5, 1.0])
        layout = r.choice(LAYOUTS)
        self.make(r, self.into, layout, aggregation, xff)
        self.make(r, self.source, layout if r.random() < 0.4 else r.choice(LAYOUTS), aggregation, xff)
        want = expected(self.into, self.source, aggregation, xff)
        seed = r.random()
        before = seen(self.into, random.Random(seed))
        self.fill()
        self.assertEqual(points_of(self.into), want)
        after = seen(self.into, random.Random(seed))
        self.assertEqual({k: after.get(k) for k in before}, before)
        once = read(self.into)
        self.fill()
        self.assertTrue(read(self.into) == once, 'filling again changed something')

    def test_random_pairs(self):
        for i in range(PAIRS):
            seed = '%d/%d' % (SEED, i)
            with self.subTest(seed=seed):
                self.pair(random.Random(seed))
                os.remove(self.into)
                os.remove(self.source)
        print('seed %d: %d pairs' % (SEED, PAIRS))

    def test_a_hole_is_closed_and_nothing_else_changes(self):
        """The usual case: a file that was started anew, and the one of before."""
        layout = [(60, 1440), (300, 2016), (3600, 8784)]
        for path, times in ((self.source, range(NOW - 80000, NOW - 20000, 60)), (self.into, range(NOW - 10000, NOW, 60))):
            whisper.create(path, layout, 0.5, 'average')
            for t in times:
                whisper.update(path, float(t % 1000), t, t)
        old, new = (whisper.fetch(p, NOW - 86000, NOW, NOW)[1] for p in (self.source, self.into))
        self.fill()
        both = whisper.fetch(self.into, NOW - 86000, NOW, NOW)[1]
        self.assertEqual(both, [b if b is not None else a for a, b in zip(old, new)])
        self.assertGreater(sum(v is not None for v in both), 1100)
        old, new = (whisper.fetch(p, NOW - 500000, NOW, NOW) for p in (self.source, self.into))
        self.assertEqual(old[0], new[0])
        self.assertEqual([v for a, v in zip(old[1], new[1]) if a is not None], [a for a in old[1] if a is not None])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])

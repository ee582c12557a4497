"""
Random sequences through the library and python-whisper, compared: after update() byte by byte, after update_many() as
sets of (archive, timestamp, value); fetch() all along. A seed as second argument repeats one run.
"""
import os
import random
import shutil
import sys
import tempfile
import time
import unittest

try:
    import whisper
    from whisper_side import AGGREGATIONS, Ours, points_of, read, reference_fetch, remove
except ImportError as why:
    print('skipped: %s' % why)
    sys.exit(77)

TOOL = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
SEQUENCES = 400
LAYOUTS = [
    [[60, 1440], [300, 2016], [600, 4608], [3600, 8784]],
    [[1, 60]],
    [[60, 10], [300, 8], [600, 20]],
    [[60, 5], [300, 4]],
    [[10, 36], [60, 30], [300, 50], [3600, 24]],
    [[1, 7], [7, 9], [49, 9]],
    [[60, 61], [3600, 3]],
    [[1, 3600], [3600, 24]],
]
START = 1400003617


def spread_is_ours(archives, future):
    """Whisper propagates in the order of a set: only where no two coarse slots can meet is its result defined."""
    return all(coarse[0] * coarse[1] >= fine[0] * fine[1] + future + 2 * coarse[0]
               for fine, coarse in zip(archives, archives[1:]))


class Sequence:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.archives = self.r.choice(LAYOUTS)
        self.aggregation = self.r.choice(AGGREGATIONS)
        self.xff = self.r.choice([0.0, 0.2, 0.5, 0.5, 0.75, 1.0, self.r.random()])
        self.longest = max(s * n for s, n in self.archives)
        self.fine_span = self.archives[0][0] * self.archives[0][1]
        self.now = START + self.r.randrange(100000)

    def age(self):
        kind = self.r.randrange(10)
        if kind < 6:
            return self.r.randrange(0, self.archives[0][0] * 12)
        if kind < 8:
            step, n = self.r.choice(self.archives)
            return max(0, step * n + self.r.randrange(-2 * step, 2 * step + 1))
        return self.r.randrange(0, self.longest + self.archives[-1][0])

    def value(self):
        return self.r.choice([0.0, -0.0, 1.0, -2.5, 1e300, 1e-310, self.r.uniform(-1e6, 1e6), self.r.random()])

    def tick(self):
        self.now += self.r.choice([0, 1, self.archives[0][0], self.archives[0][0], self.r.randrange(self.fine_span)])


class Random(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.mine, self.theirs = os.path.join(self.folder, 'a.wsp'), os.path.join(self.folder, 'b.wsp')
        self.ours = Ours(TOOL)

    def tearDown(self):
        self.ours.close()
        shutil.rmtree(self.folder)

    def begin(self, s):
        remove(self.mine, self.theirs)
        self.ours.create(self.mine, s.archives, s.xff, s.aggregation)
        whisper.create(self.theirs, [tuple(a) for a in s.archives], s.xff, s.aggregation)
        self.assertEqual(read(self.mine), read(self.theirs))

    def end(self, s):
        for _ in range(4):
            start = s.now - s.r.randrange(-10, s.longest + 1000)
            until = start + s.r.randrange(-5, s.longest)
            if s.r.random() < 0.3:
                until = s.now
            now = s.now + s.r.choice([0, 0, 1, 59, s.fine_span])
            self.assertEqual(self.ours.fetch(start, until, now), reference_fetch(self.theirs, start, until, now),
                             (start, until, now))
        self.ours.must('close')

    def updates(self, s):
        for _ in range(s.r.randrange(1, 60)):
            timestamp, value = s.now - s.age() + (s.r.random() < 0.05) * 100, s.value()
            try:
                whisper.update(self.theirs, value, timestamp, s.now)
                want = 'ok'
            except whisper.TimestampNotCovered:
                want = 'refused'
            self.assertEqual(self.ours.update(s.now, timestamp, value), want)
            s.tick()
        self.assertTrue(read(self.mine) == read(self.theirs), 'bytes differ')

    def batches(self, s):
        future = s.archives[0][0] * 3 if spread_is_ours(s.archives, s.archives[0][0] * 3) else 0
        if not spread_is_ours(s.archives, future):
            return
        for _ in range(s.r.randrange(1, 8)):
            step = s.archives[0][0]
            if s.r.random() < 0.3:  # a run without gaps, perhaps all of the finest archive and one more
                first = s.r.choice([s.now, s.now + future])
                n = s.r.choice([s.r.randrange(1, 70), min(s.archives[0][1] + 1, 1500)])
                points = [(first - i * step, s.value()) for i in range(n)]
                s.r.shuffle(points)
            else:
                points = [(s.now - s.age() + s.r.choice([0, 0, 0, future]), s.value())
                          for _ in range(s.r.randrange(1, 40))]
                points += [(t, s.value()) for t, _ in points[:s.r.randrange(4)]]
            # Whisper writes a run longer than the archive and one into the next archive: only future points make one.
            ahead = max(max(t for t, _ in points) - s.now, 0)
            if ahead:
                points = [(t, v) for t, v in points if not 0 <= s.fine_span - (s.now - t) <= ahead + step]
            whisper.update_many(self.theirs, list(points), s.now)
            self.assertEqual(self.ours.batch('many', s.now, points), ['ok'])
            s.tick()
        self.assertEqual(points_of(self.mine), points_of(self.theirs))

    def stores(self, s):
        """In order and fresh: the product's write gives the points of update_many()."""
        now, step = s.now, s.archives[0][0]
        for _ in range(s.r.randrange(1, 30)):
            points = []
            for _ in range(s.r.choice([1, 1, 1, 2, 5])):
                now += s.r.choice([step, step, step, 1, 3 * step])
                points.append((now, s.value()))
            if now - points[0][0] + s.archives[1 % len(s.archives)][0] > s.fine_span:
                points = points[-1:]  # not fresh: newer points have taken the slots of its neighbours
            whisper.update_many(self.theirs, list(points), now)
            self.assertEqual(self.ours.batch('store', now, points), ['ok', str(len(points)), '0', '0'])
        s.now = now
        self.assertEqual(points_of(self.mine), points_of(self.theirs))

    def run_sequences(self, what, label):
        started, n = time.monotonic(), 0
        for i in range(SEQUENCES):
            seed = '%d/%s/%d' % (SEED, label, i)
            s = Sequence(seed)
            with self.subTest(seed=seed, archives=s.archives, aggregation=s.aggregation, xff=s.xff):
                self.begin(s)
                try:
                    what(s)
                finally:
                    self.end(s)
            n += 1
            if time.monotonic() - started > 4:  # a slow machine does fewer
                break
        print('seed %d: %d sequences of %s' % (SEED, n, label))

    def test_updates(self):
        self.run_sequences(self.updates, 'update')

    def test_batches(self):
        self.run_sequences(self.batches, 'update_many')

    def test_fresh_stores(self):
        self.run_sequences(self.stores, 'store')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])

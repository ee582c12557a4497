#!/usr/bin/python3
"""
A file of random points in other archives, beside Graphite's whisper-resize: whatever a reader finds in its file he finds in
ours, but for coarse values that it puts beside finer ones of the same time; what the old file holds at the same step is kept
to the bit, and nothing is lost that an archive reaches back to.
"""
import contextlib
import io
import os
import random
import runpy
import subprocess
import sys
import tempfile
import time

try:
    import whisper
except ImportError:
    print('skipped: no python3-whisper')
    sys.exit(77)
RESIZE = '/usr/bin/whisper-resize'
if not os.path.exists(RESIZE):
    print('skipped: no whisper-resize')
    sys.exit(77)

LAYOUTS = ['60:60 300:24 600:40 3600:30', '60:20 300:24 600:60', '60:600', '60:100 600:60', '300:40 900:60', '10:36 60:30 300:50',
           '60:30 120:40 360:50', '60:60 300:300', '60:20 300:12 1200:20']
METHODS = ['average', 'sum', 'last', 'max', 'min']


class Tool:
    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(' '.join(map(str, words)) + '\n')
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        assert answer and answer[0] == 'ok', (words, answer)
        return answer[1:]


def parse(layout):
    return [tuple(map(int, a.split(':'))) for a in layout.split()]


def archives(path, now):
    """For each archive what a reader finds in it: {step: {time: value}}."""
    found = {}
    for a in whisper.info(path)['archives']:
        (start, end, step), values = whisper.fetch(path, now - a['retention'], now, now)
        if step == a['secondsPerPoint']:
            found[step] = {t: v for t, v in zip(range(start, end, step), values) if v is not None}
    return found


def make(path, layout, method, xff, now, rng):
    whisper.create(path, parse(layout), xFilesFactor=xff, aggregationMethod=method)
    step = parse(layout)[0][0]
    reach = max(s * n for s, n in parse(layout))
    t, batch, holes = now - reach - 100, [], rng.choice((0, 0.1, 0.6))
    while t < now:
        t += step if rng.random() > 0.002 else step * rng.randrange(60)
        if rng.random() >= holes and t <= now:
            batch.append((t, rng.uniform(-100, 100)))
        if len(batch) > 50 or t >= now:
            if batch:
                # as they came, in the course of time
                whisper_time = batch[-1][0]
                whisper.update_many(path, batch, now=whisper_time)
            batch = []


def resize(old, new, layout):
    argv = sys.argv
    sys.argv = ['whisper-resize', old, *layout.split(), '--newfile', new]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(RESIZE, run_name='__main__')
    except SystemExit as e:
        assert not e.code, e.code
    finally:
        sys.argv = argv


def compare(old, theirs, ours, new, now, what):
    edge = 3700  # the clock went on while the other program worked: slots at the end of its reach may go
    for step, n in new:
        for t, v in theirs.get(step, {}).items():
            if t > now - step * n + edge:
                beside = any(p in points and any(u in ours[step] for u in range(t, p + s, step))
                             for s, points in old.items() if s > step for p in range(t, t + step))
                assert t in ours[step] or beside, (what, step, t, 'whisper-resize has %r there, we nothing' % v)
        if step in old:
            for t, v in old[step].items():
                if t > now - step * n + step:
                    assert ours[step].get(t) == v, (what, step, t, v, ours[step].get(t))
    # whatever was readable is covered by something that is
    reach = max(s * n for s, n in new)
    for s, points in old.items():
        for t in points:
            if t < now - reach + 2 * max(s for s, _ in new):  # fetch leaves the oldest slot out
                continue
            assert any(u in ours[step] for step, _ in new
                       for u in range(t - t % step, t + s, step)), (what, s, t, 'lost')


def main():
    tool = Tool(sys.argv[1])
    n_points = 0
    for seed in range(60):
        rng = random.Random(seed)
        with tempfile.TemporaryDirectory(prefix='whisper-resize-') as folder:
            layout, new = rng.choice(LAYOUTS), rng.choice(LAYOUTS)
            method, xff = rng.choice(METHODS), rng.choice((0.0, 0.5, 0.5, 1.0))
            what = (seed, layout, new, method, xff)
            old_path, their_path, our_path = ('%s/%s.wsp' % (folder, name) for name in ('old', 'theirs', 'ours'))
            now = int(time.time())
            make(old_path, layout, method, xff, now, rng)
            resize(old_path, their_path, new)
            tool.ask('open', old_path)
            n, lost = tool.ask('convert', our_path, now, METHODS.index(method) + 1, xff, *new.split())
            tool.ask('close')
            n_points += int(n)
            compare(archives(old_path, now), archives(their_path, now), archives(our_path, now), parse(new), now, what)
    tool.process.stdin.close()
    tool.process.wait()
    assert n_points > 5000
    print('%d points of 60 files, beside whisper-resize' % n_points)


if __name__ == '__main__':
    main()

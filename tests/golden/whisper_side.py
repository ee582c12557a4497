"""The library under test (a child process, see wsp_tool.c) and python-whisper behind the same calls."""
import os
import struct
import subprocess

import whisper

AGGREGATIONS = ['average', 'sum', 'last', 'max', 'min', 'avg_zero', 'absmax', 'absmin']


def bits(value):
    return struct.pack('>d', value).hex()


def value_of(text):
    return struct.unpack('>d', bytes.fromhex(text))[0]


class Ours:
    def __init__(self, tool):
        self.child = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.child.stdin.write(' '.join(str(w) for w in words) + '\n')
        self.child.stdin.flush()
        return self.child.stdout.readline().split()

    def must(self, *words):
        answer = self.ask(*words)
        if not answer or answer[0] != 'ok':
            raise AssertionError('%s: %s' % (words, answer))
        return answer[1:]

    def create(self, path, archives, xff, aggregation):
        self.must('create', path, AGGREGATIONS.index(aggregation) + 1, repr(xff), *['%d:%d' % tuple(a) for a in archives])

    def update(self, now, timestamp, value):
        return self.ask('update', now, timestamp, bits(value))[0]

    def batch(self, verb, now, points):
        words = [verb, now]
        for timestamp, value in points:
            words += [timestamp, bits(value)]
        return self.ask(*words)

    def fetch(self, start, until, now):
        answer = self.ask('fetch', start, until, now)
        if answer[0] != 'ok':
            return answer[0]
        start, step, n = (int(w) for w in answer[1:4])
        points = [(int(i), v) for i, v in zip(answer[4::2], answer[5::2])]
        return start, start + n * step, step, n, points

    def close(self):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


def reference_fetch(path, start, until, now):
    """whisper.fetch() in the shape of Ours.fetch()."""
    try:
        answer = whisper.fetch(path, start, until, now)
    except whisper.InvalidTimeInterval:
        return 'refused'
    if answer is None:
        return 'absent'
    (start, until, step), values = answer
    return start, until, step, len(values), [(i, bits(v)) for i, v in enumerate(values) if v is not None and v == v]


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def points_of(path):
    """Every used slot as (archive, timestamp, bits of the value)."""
    data, found = read(path), set()
    for number, archive in enumerate(whisper.info(path)['archives']):
        for i in range(archive['points']):
            at = archive['offset'] + 12 * i
            timestamp = struct.unpack_from('>L', data, at)[0]
            if timestamp:
                found.add((number, timestamp, data[at + 4:at + 12].hex()))
    return found


def remove(*paths):
    for path in paths:
        if os.path.exists(path):
            os.unlink(path)

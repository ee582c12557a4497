"""
Readers beside writers: while points come in, are flushed, settled and their journal segments retired, every reply holds
every point that was acknowledged before it was asked for, in every archive, and nothing that was not sent.
"""
import http.client
import json
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.wait import LONG, SLOW  # noqa: E402

STEPS = 1, 10, 60  # each joins slots of the one before; half of them must be known
REACH_S = 7200, 36000, 86400
DS, PLUGINS, AT_ONCE, READERS = 20, 4, 10, 3
LAST_S = 6000  # how far back the first point is


def raised(fine, step, coarse_step):
    """{slot: value} one archive further: averages of slots of which at least half are known."""
    known = {}
    for t in sorted(fine):
        known.setdefault(t // coarse_step * coarse_step, []).append(fine[t])
    return {t: sum(v) / len(v) for t, v in known.items() if 2 * len(v) >= coarse_step // step}


class Series:
    """What was sent, in order. One thread writes; readers look at the counts only before and after a question."""

    def __init__(self):
        self.sent_points, self.n_sent, self.n_acknowledged = [], 0, 0

    def state(self, n):
        """Every archive after the first n points."""
        archives = [dict(self.sent_points[:n])]
        for step, coarse in zip(STEPS, STEPS[1:]):
            archives.append(raised(archives[-1], step, coarse))
        return archives


class Reader(threading.Thread):
    def __init__(self, test, daemon, seed):
        super().__init__(daemon=True)
        self.test, self.dice, self.wrong, self.n_read, self.n_moving = test, random.Random(seed), None, 0, 0
        self.connection = http.client.HTTPConnection('127.0.0.1', daemon.port, timeout=20 * SLOW)

    def run(self):
        try:
            while not self.test.ending and self.wrong is None:
                self.read(*self.dice.choice(sorted(self.test.series)), self.dice.randrange(len(STEPS)))
        except Exception as e:  # pylint: disable=broad-except
            self.wrong = repr(e)

    def read(self, plugin, ds, archive):
        series = self.test.series[plugin, ds]
        first = self.test.t0 - 1 if archive == 0 else self.test.t0 - REACH_S[archive - 1]
        acknowledged = series.n_acknowledged
        self.connection.request('GET', '/numeter-storage/data?host=h&plugin=%s&ds=%s&from=%d' % (plugin, ds, first))
        reply = self.connection.getresponse()
        body = reply.read()
        sent = series.n_sent
        if reply.status == 404 and acknowledged == 0:
            return
        if reply.status != 200:
            raise AssertionError('%d %s' % (reply.status, body[:200]))
        reply = json.loads(body)
        assert reply['TS_step'] == STEPS[archive], reply['TS_step']
        got = {reply['TS_start'] + i * STEPS[archive]: v for i, v in enumerate(reply['DATAS'][ds]) if v is not None}
        self.n_read += 1
        self.n_moving += sent > acknowledged
        expected = None
        for n in range(acknowledged, sent + 1):
            state = series.state(n)[archive]
            expected = expected or state
            if state.keys() == got.keys() and all(abs(v - got[t]) < 1e-9 for t, v in state.items()):
                return
        self.wrong = '%s.%s, step %d, %d points acknowledged and %d sent: at (slot, expected, got) %r' % (
            plugin, ds, STEPS[archive], acknowledged, sent,
            [(t, expected.get(t), got.get(t)) for t in sorted(expected.keys() | got.keys())
             if expected.get(t) != got.get(t)][-20:])


class Readers(ServersCase):
    def post(self, daemon, dice):
        """The next stretch of a plugin's series, some of it corrected in the same or a later one."""
        plugin = dice.choice(self.plugins)
        begin = self.next_s[plugin]
        times = list(range(begin, begin + dice.randint(1, AT_ONCE)))
        self.next_s[plugin] += len(times)
        if dice.random() < 0.3:
            times += [dice.randrange(max(self.t0, begin - 120), times[-1] + 1) for _ in range(3)]
        messages = []
        for t in times:
            values = {ds: dice.randrange(1000) for ds in self.ds}
            messages.append({'hostid': 'h', 'type': 'data', 'plugin': plugin,
                             'message': {'TimeStamp': str(t), 'Plugin': plugin, 'Values': values}})
            for ds, value in values.items():
                self.series[plugin, ds].sent_points.append((t, value))
        for ds in self.ds:
            self.series[plugin, ds].n_sent += len(times)
        status, _, reply = daemon.post(messages)
        self.assertEqual((status, reply), (200, {'accepted': len(messages), 'rejected': []}))
        for ds in self.ds:
            self.series[plugin, ds].n_acknowledged += len(times)
        return len(times) * DS

    def hammer(self, **keys):
        self.t0, self.ending = (int(time.time()) - LAST_S) // 60 * 60, False
        self.plugins, self.ds = ['p%d' % i for i in range(PLUGINS)], ['d%d' % i for i in range(DS)]
        self.series = {(p, d): Series() for p in self.plugins for d in self.ds}
        self.next_s = {p: self.t0 for p in self.plugins}
        dice, n_points, n_flushes = random.Random(1), 0, 0
        archives = ', '.join('%d:%d' % (s, r // s) for s, r in zip(STEPS, REACH_S))
        keys = dict({'http_ingest': 'true', 'archives': archives, 'journal_max_bytes': '16M'}, **keys)
        with Daemon(self.folder, **keys) as daemon:
            segments = set(daemon.journal_path.glob('segment-*'))
            readers = [Reader(self, daemon, i) for i in range(READERS)]
            for r in readers:
                r.start()
            deadline = time.monotonic() + (60 if LONG else 5)
            while time.monotonic() < deadline and max(self.next_s.values()) < self.t0 + LAST_S - AT_ONCE:
                n_points += self.post(daemon, dice)
                if dice.random() < 0.05:
                    daemon.flush()
                    n_flushes += 1
            self.ending = True
            for r in readers:
                r.join()
            for r in readers:
                self.assertIsNone(r.wrong)
            self.ending = False
            for plugin, ds in sorted(self.series):  # the last word
                for archive in range(len(STEPS)):
                    readers[0].read(plugin, ds, archive)
                    self.assertIsNone(readers[0].wrong)
            for r in readers:
                r.connection.close()
            n_read, n_moving = sum(r.n_read for r in readers), sum(r.n_moving for r in readers)
            print('%d points, %d replies, %d of them while points of theirs were under way, %d flushes asked for' %
                  (n_points, n_read, n_moving, n_flushes))
            self.assertGreater(n_points, 2000)
            self.assertGreater(n_read, 100)
            self.assertGreater(n_moving, 0)
            self.assertGreater(n_flushes, 0)
            if 'coarse_delay_s' not in keys:
                self.assertFalse(segments & set(daemon.journal_path.glob('segment-*')), 'no segment was retired')

    def test_while_flushed_every_second(self):
        self.hammer(flush_interval_s=1)

    def test_while_coarse_archives_are_held_back(self):
        self.hammer(flush_interval_s=1, coarse_delay_s=3600)

    def test_while_coarse_archives_catch_up(self):
        self.hammer(flush_interval_s=1, coarse_delay_s=1)


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""The recorded REST requests of the original, asked again: equal as JSON wherever its reply is kept, our own status and
body wherever docs/spec/system.md decides otherwise. Same tree, same Redis content, same clock."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import main  # noqa: E402
from support.daemon import strict_json  # noqa: E402
from support.goldens import ARGS_ERROR, INTENDED, NOW, RestGoldenCase  # noqa: E402

try:
    import whisper
except ImportError:
    whisper = None


class RestGolden(RestGoldenCase):
    def test_replies_of_the_original(self):
        kept = []

        def check(name, golden, *reply):
            if not self.check_otherwise(name, *reply):
                self.check_kept(name, golden, *reply)
                kept.append(name)

        self.each(check, res_windows='original')
        self.assertEqual(len(kept), 41)

    def test_intended_windows(self):
        def check(name, golden, status, headers, body):
            if self.check_otherwise(name, status, headers, body):
                return
            if name not in INTENDED:
                self.check_kept(name, golden, status, headers, body)
                return
            step, count = INTENDED[name]
            self.assertEqual(status, 200)
            reply = strict_json(body)
            self.assertEqual(reply['TS_step'], step)
            self.assertEqual(reply['TS_start'] + (count - 1) * step, golden['now'] - golden['now'] % step)
            self.assertEqual({ds: len(v) for ds, v in reply['DATAS'].items()}, dict.fromkeys(reply['DATAS'], count))

        self.each(check)

    @unittest.skipIf(whisper is None, 'no python3-whisper on this machine')
    def test_every_window_as_whisper_reads_it(self):
        folder = self.wsp_path / '0c' / 'myhost-123456'
        windows = {'Daily': (86400, 60, 1440), 'Weekly': (604800, 300, 2016), 'Monthly': (2678400, 600, 4464),
                   'Yearly': (31622400, 3600, 8784)}
        with self.daemon(NOW) as daemon:
            for res, (window_s, step, count) in windows.items():
                for ds in ('load/load', 'if_eth0/down', 'memory/free', 'times/oldest'):
                    plugin, name = ds.split('/')
                    with self.subTest(res=res, ds=ds):
                        status, _, reply = daemon.get('data', host='myhost-123456', plugin=plugin, ds=name, res=res)
                        (start, end, whisper_step), values = whisper.fetch(
                            str(folder / plugin / (name + '.wsp')), NOW - window_s, NOW, now=NOW)
                        self.assertEqual((status, whisper_step, len(values)), (200, step, count))
                        self.assertEqual(reply, {'TS_start': start, 'TS_step': step, 'DATAS': {name: values}})
                        self.assertEqual(end - start, count * step)

    @unittest.skipIf(whisper is None, 'no python3-whisper on this machine')
    def test_from_and_until_as_whisper_reads_them(self):
        path = str(self.wsp_path / '0c' / 'myhost-123456' / 'load' / 'load.wsp')
        spans = [('-6h', None, NOW - 21600, NOW), ('-6h', '-3h', NOW - 21600, NOW - 10800),
                 ('-30min', 'now', NOW - 1800, NOW), ('-7d', None, NOW - 604800, NOW),
                 (str(NOW - 90000), str(NOW - 80000), NOW - 90000, NOW - 80000), ('now', 'now', NOW, NOW),
                 ('0', None, 0, NOW), ('-3h', '9999999999', NOW - 10800, NOW),
                 (' -10min ', None, NOW - 600, NOW)]
        with self.daemon(NOW) as daemon:
            for from_, until, from_s, until_s in spans:
                with self.subTest(from_=from_, until=until):
                    asked = {'from_': from_} if until is None else {'from_': from_, 'until': until}
                    status, _, reply = daemon.get('data', host='myhost-123456', plugin='load', ds='load', **asked)
                    (start, _, step), values = whisper.fetch(path, from_s, until_s, now=NOW)
                    self.assertEqual((status, reply),
                                     (200, {'TS_start': start, 'TS_step': step, 'DATAS': {'load': values}}))

    def test_spans_that_cannot_be_read(self):
        with self.daemon(NOW) as daemon:
            for asked in ({'from_': '-1h', 'until': '-2h'}, {'from_': 'yesterday'}, {'from_': ''}, {'until': 'now'},
                          {'from_': '-1h', 'res': 'Daily'}, {'from_': str(NOW + 60)}):
                with self.subTest(asked=asked):
                    status, _, reply = daemon.get('data', host='myhost-123456', plugin='load', ds='load', **asked)
                    self.assertEqual((status, reply['error']), (400, ARGS_ERROR))


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""A host moved to another storage by `export` and `import host`: running, stopped, killed in the middle; hostile tars."""
import gzip
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import numeterctl as ctl, wspfile  # noqa: E402
from support.case import ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.wait import wait_until  # noqa: E402

HOST = 'my "host" é'
DS = ['five', 'a b', 'ünï', unicodedata.normalize('NFD', 'é'), 'x' * 251, '.hidden']
MYINFO = {'Plugin': 'MyInfo', 'ID': HOST, 'Name': HOST, 'Description': 'rack 7', 'more': [1, {'a': None}]}
INFO = '{"Plugin": "load",  "Title": "Löad", "Base": "1000", "Infos": {"five": {"id": "five", "label": "\\u0035"}}}'


def count(daemon):
    return sum(1 for _ in daemon.wsp_path.glob('[!.]*/*/*/*.wsp'))


def tree(daemon):
    """{path below its host's folder: what is in it} of all .wsp files."""
    return {'/'.join(p.parts[-3:]): wspfile.read(p) for p in daemon.wsp_path.glob('[!.]*/**/*.wsp')}


class Export(ServersCase):
    maxDiff = 2000

    def daemon(self, name, **keys):
        (self.folder / name).mkdir()
        return Daemon(self.folder / name, http_ingest='true', **keys)

    def fill(self, d, host=HOST, ds=DS, n=40, plugins=('load', 'other')):
        self.now = int(time.time())
        messages = [{'hostid': host, 'type': 'info', 'message': dict(MYINFO, ID=host, Name=host)},
                    {'hostid': host, 'type': 'info', 'message': INFO},
                    {'hostid': host, 'type': 'info', 'message': {'Plugin': 'silent', 'Infos': {'x': {'id': 'x'}}}}]
        messages += [{'hostid': host, 'type': 'data', 'plugin': plugin,
                      'message': {'TimeStamp': self.now - 60 * i, 'Values': {name: i + k for k, name in enumerate(ds)}}}
                     for plugin in plugins for i in range(n)]
        status, _, reply = d.post(messages)
        self.assertEqual((status, reply['rejected']), (200, []))

    def shown(self, d, host=HOST):
        """All that the REST API shows of a host, but for what hangs on the clock."""
        infos = d.get('list', host=host)[2]
        return (d.get('hosts')[2][host], infos,
                {plugin: d.data(host, plugin, list(info['Infos'])) for plugin, info in infos.items()
                 if plugin != 'silent'})

    def assert_same(self, got, want, host=HOST):
        self.assertEqual(got[1], want[1])
        for plugin, values in want[2].items():
            for ds, points in values.items():
                shared = set(points) & set(got[2][plugin][ds])
                self.assertGreaterEqual(len(shared), len(points) - 2)  # the clock goes on
                self.assertEqual({t: points[t] for t in shared}, {t: got[2][plugin][ds][t] for t in shared})
        self.assertEqual(got[0], dict(MYINFO, ID=host, Name=host, hostIDHash=got[0]['hostIDHash'],
                                      HostIDFiltredName=got[0]['HostIDFiltredName']))

    def test_running_and_stopped(self):
        tar = self.folder / 'host.tar'
        with self.daemon('a') as a:
            self.fill(a)
            want = self.shown(a)
            account = ctl.account(a, 'export', HOST, tar)  # what waits in the cache comes too
            self.assertEqual(account['files'], 12)
            files = tree(a)
            status, out, err = ctl.run(a, 'export', HOST, '-')
            self.assertEqual((status, len(out) > 1 << 20), (0, True), err)
            self.assertIn('12 files', err)
            self.assertEqual(ctl.account(a, 'export', '--without-values', HOST, self.folder / 'bare.tar')['files'], 0)
            status, _, err = ctl.run(a, 'export', 'unknown', self.folder / 'no.tar')
            self.assertEqual((status, err), (1, 'numeterctl: no such host\n'))
        self.assertEqual(sorted(p.name for p in self.folder.glob('*.tar*')), ['bare.tar', 'host.tar'])
        names = subprocess.run(['tar', 'tf', tar], capture_output=True, text=True, check=True)
        self.assertEqual((names.stderr, names.stdout.splitlines()[0]), ('', 'manifest.json'))
        status, stopped, _ = ctl.run(a, 'export', HOST)  # nobody runs
        self.assertEqual(status, 0)
        with self.daemon('b') as b:
            answer = ctl.account(b, 'import', 'host', tar)
            self.assertEqual((answer['new'], answer['infos'], answer['skipped']), (12, 2, []))
            self.assert_same(self.shown(b), want)
            self.assertEqual(tree(b), files)
            self.assertEqual(b.request('GET', '/numeter-storage/info?host=my+%22host%22+%C3%A9&plugin=load')[2].decode(),
                             INFO)
            answer = ctl.account(b, 'import', 'host', '-', '--as', 'h2', stdin=gzip.compress(stopped))
            self.assertEqual((answer['new'], answer['skipped']), (12, []))
            self.assert_same(self.shown(b, 'h2'), want, 'h2')
            answer = ctl.account(b, 'import', 'host', self.folder / 'bare.tar', '--as', 'h3')
            self.assertEqual((answer['new'], answer['infos'], sorted(b.get('list', host='h3')[2])), (0, 2, ['load', 'silent']))
        c = self.daemon('c')
        self.assertEqual(ctl.account(c, 'import', 'host', tar)['new'], 12)  # no daemon ever ran there
        with c:
            self.assert_same(self.shown(c), want)

    def test_what_is_there_counts_more_unless_it_is_replaced(self):
        with self.daemon('a') as a, self.daemon('b') as b:
            self.fill(a, n=30)
            tar = self.folder / 'host.tar'
            ctl.account(a, 'export', HOST, tar)
            slot = self.now - self.now % 60
            b.post([{'hostid': HOST, 'type': 'info', 'message': dict(MYINFO, Description='mine')},
                    {'hostid': HOST, 'type': 'data', 'plugin': 'load', 'message': {'TimeStamp': slot, 'Values': {'five': -1}}},
                    {'hostid': HOST, 'type': 'data', 'plugin': 'load',
                     'message': {'TimeStamp': slot - 6000, 'Values': {'five': -2}}}])
            answer = ctl.account(b, 'import', 'host', tar)
            self.assertEqual((answer['new'], answer['filled']), (11, 1))
            five = b.data(HOST, 'load', ['five'])['five']
            self.assertEqual((five[slot], five[slot - 60], five[slot - slot % 60 - 6000]), (-1, 1, -2))
            self.assertEqual(b.get('hosts')[2][HOST]['Description'], 'mine')
            self.assertEqual(b.get('info', host=HOST, plugin='load')[2]['Title'], 'Löad')  # in the place of a made-up one
            answer = ctl.account(b, 'import', 'host', tar, '--replace')
            self.assertEqual(answer['replaced'], 12)
            five = b.data(HOST, 'load', ['five'])['five']
            self.assertEqual((five[slot], five[slot - 60], five[slot - 6000]), (0, 1, -2))
            self.assertEqual(b.get('hosts')[2][HOST]['Description'], 'rack 7')

    def test_killed_in_the_middle_and_begun_again(self):
        tar = self.folder / 'host.tar'
        ds = ['d%03d' % i for i in range(40)]
        with self.daemon('a', sections='[archives all]\narchives = 60:1440\n') as a:
            self.fill(a, ds=ds, n=5, plugins=['p%d' % i for i in range(3)])
            ctl.account(a, 'export', HOST, tar)
            files = tree(a)
        self.assertEqual(len(files), 120)
        b = self.daemon('b', sections='[archives all]\narchives = 60:720\n')
        with b:
            b.post({'hostid': HOST, 'type': 'data', 'plugin': 'p0', 'message': {'TimeStamp': self.now, 'Values': {'d000': 77}}})
            n_before = 0
            for round in range(2):
                child = subprocess.Popen([os.environ['NUMETERCTL'], '-c', b.config_path, 'import', 'host', tar, '--rate', '400'],
                                         stdout=subprocess.DEVNULL)
                wait_until(lambda: count(b) > n_before or child.poll() is not None, 30, 'some files are there')
                if round % 2 == 0:
                    child.send_signal(signal.SIGKILL)
                else:
                    b.kill9()
                child.wait(30)
                n_before = count(b)
                if round % 2 == 1:
                    b.start()
            answer = ctl.account(b, 'import', 'host', tar)
            self.assertEqual(answer['new'] + answer['filled'], 120)
            self.assertEqual([p.name for p in (b.wsp_path / '.import').iterdir()], ['.lock'])
            b.flush()
            got = tree(b)
            self.assertEqual(sorted(got), sorted(files))
            name = next(n for n in files if n.endswith('p0/d000.wsp'))
            self.assertEqual(got.pop(name)[2][0][2][self.now - self.now % 60], 77)
            self.assertEqual(got, {n: f for n, f in files.items() if n != name})

    def test_two_exports_to_one_file(self):
        tar, part = self.folder / 'host.tar', self.folder / 'host.tar.part'
        with self.daemon('a') as a:
            self.fill(a, n=1)
            part.write_bytes(b'of somebody else')
            children = [subprocess.Popen([os.environ['NUMETERCTL'], '-c', a.config_path, 'export', HOST, tar],
                                         stdout=subprocess.DEVNULL) for _ in range(5)]
            self.assertEqual([child.wait(30) for child in children], [0] * 5)
            self.assertEqual(part.read_bytes(), b'of somebody else')
            self.assertEqual([m.name for m, _ in self.members(tar.read_bytes())][-1], 'end.json')
            self.assertEqual(ctl.run(a, 'export', 'nobody', tar)[0], 1)
            self.assertEqual(sorted(self.folder.glob('host.tar*')), [tar, part])

    def test_two_at_once(self):
        with self.daemon('a') as a:
            self.fill(a, n=1)
            tar = self.folder / 'host.tar'
            ctl.account(a, 'export', HOST, tar)
            child = subprocess.Popen([os.environ['NUMETERCTL'], '-c', a.config_path, 'import', 'host', '-'],
                                     stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            wait_until(lambda: (a.wsp_path / '.import/.lock').exists(), 20, 'the first has begun')
            wait_until(lambda: (a.wsp_path / '.import/.lock').read_text().strip() == str(child.pid), 20, 'it has the lock')
            status, _, err = ctl.run(a, 'import', 'host', tar)
            self.assertEqual(status, 2)
            self.assertIn(str(child.pid), err)
            child.communicate(tar.read_bytes())
            self.assertEqual(child.returncode, 0)

    # ---- tars that nobody should believe

    def members(self, data):
        with tarfile.open(fileobj=io.BytesIO(data)) as t:
            return [(m, t.extractfile(m).read() if m.isfile() else b'') for m in t.getmembers()]

    def pack(self, members):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode='w', format=tarfile.GNU_FORMAT) as t:
            for m, content in members:
                t.addfile(m, io.BytesIO(content))
        return out.getvalue()

    def member(self, name, content=b'', **attributes):
        m = tarfile.TarInfo(name)
        m.size = len(content)
        for key, value in attributes.items():
            setattr(m, key, value)
        return m, content

    def test_hostile_tars(self):
        with self.daemon('a') as a:
            self.fill(a, n=3, ds=['five'])
            _, good, _ = ctl.run(a, 'export', HOST)
        manifest, metadata, *files, end = self.members(good)
        self.assertEqual([m.name for m, _ in (manifest, metadata, end)], ['manifest.json', 'metadata.json', 'end.json'])
        wsp = files[0][1]
        evil = {
            'dots': self.member('wsp/../../../evil.wsp', wsp), 'up': self.member('../evil.wsp', wsp),
            'dots as a name': self.member('wsp/../x.wsp', wsp), 'deeper': self.member('wsp/a/b/c.wsp', wsp),
            'absolute': self.member('/evil.wsp', wsp), 'no plugin': self.member('wsp/x.wsp', wsp),
            'another file': self.member('wsp/p/x.txt', wsp), 'top': self.member('x.wsp', wsp),
            'control': self.member('wsp/p/a\nb.wsp', wsp), 'not utf-8': self.member('wsp/p/\udcff.wsp', wsp),
            'link': self.member('wsp/p/x.wsp', type=tarfile.SYMTYPE, linkname='/etc/passwd'),
            'hard link': self.member('wsp/p/x.wsp', type=tarfile.LNKTYPE, linkname='manifest.json'),
            'device': self.member('wsp/p/x.wsp', type=tarfile.CHRTYPE, devmajor=1, devminor=3),
            'pipe': self.member('wsp/p/x.wsp', type=tarfile.FIFOTYPE),
            'folder': self.member('wsp/p', type=tarfile.DIRTYPE),
            'second metadata': metadata, 'second manifest': manifest,
        }
        cases = {name: self.pack([manifest, metadata, *files, one, end]) for name, one in evil.items()}

        def said(**changes):
            return self.member('manifest.json', json.dumps(dict(json.loads(manifest[1]), **changes)).encode())

        for name, changed in (('version', said(version=2)), ('format', said(format='x')), ('host', said(host='a\n')),
                              ('host type', said(host=3)), ('noise', self.member('manifest.json', b'\xff{')),
                              ('large', self.member('manifest.json', b' ' * 70000))):
            cases['manifest ' + name] = self.pack([changed, metadata, *files, end])
        for name, content in (('noise', b'x'), ('list', b'[]'), ('infos', b'{"infos": {"p": 3}}')):
            cases['metadata ' + name] = self.pack([manifest, self.member('metadata.json', content), *files, end])
        cases['no manifest'] = self.pack([metadata, *files, end])
        cases['no metadata'] = self.pack([manifest, *files, end])
        cases['no end'] = self.pack([manifest, metadata, *files])
        cases['behind the end'] = self.pack([manifest, metadata, *files, end, files[0]])
        cases['fewer files'] = self.pack([manifest, metadata, files[0], end])
        cases['nothing'] = b''
        cases['noise'] = os.urandom(10000)
        cases['noise in gzip'] = gzip.compress(os.urandom(100000))
        cases['torn gzip'] = gzip.compress(good)[:-2000]
        for at in range(0, len(good.rstrip(b'\0')), 97 * 512):
            cases['cut at %d' % at] = good[:at]
        huge, _ = self.member('wsp/p/x.wsp')
        huge.size = 1 << 33
        cases['huge'] = self.pack([manifest, metadata])[:-1024 * 10].rstrip(b'\0')[:3072] + huge.tobuf() + wsp
        with self.daemon('b') as b:
            for name, data in cases.items():
                with self.subTest(name):
                    status, out, err = ctl.run(b, 'import', 'host', '-', stdin=data)
                    self.assertEqual((status, out), (2, b''), err)
            self.assertEqual((tree(b), b.get('hosts')[2]), ({}, {}))
            self.assertEqual([p.name for p in (b.wsp_path / '.import').iterdir()], ['.lock'])
            # a file that is none is left out alone
            bad = [(files[0][0], wsp[:-1000] + b'x' * 0), *files[1:]]
            bad[0][0].size = len(bad[0][1])
            answer = ctl.account(b, 'import', 'host', '-', status=1, stdin=self.pack([manifest, metadata, *bad, end]))
            self.assertEqual((answer['new'], len(answer['skipped'])), (1, 1))

    def test_a_small_tar_of_much(self):
        """It ends while there is room left: on a disk of 100 MiB, with 300 MiB of zeros that gzip made small."""
        if subprocess.run(['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /run'], capture_output=True).returncode != 0:
            self.skipTest('no mount namespace')
        with self.daemon('a') as a:
            self.fill(a, n=1, ds=['five'])
            _, good, _ = ctl.run(a, 'export', HOST)
        manifest, metadata, *_, end = self.members(good)
        b = self.daemon('b')
        os.makedirs(b.wsp_path)
        for name, entries in (('one', [self.member('wsp/p/x.wsp', bytes(300 << 20))]),
                              ('many', [self.member('wsp/p/x%d.wsp' % i, bytes(1 << 20)) for i in range(300)])):
            with self.subTest(name):
                tar = gzip.compress(self.pack([manifest, metadata, *entries, end]), 1)
                self.assertLess(len(tar), 3 << 20)
                done = subprocess.run(['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=100m none "$1"; shift; "$@"',
                                       'sh', b.wsp_path, os.environ['NUMETERCTL'], '-c', b.config_path, 'import', 'host', '-'],
                                      input=tar, capture_output=True, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (2, b''), done.stderr)
                self.assertRegex(done.stderr.decode(), r': wsp/p/x\d*\.wsp: \d+ MiB are free .*, 64 are to stay so\n\Z')

    def test_wrong_usage(self):
        d = self.daemon('a')
        for args, why in ((['import', 'host', self.folder / 'no.tar'], 'No such file'), (['import', 'host'], 'expected'),
                          (['import', 'host', '-', '--as', '..'], '--as'), (['import', 'host', '-', '--dry-run'], 'no --dry-run'),
                          (['export', 'h', '/nowhere/x.tar'], '/nowhere/x.tar.part'), (['export'], 'expected HOST')):
            status, _, err = ctl.run(d, *args)
            self.assertEqual(status, 2, err)
            self.assertIn(why, err)


if __name__ == '__main__':
    main()

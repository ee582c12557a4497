#!/usr/bin/python3
"""The examples for nginx and uWSGI as they are shipped, but for their ports: every recorded REST request of the original
through them is answered as by the daemon itself."""
import http.client
import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ROOT, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.goldens import NOW, RestGoldenCase  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.program import _die_with_parent  # noqa: E402
from support.wait import wait_until  # noqa: E402

NGINX = shutil.which('nginx', path='/usr/sbin:/usr/bin')
UWSGI = shutil.which('uwsgi', path='/usr/bin')
APACHE = shutil.which('apache2', path='/usr/sbin')

AROUND = """\
daemon off; pid %(folder)s/nginx.pid; error_log %(folder)s/nginx.log warn;
events {}
http {
    access_log off;
    client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p; fastcgi_temp_path %(folder)s/f;
    uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
    include %(folder)s/site;
}
"""

UWSGI_SITE = """\
server {
    listen 8080;
    location / { include /etc/nginx/uwsgi_params; uwsgi_pass 127.0.0.1:3031; }
}
"""


class Proxies(RestGoldenCase):
    def setUp(self):
        super().setUp()
        self.inner, self.outer = free_port(), free_port()

    def daemon(self, now, **keys):
        d = super().daemon(now, http_listen='127.0.0.1:%d' % self.inner, **keys)
        d.port = self.inner
        return d

    def ask(self, daemon, request):
        daemon.port = self.outer
        try:
            return super().ask(daemon, request)
        finally:
            daemon.port = self.inner

    def child(self, *command):
        process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=open(self.folder / 'child.log', 'ab'), preexec_fn=_die_with_parent)
        self.addCleanup(process.wait, 10)
        self.addCleanup(process.terminate)
        return process

    def answers(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.outer, timeout=5)
        try:
            connection.request('GET', '/numeter-storage/')
            return connection.getresponse().status in (200, 502, 503)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def nginx(self, site):
        site = re.sub(r'listen \[::\]:\d+;', '', site)
        site = site.replace('listen 8080;', 'listen 127.0.0.1:%d;' % self.outer)
        self.assertIn(str(self.outer), site)
        (self.folder / 'site').write_text(site)
        (self.folder / 'nginx.conf').write_text(AROUND % {'folder': self.folder})
        checked = subprocess.run([NGINX, '-t', '-c', str(self.folder / 'nginx.conf'), '-p', str(self.folder)],
                                 capture_output=True, text=True)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.child(NGINX, '-c', self.folder / 'nginx.conf', '-p', self.folder)
        wait_until(self.answers, 20, lambda: 'nginx answers')

    def goldens_pass(self):
        kept = []

        def check(name, golden, *reply):
            if not self.check_otherwise(name, *reply):
                self.check_kept(name, golden, *reply)
                kept.append(name)

        self.each(check, res_windows='original')
        self.assertEqual(len(kept), 41)

    @unittest.skipIf(NGINX is None, 'no nginx on this machine')
    def test_nginx_with_proxy_pass(self):
        example = (ROOT / 'packaging/nginx/numeter-storage-web.nginx.example').read_text()
        self.nginx(example.replace('127.0.0.1:8081', '127.0.0.1:%d' % self.inner))
        self.goldens_pass()
        daemon = Daemon(self.folder, http_listen='127.0.0.1:%d' % self.inner, http_ingest='true', now=NOW)
        daemon.port = self.inner
        with daemon as d:
            d.port = self.outer
            status, _, account = d.post([{'hostid': 'by-nginx', 'type': 'data', 'plugin': 'p',
                                          'message': {'TimeStamp': NOW, 'Values': {'a': 1}}}])
            self.assertEqual((status, account), (200, {'accepted': 1, 'rejected': []}))
            status, headers, body = d.request('GET', '/numeter-storage/ui/')
            self.assertEqual((status, headers['content-type']), (200, 'text/html; charset=utf-8'))
            self.assertIn("default-src", headers['content-security-policy'])
            status, headers, _ = d.request('GET', '/')
            self.assertEqual(status, 302)
            self.assertTrue(headers['location'].endswith('/numeter-storage/ui/'))

    @unittest.skipIf(NGINX is None or UWSGI is None, 'no nginx or uWSGI on this machine')
    def test_nginx_with_uwsgi_pass(self):
        port = free_port()
        example = (ROOT / 'packaging/uwsgi/numeter-storage-uwsgi.ini.example').read_text()
        ini = example.replace('127.0.0.1:3031', '127.0.0.1:%d' % port).replace('127.0.0.1:8081',
                                                                             '127.0.0.1:%d' % self.inner)
        (self.folder / 'app.ini').write_text(ini)
        self.child(UWSGI, '--ini', self.folder / 'app.ini', '--die-on-term')
        self.nginx(UWSGI_SITE.replace('127.0.0.1:3031', '127.0.0.1:%d' % port))
        self.goldens_pass()

    @unittest.skipIf(APACHE is None, 'no apache2 on this machine')
    def test_apache(self):
        example = (ROOT / 'packaging/apache2/numeter-storage-web.apache2.example').read_text()
        site = example.replace('Listen 8080', 'Listen 127.0.0.1:%d' % self.outer).replace('*:8080', '*:%d' % self.outer)
        site = site.replace('127.0.0.1:8081', '127.0.0.1:%d' % self.inner)
        modules = '/usr/lib/apache2/modules'
        load = ''.join('LoadModule %s_module %s/mod_%s.so\n' % (m, modules, m)
                       for m in ('mpm_event', 'authz_core', 'proxy', 'proxy_http', 'alias'))
        (self.folder / 'apache.conf').write_text(
            'ServerRoot %s\nServerName localhost\nPidFile %s/a.pid\nErrorLog %s/a.log\nMutex file:%s\n%s%s'
            % (self.folder, self.folder, self.folder, self.folder, load, site))
        os.chmod(self.folder, 0o755)
        self.child(APACHE, '-D', 'FOREGROUND', '-f', self.folder / 'apache.conf')
        wait_until(lambda: self.answers() or None, 20, lambda: 'apache answers: ' + (self.folder / 'a.log').read_text())
        with self.daemon(NOW) as d:
            for name in ('004', '010', '017'):
                golden = self.goldens[name]
                self.check_kept(name, golden, *self.ask(d, golden['request']))


if __name__ == '__main__':
    main()

#!/usr/bin/python3
"""The page of graphs in a browser, on a true daemon: each *.test.mjs beside this file is a test, run by node against
what page_data.py sends. Screenshots stay in E2E_FOLDER/shots."""
import gzip
import http.server
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.case import ROOT, ServersCase, main  # noqa: E402
from support.daemon import Daemon  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.wait import wait_until  # noqa: E402
import page_data  # noqa: E402
from modules import need_browser, run_node  # noqa: E402

NGINX = shutil.which('nginx', path='/usr/sbin:/usr/bin')
MOST_BYTES = 120 * 1024  # of the whole page, packed

NGINX_CONFIG = '''
daemon off; master_process off; pid %(folder)s/nginx.pid; error_log %(folder)s/nginx.log warn;
events { worker_connections 256; }
http {
    access_log off; client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
    server {
        listen 127.0.0.1:%(port)d;
        location /monitor/numeter-storage/ { proxy_pass http://127.0.0.1:%(daemon)d/numeter-storage/; proxy_redirect default; }
    }
}
'''


class Steering(http.server.BaseHTTPRequestHandler):
    """POST /stop and /start: what a test may do to the second daemon."""

    def do_POST(self):
        getattr(self.server.daemon_under_test, self.path.strip('/'))()
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Page(ServersCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        modules, cls.shots = need_browser()
        os.chmod(cls.folder, 0o755)
        cls.daemon = cls.enterClassContext(cls.started('full'))
        now = int(time.time())
        page_data.fill(cls.daemon, now)
        cls.environment = dict(
            os.environ, E2E_MODULES=str(modules), E2E_SHOTS=str(cls.shots), E2E_NOW=str(now),
            E2E_PAGE='http://127.0.0.1:%d/numeter-storage/ui/' % cls.daemon.port)

    @classmethod
    def started(cls, name, **keys):
        folder = cls.folder / name
        folder.mkdir()
        return Daemon(folder, http_ingest='true', sections=page_data.SECTIONS, **keys)

    def run_node(self, name, **environment):
        run_node(self, name, dict(self.environment, **environment))

    def test_view(self):
        self.run_node('view.test.mjs')

    def test_range(self):
        self.run_node('range.test.mjs')

    def test_legend(self):
        self.run_node('legend.test.mjs')

    def test_many(self):
        self.run_node('many.test.mjs')

    def test_shots(self):
        self.run_node('shots.test.mjs')

    def test_away(self):
        sections = page_data.SECTIONS.replace('fast-1', 'first')
        folder = self.folder / 'away'
        folder.mkdir()
        with Daemon(folder, http_ingest='true', sections=sections) as daemon:
            steering = http.server.HTTPServer(('127.0.0.1', 0), Steering)
            steering.daemon_under_test = daemon
            thread = threading.Thread(target=steering.serve_forever)
            thread.start()
            try:
                self.run_node('away.test.mjs', E2E_AWAY_PAGE='http://127.0.0.1:%d/numeter-storage/ui/' % daemon.port,
                              E2E_STEER='http://127.0.0.1:%d' % steering.server_port)
            finally:
                daemon.stop()  # before the thread that started it anew: it dies with that
                steering.shutdown()
                thread.join()
                steering.server_close()

    @unittest.skipIf(NGINX is None, 'no nginx on this machine')
    def test_prefix(self):
        port = free_port()
        config = self.folder / 'nginx.conf'
        config.write_text(NGINX_CONFIG % {'folder': self.folder, 'port': port, 'daemon': self.daemon.port})
        nginx = subprocess.Popen([NGINX, '-c', str(config), '-p', str(self.folder)], stderr=subprocess.DEVNULL)
        try:
            page = 'http://127.0.0.1:%d/monitor/numeter-storage/ui/' % port
            wait_until(lambda: subprocess.run(['curl', '-sf', '-o', '/dev/null', page]).returncode == 0, 10, 'nginx answers')
            self.run_node('prefix.test.mjs', E2E_PREFIX_PAGE=page)
        finally:
            nginx.terminate()
            nginx.wait(timeout=10)

    def test_size(self):
        """All files of the page, packed as they go over the wire."""
        names = [p.name for p in (ROOT / 'web').iterdir() if p.suffix in ('.js', '.css', '.html', '.svg')] + ['dygraph.min.js']
        sizes = {}
        for name in names:
            status, headers, body = self.daemon.request('GET', '/numeter-storage/ui/' + name, headers={'Accept-Encoding': 'gzip'})
            self.assertEqual(status, 200, '%s is in web/ but not served: see web/meson.build' % name)
            if headers.get('content-encoding') == 'gzip':
                gzip.decompress(body)
            sizes[name] = len(body)
        print('page: %d files, %d bytes packed (at most %d)' % (len(sizes), sum(sizes.values()), MOST_BYTES), file=sys.stderr)
        self.assertLessEqual(sum(sizes.values()), MOST_BYTES, sizes)


if __name__ == '__main__':
    main()

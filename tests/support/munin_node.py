"""Nodes to poll: a real munin-node as a child, and a scripted one that misbehaves as told."""
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
from pathlib import Path

from .program import _die_with_parent
from .ports import free_port
from .wait import wait_until

MUNIN_NODE = shutil.which('munin-node', path='/usr/sbin:/usr/bin')


class MuninNode:
    """A real one with the plugins of /etc/munin/plugins, on a port of its own; everything else lies in folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.port = free_port()
        self.process = None
        self.config_path = self.folder / 'munin-node.conf'
        user = 'root' if os.geteuid() == 0 else str(os.geteuid())
        self.config_path.write_text(
            'log_level 4\nlog_file %s/munin-node.log\npid_file %s/munin-node.pid\nbackground 0\nsetsid 0\n'
            'user %s\ngroup %s\nhost_name testnode\nallow ^127\\.0\\.0\\.1$\nhost 127.0.0.1\nport %d\ntimeout 20\n'
            % (self.folder, self.folder, user, 'root' if user == 'root' else str(os.getegid()), self.port))

    def start(self):
        with open(self.folder / 'munin-node.out', 'ab') as out:
            self.process = subprocess.Popen([MUNIN_NODE, '--config', str(self.config_path)], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, start_new_session=True,
                                            preexec_fn=_die_with_parent)
        wait_until(self._answers, 20, lambda: 'munin-node answers: ' + (self.folder / 'munin-node.out').read_text())
        return self

    def _answers(self):
        try:
            with socket.create_connection(('127.0.0.1', self.port), timeout=5) as s:
                return s.recv(20).startswith(b'# munin node')
        except OSError:
            return False

    def stop(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        process.wait(20)

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.stop()


class ScriptedNode:
    """
    plugins     {name: {'config': answer, 'fetch': answer}}; an answer is text without the dot at its end, bytes that
                are sent as they are, or a function (node, socket) that does what it likes; it closes by raising Close
    version     what it says to `version`: b'' for nothing, None to close
    .asked      ["config cpu", …] in order, `connect` for each connection; without `version`
    """

    class Close(Exception):
        pass

    def __init__(self, plugins, banner=b'# munin node at scripted\n', capabilities=b'cap multigraph dirtyconfig\n',
                 version=b'munins node on scripted version: 2.0.73\n'):
        self.plugins, self.banner, self.capabilities, self.version = plugins, banner, capabilities, version
        self.asked = []
        self.ended = threading.Event()
        node = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    node.serve(self.rfile, self.request)
                except (ScriptedNode.Close, OSError):
                    pass

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.port = free_port()
        self.server = Server(('127.0.0.1', self.port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)

    def serve(self, lines, connection):
        self.asked.append('connect')
        connection.sendall(self.banner)
        for line in lines:
            command = line.decode(errors='replace').strip()
            if command == 'quit':
                return
            if command == 'version':
                if self.version is None:
                    return
                connection.sendall(self.version)
                continue
            self.asked.append(command)
            self.say(connection, command)

    def say(self, connection, command):
        verb, _, name = command.partition(' ')
        if verb == 'cap':
            connection.sendall(self.capabilities)
        elif verb == 'list':
            connection.sendall(' '.join(self.plugins).encode() + b'\n')
        elif name in self.plugins and verb in self.plugins[name]:
            answer = self.plugins[name][verb]
            if callable(answer):
                answer = answer(self, connection)
            connection.sendall(answer if isinstance(answer, bytes) else (answer.rstrip('\n') + '\n.\n').encode())
        else:
            connection.sendall(b'# Unknown service\n.\n')

    def stall(self, connection):
        """An answer that never comes."""
        self.ended.wait(600)
        raise ScriptedNode.Close

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

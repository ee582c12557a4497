"""The programs of the demo as child processes on loopback, everything they write below one folder."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

SOCKET_MAX = 107  # bytes of a Unix socket's path

STORAGE_CONFIG = """\
; Written by ./dev run; made anew each time.
[global]
enable = true
log_level = info
log_level_stdr = warning
log_path = {run}/numeter-storage.log
user = {user}
rpc_hosts =
metadata = sqlite:{run}/metadata.sqlite
wsp_path = {run}/wsps
rejected_path = {run}/rejected
journal_path = {run}/journal
control_socket = {socket}
http_listen = 127.0.0.1:{port}
http_ingest = true
self_metrics = true

; this machine, measured every 10 seconds
[archives live]
host = {host_id}
archives = 10s:1d, 1min:7d, 10min:32d, 1h:366d

; the storage itself
[archives self]
host = *.numeter-storage
archives = 10s:1d, 1min:7d, 10min:32d, 1h:366d
"""

POLLER_CONFIG = """\
; Written by ./dev run; made anew each time.
[global]
enable = true
user = root
group = root
log_level = info
log_level_stdr = error
log_path = {run}/numeter-poller.log
poller_time = 10
plugins_refresh_time = 60
storage_url = http://127.0.0.1:{port}/numeter-storage/ingest
spool_path = {run}/poller/spool

[MuninModule]
munin_host = 127.0.0.1
munin_port = {munin_port}

[MyInfo]
name = {name}
description = this machine, live
host_id = {host_id}
"""

NODE_CONFIG = """\
log_level 4
log_file {folder}/munin-node.log
pid_file {folder}/munin-node.pid
background 0
setsid 0
user {user}
group {group}
host_name {name}
allow ^127\\.0\\.0\\.1$
host 127.0.0.1
port {port}
timeout 10
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Program:
    """A child in a session of its own: Ctrl-C reaches the script alone, which then ends its children in order."""
    name = None

    def start(self, arguments, **options):
        self.process = subprocess.Popen(arguments, start_new_session=True, stdin=subprocess.DEVNULL, **options)

    def check(self):
        if self.process.poll() is not None:
            sys.exit(f"{self.name} ended with status {self.process.returncode}")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


class Storage(Program):
    name = "numeter-storage"

    def __init__(self, program, run, port, host_id):
        self.base = f"http://127.0.0.1:{port}/numeter-storage"
        config = os.path.join(run, "numeter_storage.cfg")
        control = os.path.join(run, "numeter-storage.sock")
        user = "root" if os.geteuid() == 0 else "numeter"
        with open(config, "w") as out:
            out.write(STORAGE_CONFIG.format(run=run, port=port, user=user, host_id=host_id,
                                            socket=control if len(control) <= SOCKET_MAX else ""))
        self.start([program, "-c", config])

    def get(self, path, **arguments):
        query = "?" + urllib.parse.urlencode(arguments) if arguments else ""
        with urllib.request.urlopen(f"{self.base}/{path}{query}", timeout=10) as reply:
            return reply.read().decode()

    def wait_ready(self, deadline_s=20):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            self.check()
            try:
                if self.get("") == "index pass":
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        sys.exit("numeter-storage does not answer")

    def send(self, lines):
        """Messages, one JSON text each."""
        request = urllib.request.Request(f"{self.base}/ingest", "\n".join(lines).encode(),
                                         {"Content-Type": "application/x-ndjson"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)


class MuninNode(Program):
    """Debian's, with the plugins of /etc/munin/plugins; its port, configuration and the plugins' state are its own."""
    name = "munin-node"

    def __init__(self, run, name):
        self.port = free_port()
        folder = os.path.join(run, "munin-node")
        os.makedirs(os.path.join(folder, "plugin-state"), exist_ok=True)
        user, group = ("root", "root") if os.geteuid() == 0 else (str(os.geteuid()), str(os.getegid()))
        config = os.path.join(folder, "munin-node.conf")
        with open(config, "w") as out:
            out.write(NODE_CONFIG.format(folder=folder, name=name, port=self.port, user=user, group=group))
        program = shutil.which("munin-node", path="/usr/sbin:/usr/bin")
        if program is None:
            sys.exit("munin-node is not installed: ./dev setup")
        with open(os.path.join(folder, "output"), "ab") as out:
            self.start([program, "--config", config], stdout=out, stderr=out,
                       env=dict(os.environ, PERL5LIB=own_defaults(folder)))


def own_defaults(folder):
    """munin-node has the place of its plugins' state in a module: a folder with one that says another place."""
    module = os.path.join(folder, "lib", "Munin", "Common", "Defaults.pm")
    os.makedirs(os.path.dirname(module), exist_ok=True)
    more = ""
    if not os.access("/etc/munin/plugin-conf.d", os.R_OK | os.X_OK):  # for root alone: the plugins do without
        own = os.path.join(folder, "conf")
        os.makedirs(os.path.join(own, "plugin-conf.d"), exist_ok=True)
        if not os.path.lexists(os.path.join(own, "plugins")):
            os.symlink("/etc/munin/plugins", os.path.join(own, "plugins"))
        more = f"our $MUNIN_CONFDIR = q{{{own}}};\n"
    with open(module, "w") as out:
        out.write("do '/usr/share/perl5/Munin/Common/Defaults.pm' or die;\npackage Munin::Common::Defaults;\n"
                  f"our $MUNIN_PLUGSTATE = q{{{folder}/plugin-state}};\n{more}1;\n")
    return os.path.join(folder, "lib")


class Poller(Program):
    name = "numeter-poller"

    def __init__(self, program, run, port, munin_port, host_id, name):
        config = os.path.join(run, "numeter_poller.cfg")
        os.makedirs(os.path.join(run, "poller"), exist_ok=True)
        with open(config, "w") as out:
            out.write(POLLER_CONFIG.format(run=run, port=port, munin_port=munin_port, host_id=host_id, name=name))
        self.start([program, "-c", config])

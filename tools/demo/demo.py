#!/usr/bin/python3
"""The whole of numeter on this machine, without any server to install: numeter-storage, Debian's munin-node with its
plugins and numeter-poller as child processes on loopback, this machine measured every ten seconds, and beside it a demo
host with a year of made-up values. Everything is kept in run/. Ctrl-C ends it."""
import argparse
import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.error

from programs import MuninNode, Poller, Storage
from year import HOST, PER_REQUEST, Year

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECORDED = os.path.join(TREE, "tests", "data", "messages.jsonl")


def own_host_id():
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "this-machine"


class DemoHost(threading.Thread):
    """Sends the year, then goes on with it minute by minute."""

    def __init__(self, storage):
        super().__init__(daemon=True)
        self.storage, self.ending = storage, threading.Event()

    def run(self):
        try:
            self.send()
        except (urllib.error.URLError, OSError) as error:
            if not self.ending.is_set():
                print(f"the demo host's values cannot be sent: {error}", flush=True)

    def send(self):
        year = Year(RECORDED)
        now, begun, n = int(time.time()) // 60 * 60, time.monotonic(), 0
        self.storage.send(list(year.infos_as_messages()))
        lines = []
        for line in year.messages(now):
            lines.append(line)
            if len(lines) == PER_REQUEST:
                if self.ending.is_set():
                    return
                n += self.storage.send(lines)["accepted"]
                lines = []
        n += self.storage.send(lines)["accepted"]
        print(f"The demo host's year is there: {n} messages in {time.monotonic() - begun:.0f} s.", flush=True)
        while not self.ending.is_set():
            if now + 60 <= time.time():
                now += 60
                self.storage.send([year.at(plugin, now) for plugin in year.values])
            self.ending.wait(1)


def wait_for_points(storage, host_id, programs, deadline_s=60):
    """Until the poller's first values can be read."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        for program in programs:
            program.check()
        if f'"{host_id}": ' in storage.get("last-seen") and '"last": null' not in storage.get("last-seen", host=host_id):
            return True
        time.sleep(0.2)
    return False


def interrupted(_signum, _frame):
    raise KeyboardInterrupt


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--build", required=True, help="folder of the programs")
    options.add_argument("--port", type=int, default=8080)
    options.add_argument("--run", default=os.path.join(TREE, "run"), help="folder for the files (default run/)")
    args = options.parse_args()
    args.run = os.path.abspath(args.run)
    os.makedirs(args.run, exist_ok=True)
    signal.signal(signal.SIGTERM, interrupted)

    build, host_id, started, demo = os.path.join(TREE, args.build), own_host_id(), [], None
    status = 0
    try:
        storage = Storage(os.path.join(build, "numeter-storage"), args.run, args.port, host_id)
        started.append(storage)
        storage.wait_ready()
        node = MuninNode(args.run, host_id)
        started.append(node)
        started.append(Poller(os.path.join(build, "numeter-poller"), args.run, args.port, node.port, host_id,
                              socket.gethostname()))
        print(f"\nOpen  {storage.base}/ui/\n", flush=True)
        demo = DemoHost(storage)
        demo.start()
        if wait_for_points(storage, host_id, started):
            print(f"This machine is {host_id}, measured every 10 seconds; {HOST} is made up, with a year behind it.\n")
        else:
            print(f"No value of this machine yet: see {args.run}/numeter-poller.log\n")
        print(f"  curl '{storage.base}/hosts'")
        print(f"  curl '{storage.base}/data?host={host_id}&plugin=load&ds=load&from=-5min'")
        print(f"  curl '{storage.base}/graph.svg?host={HOST}&plugin=cpu&res=Weekly' > cpu.svg")
        print(f"\nFiles and logs are in {args.run} (whisper-fetch reads the files). Ctrl-C ends it.\n", flush=True)
        while True:
            for program in started:
                program.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        print("\nending", flush=True)
    finally:
        if demo is not None:
            demo.ending.set()
        for program in reversed(started):
            ended = program.stop()
            if program.name != "munin-node":  # which takes its own signal for its status
                status = status or ended
    print("ended" if status == 0 else f"ended with status {status}")
    sys.exit(status)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""A storage to look at: starts numeter-storage with SQLite metadata and HTTP ingest in run/, replays the recorded
munin stream so that it ends now, and goes on with it minute by minute. Needs no server. Ctrl-C ends it."""
import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORDED = os.path.join(TREE, "tests", "data", "messages.jsonl")
SHOWN = [("load", "load"), ("memory", "free"), ("cpu", "user"), ("if_eth0", "down"), ("df", "_dev_vda")]
SOCKET_MAX = 107  # bytes of a Unix socket's path
BARS = "▁▂▃▄▅▆▇█"

CONFIG = """\
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
"""


class Recorded:
    """The recorded stream by ticks of one minute; tick_at() gives any of them with the time moved to `now`."""

    def __init__(self, path):
        with open(path) as lines, open(path.replace(".jsonl", ".meta.jsonl")) as meta:
            messages = [json.loads(line) for line in lines]
            ticks = [json.loads(line) for line in meta]
        self.ticks = [[] for _ in range(max(m["tick"] for m in ticks) + 1)]
        for message, place in zip(messages, ticks):
            self.ticks[place["tick"]].append((message, place["sent_at"]))
        self.sent_at = [tick[-1][1] for tick in self.ticks]  # so that nothing lies ahead of `now`

    def tick_at(self, index, now):
        """Messages of tick `index` as if it had begun at `now` (Unix seconds)."""
        shift = int(now - self.sent_at[index])
        moved = []
        for message, _ in self.ticks[index]:
            payload = json.loads(message["args"]["message"])
            if "TimeStamp" in payload:
                payload["TimeStamp"] = str(int(payload["TimeStamp"]) + shift)
            moved.append({**message, "args": {"message": json.dumps(payload)}})
        return moved


class Storage:
    def __init__(self, program, run, port):
        self.base = f"http://127.0.0.1:{port}/numeter-storage"
        config = os.path.join(run, "numeter_storage.cfg")
        socket = os.path.join(run, "numeter-storage.sock")
        user = "root" if os.geteuid() == 0 else "numeter"
        with open(config, "w") as out:
            out.write(CONFIG.format(run=run, port=port, user=user, socket=socket if len(socket) <= SOCKET_MAX else ""))
        # a session of its own: Ctrl-C reaches this script alone, which then ends the storage in order
        self.process = subprocess.Popen([program, "-c", config], start_new_session=True)

    def get(self, path, **arguments):
        query = "?" + urllib.parse.urlencode(arguments) if arguments else ""
        with urllib.request.urlopen(f"{self.base}/{path}{query}", timeout=10) as reply:
            return reply.read().decode()

    def wait_ready(self, deadline_s=10):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if self.process.poll() is not None:
                sys.exit(f"numeter-storage ended at its start with status {self.process.returncode} (see above)")
            try:
                if self.get("") == "index pass":
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        sys.exit("numeter-storage does not answer")

    def send(self, messages):
        body = "\n".join(json.dumps(m) for m in messages).encode()
        request = urllib.request.Request(f"{self.base}/ingest", body, {"Content-Type": "application/x-ndjson"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


def sparkline(values):
    known = [v for v in values if v is not None]
    if not known:
        return "(no point yet)"
    low, high = min(known), max(known)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0
    line = "".join(" " if v is None else BARS[round((v - low) * scale)] for v in values)
    return f"{line}  last {known[-1]:g}, min {low:g}, max {high:g}"


def show(storage, host):
    for plugin, ds in SHOWN:
        try:
            reply = json.loads(storage.get("data", host=host, plugin=plugin, ds=ds, **{"from": "-1h"}))
        except urllib.error.HTTPError:
            continue
        values = reply["DATAS"][ds]
        while values and values[0] is None:
            values.pop(0)
        print(f"  {plugin + '/' + ds:18} {sparkline(values)}", flush=True)


def interrupted(_signum, _frame):
    raise KeyboardInterrupt


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--program", required=True)
    options.add_argument("--port", type=int, default=8080)
    options.add_argument("--run", default=os.path.join(TREE, "run"), help="folder for the files (default run/)")
    options.add_argument("--ticks", type=int, default=0, help="end after so many minutes (default: never)")
    args = options.parse_args()
    os.makedirs(args.run, exist_ok=True)
    signal.signal(signal.SIGTERM, interrupted)

    recorded = Recorded(RECORDED)
    storage = Storage(os.path.join(TREE, args.program), args.run, args.port)
    try:
        storage.wait_ready()
        now = int(time.time())
        n_ticks = len(recorded.ticks)
        account = {"accepted": 0, "rejected": []}
        for index in range(n_ticks):
            answer = storage.send(recorded.tick_at(index, now - 60 * (n_ticks - 1 - index)))
            account["accepted"] += answer["accepted"]
            account["rejected"] += answer["rejected"]
        host = next(iter(json.loads(storage.get("hosts"))))
        plugins = json.loads(storage.get("list", host=host))
        print(f"\nnumeter-storage takes and serves at {storage.base}/")
        print(f"The page of graphs: {storage.base}/ui/")
        print(f"{account['accepted']} recorded messages stored, {len(account['rejected'])} refused; "
              f"host {host} with {len(plugins)} plugins. Try:\n")
        print(f"  curl '{storage.base}/hosts'")
        print(f"  curl '{storage.base}/list?host={host}'")
        print(f"  curl '{storage.base}/data?host={host}&plugin=load&ds=load&res=Daily'")
        print(f"  curl '{storage.base}/data?host={host}&plugin=cpu&ds=user,system,idle&from=-15min'")
        print("  curl -H 'Content-Type: application/json' -d '{\"hostid\": \"me\", \"type\": \"data\", \"plugin\": \"tea\", "
              "\"message\": {\"TimeStamp\": \"'$(date +%s)'\", \"Values\": {\"cups\": 2}}}' "
              f"'{storage.base}/ingest'")
        print(f"\nFiles are in {args.run} (readable with whisper-fetch). Ctrl-C ends it.\n")
        print(time.strftime("%H:%M:%S"))
        show(storage, host)
        # the first two ticks of a poller hold raw counters and U: the day goes on with the others
        index, sent = 2, 0
        due = now + 60
        while not args.ticks or sent < args.ticks:
            while (left := due - time.time()) > 0:
                if storage.process.poll() is not None:
                    sys.exit(f"numeter-storage ended with status {storage.process.returncode}")
                time.sleep(min(left, 1))
            answer = storage.send(recorded.tick_at(index, due))
            print(f"{time.strftime('%H:%M:%S')}  {answer['accepted']} messages")
            show(storage, host)
            index = index + 1 if index + 1 < n_ticks else 2
            due += 60
            sent += 1
    except KeyboardInterrupt:
        print("\nending")
    finally:
        status = storage.stop()
    print(f"numeter-storage ended with status {status}")
    sys.exit(status)


if __name__ == "__main__":
    main()

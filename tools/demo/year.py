"""
A year of a host that never was, made from the recorded stream: what some plugins said in fourteen minutes, stretched
over days and weeks. Every value is a function of its time, so what is made twice is the same.

Points come as fine as the archives keep them: hourly in the year, every 10 minutes in the month, every 5 in the week,
every minute in the day.
"""
import json
import math

HOST = "demo-host"
MYINFO = {"Plugin": "MyInfo", "Name": "demo (made up)", "ID": HOST, "Description": "a year of made-up values"}
PLUGINS = ("cpu", "load", "memory", "df", "if_eth0", "processes", "users", "threads", "open_files", "swap", "vmstat",
           "forks", "interrupts", "entropy")
DAY = 86400
PARTS = ((366 * DAY - 7200, 32 * DAY, 3600), (32 * DAY, 7 * DAY, 600), (7 * DAY, DAY, 300), (DAY, 0, 60))
PER_REQUEST = 2000
STEADY = ("df", "memory", "swap", "users", "open_files", "entropy")  # these change slowly and grow


class Year:
    def __init__(self, messages_path):
        self.infos, self.values = {}, {}
        with open(messages_path) as lines:
            for line in lines:
                self._take(json.loads(line))
        self.values = {p: ds for p, ds in self.values.items() if ds and p in self.infos}

    def _take(self, message):
        payload = json.loads(message["args"]["message"])
        plugin = payload.get("Plugin")
        if plugin not in PLUGINS:
            return
        if "Infos" in payload:
            self.infos[plugin] = message["args"]["message"]
            return
        of_plugin = self.values.setdefault(plugin, {})
        for ds, value in payload.get("Values", {}).items():
            try:
                of_plugin.setdefault(ds, []).append(float(value))
            except ValueError:
                continue  # U

    def infos_as_messages(self):
        yield json.dumps({"hostid": HOST, "type": "info", "plugin": "MyInfo", "message": MYINFO})
        for plugin, info in self.infos.items():
            yield json.dumps({"hostid": HOST, "type": "info", "plugin": plugin, "message": info})

    def at(self, plugin, t):
        """The message of a plugin at t (Unix seconds)."""
        values = {ds: value(plugin, ds, known, t) for ds, known in self.values[plugin].items()}
        if plugin == "cpu":  # what the others leave of two processors
            values["idle"] = max(0, 200 - sum(v for ds, v in values.items() if ds != "idle"))
        fields = ", ".join(f'"{ds}": {v:.6g}' for ds, v in values.items())
        return (f'{{"hostid": "{HOST}", "type": "data", "plugin": "{plugin}", "message": '
                f'{{"TimeStamp": "{t}", "Plugin": "{plugin}", "Values": {{{fields}}}}}}}')

    def messages(self, now):
        """All of the year that ends now, oldest first."""
        for first, last, step in PARTS:
            for t in range((now - first) // step * step, (now - last) // step * step, step):
                for plugin in self.values:
                    yield self.at(plugin, t)


def value(plugin, ds, known, t):
    """Between the recorded values, which come round every few hours; by day and week more or less of it."""
    known = known[2:] if len(known) > 4 else known  # the first two of a counter are none
    place = t / 1800.0 + sum(map(ord, ds)) % 7
    i, part = int(place), place % 1
    smooth = (1 - math.cos(math.pi * part)) / 2
    base = known[i % len(known)] * (1 - smooth) + known[(i + 1) % len(known)] * smooth
    return (2 * sum(known) / len(known) + base) / 3 * busy(plugin, t)  # the recorded minutes are few and jumpy


def busy(plugin, t):
    """A share from 0.25 to 1."""
    if plugin in STEADY:
        return 0.7 + 0.25 * (t % (366 * DAY)) / (366 * DAY) + 0.05 * math.sin(2 * math.pi * t / (7 * DAY))
    day = (1 - math.cos(2 * math.pi * (t / DAY - 0.15))) / 2
    week = 0.55 if t // DAY % 7 in (2, 3) else 1.0  # 1970 began on a Thursday
    ripple = 0.06 * math.sin(t / 700.0) + 0.04 * math.sin(t / 170.0)
    return min(1.0, max(0.25, 0.3 + 0.6 * day * week + ripple))

"""The recorded messages, moved in time and between hosts, and what must be readable afterwards."""
import json
import math
import re

from .case import DATA

_TIMESTAMP = re.compile(r'("TimeStamp": ")(\d+)(")')
_NUMBER = re.compile(r'\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*\Z')
_UNKNOWN = re.compile(r'\s*([+-]?(nan|inf|infinity)|u)\s*\Z', re.IGNORECASE)


def load(name):
    """messages.jsonl, messages-edge.jsonl: [{"topic", "context", "args": {"message": text}}]"""
    with open(DATA / name) as f:
        return [json.loads(line) for line in f]


def payload(message):
    return json.loads(message['args']['message'])


def timestamp(message):
    """Of a data message; None for an info."""
    if message['context']['type'] != 'data':
        return None
    return int(payload(message)['TimeStamp'])


def shifted(messages, seconds):
    """All TimeStamps moved; nothing else of the payload's text changes."""
    moved = []
    for m in messages:
        text = m['args']['message']
        if m['context']['type'] == 'data':
            text = _TIMESTAMP.sub(lambda t: t[1] + str(int(t[2]) + seconds) + t[3], text, count=1)
        moved.append(dict(m, args={'message': text}))
    return moved


def ending_at(messages, newest):
    """Moved so that the newest TimeStamp is `newest`."""
    return shifted(messages, int(newest) - max(t for t in map(timestamp, messages) if t is not None))


def of_host(messages, host):
    """The same messages as another host sends them."""
    old = messages[0]['context']['hostid']
    return [dict(m, topic=host, context=dict(m['context'], topic=host, hostid=host),
                 args={'message': m['args']['message'].replace(json.dumps(old), json.dumps(host))}) for m in messages]


def value_of(value):
    """float, None for unknown, ValueError for what is refused. Source: docs/spec/system.md "Payload: JSON"."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ValueError(value)
    if isinstance(value, str):
        if _UNKNOWN.match(value):
            return None
        if not _NUMBER.match(value):
            raise ValueError(value)
        value = float(value)
        if math.isinf(value):
            raise ValueError('overflow')
        return value
    value = float(value)
    return value if math.isfinite(value) else None


def name_is_valid(name):
    size = len(name.encode())
    return 1 <= size <= 251 and '/' not in name and name not in ('.', '..') and all(ord(c) >= 32 for c in name)


class Expected:
    """
    point     {(host, plugin, ds): {slot of 60 s: value}}: what must be read back, exactly
    silent    {(host, plugin, ds)}: only unknown values came: no file
    refused   [(host, plugin, message text, {reason: [ds]})] one for each data message with a refused ds
    info      {host: {plugin: text}}
    myinfo    {host: object}
    """

    def __init__(self, messages):
        self.point, self.silent, self.refused, self.info, self.myinfo = {}, set(), [], {}, {}
        for m in messages:
            host, p = m['context']['hostid'], payload(m)
            if m['context']['type'] == 'data':
                self._data(host, m['context']['plugin'], p, m['args']['message'])
            elif p['Plugin'] == 'MyInfo':
                self.myinfo[host] = p
            else:
                self.info.setdefault(host, {})[p['Plugin']] = m['args']['message']
        self.silent -= set(self.point)

    def _data(self, host, plugin, p, text):
        t, refused = int(p['TimeStamp']), {}
        for ds, value in p['Values'].items():
            if not name_is_valid(ds):
                refused.setdefault('ds_name', []).append(ds)
                continue
            try:
                number = value_of(value)
            except ValueError:
                refused.setdefault('value', []).append(ds)
                continue
            if number is None:
                self.silent.add((host, plugin, ds))
            else:
                self.point.setdefault((host, plugin, ds), {})[t - t % 60] = number
        if refused:
            self.refused.append((host, plugin, text, refused))

    def sources(self):
        """{(host, plugin): [ds]} of what can be read."""
        found = {}
        for host, plugin, ds in self.point:
            found.setdefault((host, plugin), []).append(ds)
        return found

    def n_points(self):
        return sum(len(points) for points in self.point.values())


def data_message(host, plugin, t, values):
    return {'topic': host, 'context': {'topic': host, 'plugin': plugin, 'type': 'data', 'hostid': host},
            'args': {'message': json.dumps({'TimeStamp': str(t), 'Plugin': plugin, 'Values': values})}}


def myinfo_message(host, name=None, description=''):
    text = json.dumps({'Plugin': 'MyInfo', 'Name': name or host, 'ID': host, 'Description': description})
    return {'topic': host, 'context': {'topic': host, 'plugin': 'MyInfo', 'type': 'info', 'hostid': host},
            'args': {'message': text}}


def info_message(host, plugin, ds, **more):
    text = json.dumps({'Plugin': plugin, 'Base': '1000', 'Describ': '', 'Title': plugin + ' of ' + host, 'Vlabel': '',
                       'Order': '', 'Infos': {d: {'id': d} for d in ds}, **more})
    return {'topic': host, 'context': {'topic': host, 'plugin': plugin, 'type': 'info', 'hostid': host},
            'args': {'message': text}}

"""What the page is shown in its tests: hosts of every kind, made from the recorded stream and of curves with a day in
them. All is sent through POST /ingest, as a poller's own messages."""
import json
import math
import random

from support import recorded

SECTIONS = '[archives fast]\nhost = fast-1\narchives = 10s:6h, 60s:1d, 300s:7d\n'
N_MANY = 200
STEPS_PER_REQUEST = 4000


def fill(daemon, now):
    """Send everything; now: Unix seconds. What each host is for:
    myhost   the recorded stream as it was recorded, with its first raw counters
    web-1..3 a day of values of one minute: all plugins (web-1), or some
    old-1    fell silent three days ago          empty-1  has no plugin
    many-1   200 plugins                         fast-1   a step of 10 s
    odd-1    cdefs that cannot be computed, sum, stack, thresholds, gaps, text that would be HTML"""
    messages = recorded.load('messages.jsonl')
    send(daemon, recorded.of_host(recorded.ending_at(messages, now), 'myhost'))
    infos = plugin_infos(messages)
    levels = mean_values(messages)
    for host, plugins in (('web-1', sorted(infos)), ('web-2', ['cpu', 'load', 'if_eth0', 'memory', 'df']),
                          ('web-3', ['cpu', 'load', 'if_eth0'])):
        send(daemon, host_infos(host, infos, plugins, 'Shop server of the second floor'))
        send(daemon, day_of(host, levels, plugins, now - 86400, now, 60))
    plugins = ['cpu', 'load', 'memory']
    send(daemon, host_infos('old-1', infos, plugins, 'Gone, or only broken'))
    send(daemon, day_of('old-1', levels, plugins, now - 4 * 86400, now - 3 * 86400, 300))
    send(daemon, [recorded.myinfo_message('empty-1', 'empty-1', 'Installed this morning')])
    send(daemon, many_plugins(now))
    send(daemon, fast_host(now))
    send(daemon, odd_host(now))


def send(daemon, messages):
    for i in range(0, len(messages), STEPS_PER_REQUEST):
        status, _, answer = daemon.post(messages[i:i + STEPS_PER_REQUEST])
        assert status == 200, (status, answer)


def plugin_infos(messages):
    """plugin → payload of its last info"""
    found = {}
    for m in messages:
        p = recorded.payload(m)
        if m['context']['type'] == 'info' and p['Plugin'] != 'MyInfo':
            found[p['Plugin']] = p
    return found


def mean_values(messages):
    """(plugin, ds) → mean of its recorded rates and levels, without the raw counters of the first ticks"""
    seen = {}
    for m in messages:
        if m['context']['type'] == 'data':
            for ds, value in recorded.payload(m)['Values'].items():
                try:
                    number = recorded.value_of(value)
                except ValueError:
                    continue
                if number is not None:
                    seen.setdefault((m['context']['plugin'], ds), []).append(number)
    return {key: sum(values[-8:]) / len(values[-8:]) for key, values in seen.items()}


def host_infos(host, infos, plugins, description):
    out = [recorded.myinfo_message(host, host, description)]
    for plugin in plugins:
        out.append({'topic': host, 'context': {'topic': host, 'plugin': plugin, 'type': 'info', 'hostid': host},
                    'args': {'message': json.dumps(infos[plugin])}})
    return out


def day_of(host, levels, plugins, begin, end, step):
    """Curves around the recorded means, with an hour without values in the night."""
    chance = random.Random(host)
    out = []
    for t in range(int(begin), int(end), step):
        hour = t % 86400 / 3600
        if 3 <= hour < 4:
            continue
        busy = 1 + 0.55 * math.sin((hour - 9) / 12 * math.pi)
        for plugin in plugins:
            values = {}
            for (of, ds), level in levels.items():
                if of == plugin:
                    level = max(level, 0.3) if plugin in ('load', 'cpu') else level
                    values[ds] = '%.6g' % one_value(plugin, ds, level, busy, chance)
            out.append(recorded.data_message(host, plugin, t, values))
    return out


def one_value(plugin, ds, level, busy, chance):
    if plugin == 'cpu':
        share = {'user': 34, 'system': 11, 'iowait': 5, 'softirq': 2, 'steal': 1}.get(ds)
        if ds == 'idle':
            return max(200 - 60 * busy + chance.gauss(0, 4), 0)
        return max((share or 0.2) * busy + chance.gauss(0, 1), 0)
    if plugin.startswith('if_') and 'err' not in plugin:
        return abs((2.2e6 if ds == 'up' else 6.5e5) * busy * chance.lognormvariate(0, 0.25))
    if plugin in ('df', 'df_inode') and ds == '_dev_vda':
        return 91 + 4 * math.sin(busy * 2)
    if plugin == 'load':
        return max(0.9 * busy * chance.lognormvariate(0, 0.2), 0)
    if plugin in ('memory', 'df_abs', 'uptime'):
        return level * (0.97 + 0.03 * busy)
    return level * busy * (1 + 0.1 * chance.gauss(0, 1))


def many_plugins(now):
    out = [recorded.myinfo_message('many-1', 'many-1', '200 plugins')]
    for n in range(N_MANY):
        plugin = 'service_%03d' % n
        out.append(recorded.info_message('many-1', plugin, ['requests', 'errors'], Title='Service %d' % n, Vlabel='requests / s',
                                         Category='group %02d' % (n // 20)))
    for t in range(int(now) - 7200, int(now), 60):
        for n in range(N_MANY):
            wave = 50 + 30 * math.sin(t / 900 + n)
            out.append(recorded.data_message('many-1', 'service_%03d' % n, t, {'requests': '%.3f' % wave,
                                                                               'errors': '%.3f' % (wave / 20)}))
    return out


def fast_host(now):
    out = [recorded.myinfo_message('fast-1', 'fast-1', 'A step of ten seconds'),
           recorded.info_message('fast-1', 'temperature', ['core'], Title='Temperature', Vlabel='°C', Category='sensors')]
    for t in range(int(now) - 1800, int(now), 10):
        out.append(recorded.data_message('fast-1', 'temperature', t, {'core': '%.2f' % (50 + 5 * math.sin(t / 120))}))
    return out


ODD = {
    'mixed': {'Title': 'Mixed <b>draw</b> types', 'Category': 'odd', 'Order': 'a b c', 'Infos': {
        'a': {'id': 'a', 'label': '<img src=x onerror=alert(1)>', 'draw': 'AREA'}, 'b': {'id': 'b', 'draw': 'STACK'},
        'c': {'id': 'c', 'draw': 'LINE2', 'colour': 'ff00ff'}}},
    'strange_cdef': {'Title': 'A cdef beyond us', 'Category': 'odd', 'Infos': {
        'a': {'id': 'a', 'cdef': 'a,LOG'}, 'b': {'id': 'b', 'cdef': 'b,UN,0,b,IF,10,*'}}},
    'sums': {'Title': 'A sum and a stack', 'Category': 'odd', 'Infos': {
        'a': {'id': 'a', 'graph': 'no'}, 'b': {'id': 'b', 'graph': 'no'}, 'total': {'id': 'total', 'label': 'a and b', 'sum': 'a b'},
        'tower': {'id': 'tower', 'stack': 'first=a second=odd-1:sums.b', 'draw': 'AREASTACK'}}},
    'limits': {'Title': 'Thresholds', 'Category': 'odd', 'Infos': {
        'a': {'id': 'a', 'warning': '25', 'critical': '35', 'min': '0', 'max': '60'}}},
}


def odd_host(now):
    """Values of an hour: a climbs 0 … 59, b is 10; from minute 20 to 30 nothing is known of a. No info for `bare`."""
    out = [recorded.myinfo_message('odd-1', 'odd-1', 'Everything that is rare')]
    for plugin, info in ODD.items():
        out.append(recorded.info_message('odd-1', plugin, [], **info))
    for minute in range(60):
        t = int(now) - 60 * (60 - minute)
        for plugin in [*ODD, 'bare']:
            values = {'a': 'U' if 20 <= minute < 30 else str(minute), 'b': '10'}
            if plugin == 'mixed':
                values['c'] = '25'
            out.append(recorded.data_message('odd-1', plugin, t, values))
    return out

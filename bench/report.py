"""Results of benchmarks: printed as a table, kept as JSON, all of them together written as docs/benchmarks.md."""
import json
import os
import re
import statistics
import time

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

HEAD = '''# Benchmarks

Made by `./dev bench markdown` from the last run of each benchmark; not written by hand.

Each benchmark starts the servers as child processes, one after the other, on the same stream, with the same retentions
and on the same disk, in new folders. CPU is user and system time of the server alone until everything is in its files;
the kernel's own threads, which write pages to the disk later, are in nobody's figure. "Written" is what the disk took
(sectors of the whole disk while the server worked and until `sync` had returned, journals included).
'''


class Result:
    """
    name, title, command    of the benchmark
    columns     names; rows: texts or numbers
    notes       sentences that a reader needs to judge the figures
    """

    def __init__(self, name, title, columns):
        self.kept = {'name': name, 'title': title, 'columns': columns, 'rows': [], 'notes': [], 'versions': {},
                     'command': './dev bench ' + name, 'date': time.strftime('%Y-%m-%d %H:%M', time.gmtime()),
                     'machine': machine()}

    def row(self, *cells):
        self.kept['rows'].append(list(cells))
        print('  ' + ' | '.join('%s %s' % (text(c), name) if i else text(c)
                                for i, (c, name) in enumerate(zip(cells, self.kept['columns']))), flush=True)

    def note(self, sentence):
        self.kept['notes'].append(sentence)
        print('  ' + sentence, flush=True)

    def version(self, server):
        self.kept['versions'][server.package] = server.version()

    def save(self, build, command=None):
        if command:
            self.kept['command'] = command
        folder = os.path.join(build, 'results')
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, self.kept['name'] + '.json'), 'w') as f:
            json.dump(self.kept, f, indent=1)
        print(table(self.kept))


def text(cell):
    if cell is None:
        return '–'
    if isinstance(cell, (int, float)):
        if abs(cell) >= 100:
            return '{:,.0f}'.format(cell)
        return '%.3g' % cell
    return str(cell)


def table(kept):
    rows = [kept['columns']] + [[text(c) for c in row] for row in kept['rows']]
    width = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    lines = ['| ' + ' | '.join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, width))) + ' |'
             for r in rows]
    lines.insert(1, '| ' + ' | '.join('-' * w if i == 0 else '-' * (w - 1) + ':' for i, w in enumerate(width)) + ' |')
    return '\n'.join(lines)


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def machine():
    """By its class only."""
    with open('/proc/cpuinfo') as f:
        model = re.search(r'model name\s*: (.*)', f.read())
    model = model.group(1) if model else 'unknown processor'
    maker = next((m for m in ('AMD EPYC', 'AMD Ryzen', 'Intel Xeon', 'Intel Core') if all(w in model for w in m.split())),
                 os.uname().machine)
    with open('/proc/meminfo') as f:
        memory = round(int(f.readline().split()[1]) / 1024 / 1024)
    return '%d cores %s, %d GiB, %s, Linux %s' % (os.cpu_count(), maker, memory, disk(),
                                                  '.'.join(os.uname().release.split('.')[:2]))


def disk():
    kind = 'file system'
    with open('/proc/mounts') as f:
        for line in f:
            device, where, of_type = line.split()[:3]
            if where == '/':
                kind = of_type + (' on a virtual disk' if '/vd' in device else '')
    return kind


def write_markdown(build):
    """docs/benchmarks.md from every result there is."""
    folder, parts = os.path.join(build, 'results'), [HEAD]
    for name in sorted(os.listdir(folder)):
        if not name.endswith('.json'):
            continue
        with open(os.path.join(folder, name)) as f:
            kept = json.load(f)
        parts.append('## %s\n\n`%s`, %s UTC, %s.%s\n\n%s\n' % (
            kept['title'], kept['command'], kept['date'], kept['machine'],
            ''.join('\n' + ', '.join('%s %s' % v for v in sorted(kept['versions'].items())) + '.'
                    if kept['versions'] else ''), table(kept)))
        if kept['notes']:
            parts.append('\n'.join('- ' + n for n in kept['notes']) + '\n')
    path = os.path.join(TREE, 'docs', 'benchmarks.md')
    with open(path, 'w') as f:
        f.write('\n'.join(parts))
    print('written: ' + os.path.relpath(path))

"""Bytes of .wsp files, read and made without any code of the product or of Graphite."""
import struct


def header(archives, aggregation=1, xff=0.5):
    """archives: [(step, slots), …]"""
    offset = 16 + 12 * len(archives)
    out = struct.pack('>IIfI', aggregation, max(s * n for s, n in archives), xff, len(archives))
    for step, n in archives:
        out += struct.pack('>III', offset, step, n)
        offset += 12 * n
    return out


def size(archives):
    return 16 + 12 * len(archives) + 12 * sum(n for _, n in archives)


def build(archives, points, aggregation=1, xff=0.5):
    """points: for each archive {time: value}, of one lap; slot 0 gets the time that is a multiple of a lap, or the oldest."""
    out = header(archives, aggregation, xff)
    for (step, n), known in zip(archives, points):
        slots = [0] * (2 * n)
        base = min(known, default=0)
        for t, value in known.items():
            i = (t - base) // step % n
            slots[2 * i], slots[2 * i + 1] = t, value
        out += struct.pack('>' + 'Id' * n, *slots)
    return out


def read(content):
    """(aggregation, xff, [(step, slots)], [{time: value}] as a reader finds them)"""
    aggregation, longest, xff, n_archives = struct.unpack_from('>IIfI', content, 0)
    archives, points = [], []
    for a in range(n_archives):
        offset, step, n = struct.unpack_from('>III', content, 16 + 12 * a)
        archives.append((step, n))
        slots = struct.unpack_from('>' + 'Id' * n, content, offset)
        base, known = slots[0], {}
        for i in range(n):
            t = slots[2 * i]
            if t != 0 and base != 0:
                assert t % step == 0 and (t - base) // step % n == i, (a, i, t, base)
                known[t] = slots[2 * i + 1]
        points.append(known)
    assert longest == max(s * n for s, n in archives)
    return aggregation, xff, archives, points


def plan(archives, times, new_archives, newest):
    """
    Where the values of new_archives come from, when these times are known in the old ones: for each new archive
    {time: (old archive, times whose average it is)}. Steps are multiples of each other; average and xff 0.5 as before. The
    rules of docs/formats/whisper.md "Other archives", said a second time.
    """
    out = []
    times = [set(t) for t in times]
    finer = newest + 1  # from when on the next finer new archive has slots
    for step, n in new_archives:
        end = newest - newest % step
        window, known = range(end - (n - 1) * step, end + 1, step), {}
        for t in window:
            best = None
            for a, (s, _) in enumerate(archives):
                if s == step and t in times[a]:
                    best = (step, a, [t])
                    break
                if s < step:
                    there = [u for u in range(t, t + step, s) if u in times[a]]
                    if there and (best is None or len(there) * s > best[0]):
                        best = (len(there) * s, a, there)
            if best is not None and (best[0] / step >= 0.5 or t < finer):
                known[t] = best[1:]
        for a, (s, _) in enumerate(archives):
            if s > step:
                for t in sorted(times[a]):
                    if t in window and not any(u in known for u in range(t, t + s, step)):
                        known[t] = (a, [t])
        finer = window[0]
        out.append(known)
    return out


def follow(a_plan, points):
    """The values of plan(): for each new archive {time: value}."""
    out = []
    for known in a_plan:
        values = {}
        for t, (a, times) in known.items():
            total = 0.0
            for u in times:
                total += points[a][u]
            values[t] = total / len(times)
        out.append(values)
    return out

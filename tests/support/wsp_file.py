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


def expected(archives, points, new_archives, newest):
    """
    What a file of new_archives holds, each finer or coarser one a multiple of the other, same average and xff 0.5: the rules
    of docs/formats/whisper.md "Other archives", said a second time.
    """
    out = []
    for step, n in new_archives:
        end = newest - newest % step
        window, known = range(end - (n - 1) * step, end + 1, step), {}
        for t in window:
            best = None
            for (s, _), p in zip(archives, points):
                if s == step and t in p:
                    best = None
                    known[t] = p[t]
                    break
            else:
                for (s, _), p in zip(archives, points):
                    if s < step:
                        values = [p[u] for u in range(t, t + step, s) if u in p]
                        if values and (best is None or len(values) * s > best[0]):
                            best = (len(values) * s, values)
                if best is not None and best[0] / step >= 0.5:
                    total = 0.0
                    for v in best[1]:
                        total += v
                    known[t] = total / len(best[1])
        for (s, _), p in zip(archives, points):
            if s > step:
                for t in sorted(p):
                    if t in window and not any(u in known for u in range(t, t + s, step)):
                        known[t] = p[t]
        out.append(known)
    return out

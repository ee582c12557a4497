"""A .wsp file read byte by byte, without the program under test."""
import math
import struct


def read(path):
    """(aggregation, xff, [(step, slots, {slot time: value}), …]); a slot whose time does not belong there is left out."""
    with open(path, 'rb') as f:
        data = f.read()
    aggregation, _, xff, n = struct.unpack_from('>LLfL', data, 0)
    archives = []
    for i in range(n):
        offset, step, points = struct.unpack_from('>LLL', data, 16 + 12 * i)
        slots = list(struct.iter_unpack('>Ld', data[offset:offset + 12 * points]))
        base = slots[0][0]
        archives.append((step, points, {
            t: v for at, (t, v) in enumerate(slots)
            if t != 0 and t % step == 0 and (t - base) // step % points == at and not math.isnan(v)}))
    return aggregation, xff, archives

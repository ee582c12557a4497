#!/usr/bin/python3
"""Prints tests/data/shortest-numbers.txt: doubles as 16 hexadecimal digits of their bits, then as repr() writes them."""
import random
import struct


def bits_of(v):
    return struct.unpack(">Q", struct.pack(">d", v))[0]


def main():
    chance = random.Random(1)
    cases = [bits_of(v) for v in (0.0, 1.0, 0.1, 1e15, 1e16, 1e17, 123456789012345680.0, 1e-4, 9.5e-5, 1e21, 1e22, 1e23,
                                  9007199254740991.0, 9007199254740992.0, 9007199254740993.0, 9.5367431640625e-07,
                                  26.7677583310387, 2.2250738585072014e-308, 2.225073858507201e-308, 5e-324, 1e-323,
                                  1.7976931348623157e308, 9.999999999999999e22, 0.30000000000000004, 2e-308, 4.35, 0.5,
                                  999999999.999999, 999999999.9999999, 1e9, 1000000000.25, 0.000123, 5e-7)]
    cases += [e << 52 for e in range(2047)]                      # powers of two
    cases += [(e << 52) - 1 for e in range(1, 2048)]             # and what lies below them
    cases += [bits_of(float("1e%d" % e)) for e in range(-323, 309)]
    cases += [1 << i for i in range(52)]                         # subnormal
    cases += [chance.getrandbits(63) for _ in range(500)]
    cases += [bits_of(chance.uniform(0, 10 ** chance.randrange(-3, 10))) for _ in range(500)]
    cases += [bits_of(round(chance.uniform(0, 10 ** chance.randrange(0, 10)), chance.randrange(0, 8))) for _ in range(500)]
    for bits in cases:
        v = struct.unpack(">d", struct.pack(">Q", bits))[0]
        if v - v == 0:
            print("%016x %r" % (bits, v))


if __name__ == "__main__":
    main()

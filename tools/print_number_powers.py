#!/usr/bin/python3
"""Prints src/wire/print_number_powers.h: the powers of ten that print_number.c multiplies with, exactly rounded up."""

FROM, TO = -292, 324


def rounded_up(k):
    """10^k × 2^-e with e so that 2^127 <= it < 2^128, one above its floor."""
    if k >= 0:
        shift = (10 ** k).bit_length() - 128
        return ((10 ** k >> shift) if shift >= 0 else (10 ** k << -shift)) + 1
    divisor = 10 ** -k
    bits = divisor.bit_length() + 128
    floor = (1 << bits) // divisor
    return (floor >> (floor.bit_length() - 128)) + 1


def main():
    print("/* Made by tools/print_number_powers.py. 10^k for k from POWERS_FROM on: 128 bits each, high and low half. */")
    print("#ifndef WIRE_PRINT_NUMBER_POWERS_H\n#define WIRE_PRINT_NUMBER_POWERS_H\n\n#include <stdint.h>\n")
    print("enum { POWERS_FROM = %d, POWERS_TO = %d };\n" % (FROM, TO))
    print("/* clang-format off */\nstatic const struct {\n\tuint64_t high, low;\n} powers[POWERS_TO - POWERS_FROM + 1] = {")
    for k in range(FROM, TO + 1):
        g = rounded_up(k)
        assert 1 << 127 <= g < 1 << 128
        print("\t{ UINT64_C(0x%016X), UINT64_C(0x%016X) }," % (g >> 64, g & (1 << 64) - 1))
    print("};\n/* clang-format on */\n\n#endif")


if __name__ == "__main__":
    main()

# python3 widen.py MODULE OUT PAGES: the same module, its memory larger by PAGES when it begins.
import sys


def number(data, at):
    value, shift = 0, 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def encoded(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def memory(section, pages):
    assert section[:2] == b"\x01\x00", "one memory, without a maximum"
    return section[:2] + encoded(number(section, 2)[0] + pages)


data = open(sys.argv[1], "rb").read()
out, at = bytearray(data[:8]), 8
while at < len(data):
    kind = data[at]
    size, at = number(data, at + 1)
    section = data[at : at + size]
    if kind == 5:
        section = memory(section, int(sys.argv[3]))
    out += bytes([kind]) + encoded(len(section)) + section
    at += size
open(sys.argv[2], "wb").write(out)

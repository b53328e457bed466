#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rewrites an Ethernet pcap: convert.py IN OUT vlan|qinq|raw|null|pcapng|cut:N

Only the standard library; written for the replay tests."""
import struct
import sys


def read(path):
    data = open(path, "rb").read()
    assert data[:4] == b"\xd4\xc3\xb2\xa1", "a little-endian pcap"
    at = 24
    while at < len(data):
        sec, usec, cap, full = struct.unpack_from("<IIII", data, at)
        yield sec, usec, data[at + 16 : at + 16 + cap]
        at += 16 + cap


def pcap(path, link, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link))
        for sec, usec, frame in frames:
            out.write(struct.pack("<IIII", sec, usec, len(frame), len(frame)) + frame)


def block(kind, body):
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def pcapng(path, frames):
    with open(path, "wb") as out:
        out.write(block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        out.write(block(1, struct.pack("<HHI", 1, 0, 262144)))
        for sec, usec, frame in frames:
            stamp = sec * 1000000 + usec
            padded = frame + b"\0" * (-len(frame) % 4)
            out.write(block(6, struct.pack("<IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame)) + padded))


def main(source, target, how):
    frames = list(read(source))
    if how == "vlan":
        pcap(target, 1, [(s, u, f[:12] + b"\x81\0\0\x07" + f[12:]) for s, u, f in frames])
    elif how == "qinq":
        pcap(target, 1, [(s, u, f[:12] + b"\x88\xa8\0\x07\x81\0\0\x08" + f[12:]) for s, u, f in frames])
    elif how == "raw":
        pcap(target, 101, [(s, u, f[14:]) for s, u, f in frames])
    elif how == "null":
        family = {b"\x08\0": 2, b"\x86\xdd": 24}
        pcap(target, 0, [(s, u, struct.pack("<I", family[f[12:14]]) + f[14:]) for s, u, f in frames])
    elif how == "pcapng":
        pcapng(target, frames)
    elif how.startswith("cut:"):
        open(target, "wb").write(open(source, "rb").read()[: int(how[4:])])
    else:
        sys.exit("unknown conversion")


main(*sys.argv[1:])

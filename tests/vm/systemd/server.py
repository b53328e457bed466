#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port 7778, IPv4 and IPv6: a number every 50 ms, for as long as the client stays."""
import asyncio


async def serve(_reader, writer):
    n = 0
    try:
        while True:
            n += 1
            writer.write(b"%09d\n" % n)
            await writer.drain()
            await asyncio.sleep(0.05)
    except OSError:
        writer.close()


async def main():
    await asyncio.start_server(serve, "0.0.0.0", 7778)
    await asyncio.start_server(serve, "::", 7778)
    await asyncio.sleep(3600)


asyncio.run(main())

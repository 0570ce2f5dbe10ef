"""The gateway program, as far as it can die: passes bytes between its port and the broker's. Run as a file of its own.

A person's gateway is a process beside the service, and the broker's book is not in it.
"""

import asyncio
import sys


async def _passed(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
    except OSError:
        # One side is gone, and the other hears of it by the close.
        return
    finally:
        target.close()


async def serve(port: int, broker: int) -> None:
    """Until the process is ended."""

    async def caller(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", broker)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_passed(reader, inner_writer), _passed(inner_reader, writer))

    server = await asyncio.start_server(caller, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))

"""Watch somebody's session, given its subscribe token.

python examples/viewer.py TOKEN [SECONDS]

The program that runs the session has the token: `client.subscribe_token`.
"""

import asyncio
import contextlib
import os
import sys

from realtime_fast import InvalidSubscribeTokenError, RealtimeClient, SubscribeOptions

URL = os.environ.get("REALTIME_URL", "ws://127.0.0.1:8890")
API_KEY = os.environ.get("REALTIME_API_KEY", "any-key")


async def main(token: str, seconds: str = "inf") -> None:
    count = 0
    size = "no picture"
    connecting = RealtimeClient.subscribe(URL, API_KEY, SubscribeOptions(token))
    connecting.on("connection_change", lambda state: print(f"the connection is {state}"))
    async with connecting as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(seconds)):
                async for frame in client.frames("rgb24"):
                    count += 1
                    size = f"{frame.array.shape[1]}x{frame.array.shape[0]}"
    print(f"{count} pictures, {size}")


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except InvalidSubscribeTokenError as error:
        sys.exit(f"{error}: expected the subscribe_token of a session")
    except KeyboardInterrupt:
        pass

"""The embedded service, its network losing a packet and all that answers the first request, again and again.

    python -m benches.losing_service NETWORK SECONDS

SECONDS lie between the losses. Prints its URL, and ends with its standard input.
"""

import asyncio
import sys

from realtime_fast.server import NetworkProfile, Service, ServiceConfig

from tests.reference.lost_twice import LostTwice


async def main(network: str, interval: float) -> None:
    config = ServiceConfig(port=0, network=NetworkProfile.parse(network))
    async with Service(config) as service, asyncio.TaskGroup() as tasks:
        assert service.registry.network is not None
        losing = tasks.create_task(lose(LostTwice(service.registry.network), interval))
        print(service.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        losing.cancel()


async def lose(lost: LostTwice, interval: float) -> None:
    while True:
        await asyncio.sleep(interval)
        lost.lose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))

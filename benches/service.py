"""The embedded service, sending at the bit rate of `benches.streamer` whatever the path allows.

Takes the arguments of `realtime-fast serve`.
"""

import sys
from functools import partial

from benches.streamer import PINNED

from realtime_fast import cli
from realtime_fast.livekit import room
from realtime_fast.options import SendOptions
from realtime_fast.peer import peer

if __name__ == "__main__":
    for module in (peer, room):
        module.SendOptions = partial(SendOptions, **PINNED)  # type: ignore[attr-defined]
    sys.argv[1:] = ["serve", "--port", "0", "--quiet", *sys.argv[1:]]
    cli.main()

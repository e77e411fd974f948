"""The embedded service, sending at the bit rate of `benches.streamer` whatever the path allows.

Takes the arguments of `realtime-fast serve`.
"""

import sys
from functools import partial

from benches.streamer import BITRATE

from realtime_fast import cli
from realtime_fast.livekit import room
from realtime_fast.options import SendOptions
from realtime_fast.peer import peer

if __name__ == "__main__":
    pinned = partial(
        SendOptions,
        degradation_preference="maintain-framerate-and-resolution",
        start_bitrate=BITRATE,
        min_bitrate=BITRATE,
        max_bitrate=BITRATE,
    )
    for module in (peer, room):
        module.SendOptions = pinned  # type: ignore[attr-defined]
    sys.argv[1:] = ["serve", "--port", "0", "--quiet", *sys.argv[1:]]
    cli.main()

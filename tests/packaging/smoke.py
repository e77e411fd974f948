"""An installed wheel on its own: run with nothing but the package and what it depends on.

python tests/packaging/smoke.py [EXTRA ...]     # extras that are installed as well: server, cli
"""

import asyncio
import subprocess
import sys
from pathlib import Path

import av
import numpy as np

import realtime_fast
from realtime_fast import frames, marker


def pictures() -> None:
    """The Rust extension loads, converts, stamps and reads."""
    picture = np.full((48, 64, 3), 120, np.uint8)
    frame = frames.from_ndarray(picture, "rgb24")
    assert isinstance(frame, av.VideoFrame)
    marker.stamp(frame, 4711)
    assert marker.read(frame) == 4711
    back = frames.to_ndarray(frame, "rgb24")
    assert abs(int(back[0, 0, 0]) - 120) <= 2


async def session() -> None:
    """A picture goes to the embedded service and back."""
    from realtime_fast.server import Service, ServiceConfig

    size = (320, 192)
    async with (
        Service(ServiceConfig(port=0)) as service,
        realtime_fast.open_source("synthetic", size=size, fps=15) as source,
    ):
        options = realtime_fast.RealtimeConnectOptions(realtime_fast.models.realtime("lucy-2.1"))
        async with realtime_fast.RealtimeClient.connect(service.url, "any-key", source, options) as client:
            frame = await anext(client.frames("rgb24"))
    assert frame.array.shape == (192, 320, 3)


def main(extras: list[str]) -> None:
    place = Path(realtime_fast.__file__).parent
    assert "site-packages" in place.parts, f"expected the installed package, got {place}"
    assert (place / "py.typed").exists()
    pictures()
    if "server" in extras:
        asyncio.run(asyncio.wait_for(session(), 30))
    if "cli" in extras:
        subprocess.run([sys.executable, "-m", "realtime_fast.cli", "--help"], check=True, capture_output=True)
    sys.stdout.write(f"realtime_fast {realtime_fast.__version__} works: {', '.join(['pictures', *extras])}\n")


if __name__ == "__main__":
    main(sys.argv[1:])

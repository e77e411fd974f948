"""Send a webcam through the model and show the result in a window, until it is closed or Ctrl-C.

python examples/webcam.py [/dev/video0 | clip.mp4 | synthetic] [SECONDS]
"""

import asyncio
import contextlib
import os
import sys

from realtime_fast import InvalidInputError, RealtimeClient, RealtimeConnectOptions, models, open_source
from realtime_fast.frames import resize

URL = os.environ.get("REALTIME_URL", "ws://127.0.0.1:8890")
API_KEY = os.environ.get("REALTIME_API_KEY", "any-key")
SIZE = (640, 352)

try:
    import tkinter as tk

    window: tk.Tk | None = tk.Tk(className="realtime_fast")
    label = tk.Label(window)
    label.pack()
except Exception as error:  # noqa: BLE001 - without tkinter or a display there is no window, and all else works
    print(f"no preview: {error}")
    window = None


async def main(path: str = "/dev/video0", seconds: str = "inf") -> None:
    model = models.realtime("lucy-restyle-2")
    options = RealtimeConnectOptions(model)
    size = (model.width, model.height)
    try:
        source = open_source(path, loop=True, size=size, fps=model.fps)
    except InvalidInputError as error:
        print(f"{error}: a synthetic picture instead")
        source = open_source("synthetic", size=size, fps=model.fps)
    closed = asyncio.Event()
    if window is not None:
        window.protocol("WM_DELETE_WINDOW", closed.set)
    count = 0
    with contextlib.suppress(TimeoutError):
        async with source, RealtimeClient.connect(URL, API_KEY, source, options) as client:
            await client.set_prompt("a pencil drawing")
            async with asyncio.timeout(float(seconds)):
                async for frame in client.frames("rgb24"):  # always the newest picture
                    count += 1
                    if window is not None:
                        small = resize(frame.array, SIZE, "rgb24").tobytes()
                        picture = tk.PhotoImage(data=b"P6 %d %d 255\n" % SIZE + small, format="ppm")
                        label.configure(image=picture)
                        window.update()
                    if closed.is_set():
                        break
    print(f"{count} pictures")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))

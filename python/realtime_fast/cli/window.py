"""The window of `connect --show`: `python -m realtime_fast.cli.window` shows the PPM pictures of its standard input.

A process of its own, since window systems want the main thread; it imports nothing that takes long. It ends with its
input, or when it is closed.
"""

from __future__ import annotations

import sys
import threading
from typing import BinaryIO

INTERVAL_MS = 5
"""Milliseconds between two looks for a new picture."""


def main() -> None:
    """Show pictures until the input ends or the window is closed; says `shown` once it is there."""
    import tkinter

    root = tkinter.Tk(className="realtime-fast")
    root.title("realtime-fast")
    label = tkinter.Label(root, borderwidth=0)
    label.pack()
    newest: list[bytes] = []
    shown: list[tkinter.PhotoImage] = []  # Tk shows only what Python holds

    def read() -> None:
        while picture := _next_picture(sys.stdin.buffer):
            newest[:] = [picture]
        newest[:] = [b""]

    def draw() -> None:
        if newest:
            picture = newest.pop()
            if not picture:
                root.destroy()
                return
            shown[:] = [tkinter.PhotoImage(data=picture, format="PPM")]
            label.configure(image=shown[0])
        root.after(INTERVAL_MS, draw)

    threading.Thread(target=read, daemon=True).start()
    root.after(INTERVAL_MS, draw)
    sys.stdout.buffer.write(b"shown\n")
    sys.stdout.buffer.flush()
    root.mainloop()


def _next_picture(stream: BinaryIO) -> bytes:
    head = stream.readline()
    if not head:
        return b""
    _, width, height, _ = head.split()
    return head + stream.read(int(width) * int(height) * 3)


if __name__ == "__main__":
    main()

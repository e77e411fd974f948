"""A program written for the pure-Python SDK that lets an exception pass."""

import os
import sys

from decart import WebRTCError
from decart.realtime import RealtimeClient

print(os.path.basename(sys.argv[0]), sys.argv[1:], sys.path[0], __name__, __file__, RealtimeClient.__name__)
raise WebRTCError("let pass")

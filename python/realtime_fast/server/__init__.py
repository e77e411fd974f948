"""The embedded service: a local stand-in for the hosted one, for development and tests.

::

    async with Service(ServiceConfig(port=0)) as service:
        ...  # connect to service.url

docs/how-to/testing.md shows what it is good for.
"""

from __future__ import annotations

try:
    import starlette as _starlette  # noqa: F401
    import uvicorn as _uvicorn  # noqa: F401
except ImportError as error:
    raise ImportError("The embedded service needs its extra: pip install 'realtime-fast[server]'") from error

from realtime_fast.server.faults import Faults
from realtime_fast.server.http.config import ServiceConfig
from realtime_fast.server.http.service import Service, serve
from realtime_fast.server.network import Conditions, NetworkProfile

__all__ = ["Conditions", "Faults", "NetworkProfile", "Service", "ServiceConfig", "serve"]

"""An embedded Amazon IVS stage: WHIP, WHEP, events and tokens (docs/ivs-stage.md).

`Stages` holds the stages and `stage_routes` serves them; media is forwarded, never decoded.
"""

from realtime_fast.server.stage.routes import base_url, stage_routes
from realtime_fast.server.stage.stages import Stages
from realtime_fast.server.stage.tokens import IssuedToken, TokenRequest

__all__ = ["IssuedToken", "Stages", "TokenRequest", "base_url", "stage_routes"]

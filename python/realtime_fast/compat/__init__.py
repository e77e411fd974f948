"""Programs written for `decart.realtime`, unchanged, on this package."""

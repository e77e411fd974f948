"""A client for Amazon IVS Real-Time stages."""

"""The public verbs: publish a camera, watch a session."""

"""The same algorithms in plain Python and NumPy: what the native ones are compared with, in value and in time."""

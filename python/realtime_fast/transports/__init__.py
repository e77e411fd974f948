"""The ways media travels; all that differs between them is in here."""

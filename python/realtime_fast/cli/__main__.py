"""`python -m realtime_fast.cli`: the command line, where the script is not on the path."""

from realtime_fast.cli import main

main()

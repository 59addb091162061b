"""The command line, started as `python -m routing_api.cli`."""

from routing_api.cli import main

main()

"""The command line, started as `python -m statement_relay.cli`."""

from statement_relay.cli import main

main()

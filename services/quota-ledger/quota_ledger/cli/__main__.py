"""The command line, started as `python -m quota_ledger.cli`."""

from quota_ledger.cli import main

main()

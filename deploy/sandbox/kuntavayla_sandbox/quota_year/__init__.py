"""The first appropriations of the quota ledger: allocated, decided on for a year, all added up.

The clients are those that the case systems hold; everything goes by the service's calls. The
checker adds up what was sent and answered, and knows nothing of the service's tables.
"""

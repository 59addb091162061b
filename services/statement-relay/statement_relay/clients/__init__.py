"""Outbound HTTP: one item is put to one receiver, and what came of it is an `Answer`.

Nothing here raises for what a receiver does: silence, cut connections, HTML and 10 MiB are answers
too. `rest` and `xroad` are the two ways to a receiver; what both share stands in `exchanges`.
"""

"""Relays what a municipality knows about a client to the TE office, in order and with proof."""

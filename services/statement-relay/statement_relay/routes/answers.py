"""Domain values shaped into the wire types of `statement_relay.schemas`."""

PREFIX = "/relay/v1"

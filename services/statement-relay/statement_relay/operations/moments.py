"""Who speaks: the service's name, and the source of its events."""

SERVICE = "statement-relay"
SOURCE = f"/kuntavayla/{SERVICE}"

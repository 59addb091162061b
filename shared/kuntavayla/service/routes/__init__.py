"""The HTTP edge that every service has beside its own routes, and what all routes share."""

"""The other edge that every service has: loops that seal, publish, and look at figures."""

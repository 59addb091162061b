"""Commands by hand that every service has; a service's own command line mounts them."""

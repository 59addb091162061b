"""The wire types that every service has, one file per noun."""

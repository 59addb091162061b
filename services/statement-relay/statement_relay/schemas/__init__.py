"""The wire types of statement-relay, one file per noun; field names are binding."""

"""What every service is made of beside its own subject: its moment, its record, its desk.

It has the shape of a service: routes and workers above schemas, schemas above operations. A service
gives its own parts to what stands here; nothing here knows a service.
"""

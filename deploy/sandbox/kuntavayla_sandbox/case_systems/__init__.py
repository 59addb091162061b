"""The municipal case systems as one simulated process.

Each of the case systems in force on the legal date has its own identity, inbox positions and stored
effects: it reads its feeds, fetches the persons of its new clients, and takes them over. It owns
the database `case_systems` and promises that a stop between any two steps loses and doubles
nothing. It refuses nothing: it is a counterpart, not a service.
"""

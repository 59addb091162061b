"""statement-relay: municipal information reaches the TE office, in order and with proof.

Owns items of information, their queues, attempts and receipts, and a projection of who is
responsible.
Promises: what it answered with 2xx is never lost; of a client and a receiver nothing overtakes; the
same bytes are sent again until their receipt stands.
Refuses: information about time when another authority was responsible; identity codes anywhere.
"""

"""routing-api: who is responsible for a jobseeker, by dated law.

Owns registrations, decisions, reviews, clienthoods, transfers and the codes behind client ids.
Promises: what it answered with 2xx is never lost; every decision can be explained and recomputed;
events carry no personal data.
Refuses: to guess; an unknown fact or an unconfirmed municipality becomes a review.
"""

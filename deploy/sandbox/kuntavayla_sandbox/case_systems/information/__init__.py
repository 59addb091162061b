"""What a case system tells the TE office about its clients: kept, sent by the relay, followed.

A week is kept whole before its first item is sent; what is sent is found by the state of its row,
so that a stop between any two steps loses and doubles nothing.
"""

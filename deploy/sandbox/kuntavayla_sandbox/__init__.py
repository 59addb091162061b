"""The sandbox: a whole local stack with simulated counterparts, a synthetic population, the demo.

It owns the state directory and the counterparts' data, promises that a stack started twice on one
directory goes on with the same data, and refuses a second stack on a directory in use. Nothing in
it is part of a service; services know nothing of it.
"""

"""The receivers of all TE offices as one simulated process.

It follows the receiver contract (services/statement-relay/receiver-contract) and owns the database
`te_offices`: what was answered as received survives a kill. Over HTTP each receiver can be made
slow, faulty or faithless, and says what it holds, so that others can compare. It is a counterpart,
not a service: it judges nothing that the contract does not say, and knows none of our services.
"""

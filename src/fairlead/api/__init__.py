"""The HTTP API: one file a noun, thin: check who asks, open one transaction, call a service or a query, answer.

The transaction is opened inside the handler, so that an answer leaves only after its commit succeeded.
"""

"""JSON shapes by noun, as the HTTP contract has them; shared by the API and its clients."""

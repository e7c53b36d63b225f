"""Stacks of nets: what is trained. `architectures` imports no torch."""

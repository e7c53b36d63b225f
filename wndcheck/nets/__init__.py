"""Stacks of nets: their specification (without torch), initialisation, training, and violations of the claims."""

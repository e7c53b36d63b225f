"""The experiments: cells, profiles, simulations, and the measurement of a cell."""

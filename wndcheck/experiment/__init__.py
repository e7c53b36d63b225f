"""What is trained and measured: cells, profiles, simulations, and the measurement of a cell."""

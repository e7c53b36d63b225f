"""Coverage of the paper: the statements that claims, checks and controls test, and those that none does."""

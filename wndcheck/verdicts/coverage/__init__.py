"""Which statements of the paper are tested, by which claims, checks and controls, and what is left out."""

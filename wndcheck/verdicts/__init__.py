"""From values to verdicts: statistics, checks and claims, expectations, and the coverage of the paper."""

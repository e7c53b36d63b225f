"""A user's own family of nets, measured over widths and seeds, and judged by the rules of the claims.

`widths` (width_sweep) measures every net (`measuring`), here or elsewhere (`submitting`), into a record (`records`),
makes of all records a grid, the model of the claims' own families (`grids`), and decides the checks of the claims on it
(`verdicts`).
"""

"""How sure the verdicts are: error rates of the rule, nets needed, and verdicts over many runs."""

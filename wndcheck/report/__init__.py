"""The report of a run, or of a user's network: views of the run model."""

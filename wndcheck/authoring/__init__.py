"""For authors of claims: error rates of verdicts, nets needed, calibration over seeds, and expectations."""

"""Accuracy and speed of the estimators, compared with other packages, and the speed of training stacked nets."""

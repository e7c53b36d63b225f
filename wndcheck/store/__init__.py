"""Measurements, checkpoints and kept nets on disk, and the sweep that fills the store."""

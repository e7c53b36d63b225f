"""What is kept on disk: measurements, and stacks half trained."""

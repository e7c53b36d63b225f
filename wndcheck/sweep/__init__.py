"""Filling the store with the cells a run needs: by one process or several, with words of how far it is."""

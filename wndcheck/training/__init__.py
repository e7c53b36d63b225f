"""One SGD loop, and how its steps are carried out on a device."""

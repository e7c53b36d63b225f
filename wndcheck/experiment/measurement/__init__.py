"""From a cell to its measurement: data, trained nets, what their neurons do, numbers."""

"""MNIST, CIFAR-10 and subsets of them: fetched, loaded, verified, and scaled for the nets.

Importing this package imports neither torch nor torchvision; only `fetching.fetch` downloads anything.
"""

from wndcheck.datasets.catalogue import DamagedData, Dataset, MissingData, dataset_digest, specification_of
from wndcheck.datasets.loading import data_root, is_available, load
from wndcheck.datasets.preparation import in_unit, probe_indices, standardised

__all__ = [
    "DamagedData",
    "Dataset",
    "MissingData",
    "data_root",
    "dataset_digest",
    "in_unit",
    "is_available",
    "load",
    "probe_indices",
    "specification_of",
    "standardised",
]

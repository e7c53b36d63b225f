"""MNIST, CIFAR-10 and an embedded part of MNIST: found, fetched, verified, and made ready for the nets.

Importing this package imports neither torch nor torchvision, and nothing is downloaded except by `fetch`.
"""

from wndcheck.datasets.catalogue import DamagedData, Dataset, MissingData, dataset_digest, specification_of
from wndcheck.datasets.fetching import FetchFailed, fetch
from wndcheck.datasets.layout import data_root, is_available, load
from wndcheck.datasets.preparation import in_unit, probe_indices, standardised
from wndcheck.datasets.progress import Progress

__all__ = [
    "DamagedData",
    "Dataset",
    "FetchFailed",
    "MissingData",
    "Progress",
    "data_root",
    "dataset_digest",
    "fetch",
    "in_unit",
    "is_available",
    "load",
    "probe_indices",
    "specification_of",
    "standardised",
]

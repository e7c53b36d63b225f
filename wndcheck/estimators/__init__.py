"""Entropy and mutual information of samples by nearest neighbours: numpy in, numpy out, in nats."""

from .entropy import knn_entropy
from .information import mutual_information, pairwise_mi
from .normalisation import normalize_mi
from .results import PairwiseInformation

__all__ = ["PairwiseInformation", "knn_entropy", "mutual_information", "normalize_mi", "pairwise_mi"]

"""Entropy and mutual information of samples by nearest neighbours: numpy in, numpy out, in nats."""

from .entropy import knn_entropy
from .information import PairwiseInformation, mutual_information, pairwise_mi

__all__ = ["PairwiseInformation", "knn_entropy", "mutual_information", "pairwise_mi"]

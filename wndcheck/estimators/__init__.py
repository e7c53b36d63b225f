"""k-nearest-neighbour estimators of entropy and mutual information: numpy in, numpy out, in nats."""

from .entropy import knn_entropy
from .formulas import normalize_mi
from .pairwise import pairwise_mi
from .pairwise_information import PairwiseInformation
from .two_samples import mutual_information

__all__ = ["PairwiseInformation", "knn_entropy", "mutual_information", "normalize_mi", "pairwise_mi"]

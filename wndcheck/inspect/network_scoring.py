"""dependence_score: how dependent the neurons of a network's layers are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from wndcheck.estimators.validation import (
    RandomState,
    check_index_of_groups,
    check_integer,
    drawn_seed,
    real_samples,
    sample_labels,
)
from wndcheck.inspect.layer_scoring import FEWEST_ROWS, ScoringOptions, drawn_rows, score_layer
from wndcheck.inspect.results import Activations, LayerScore, NetworkScore

if TYPE_CHECKING:
    from torch import Tensor, nn


def dependence_score(
    model: nn.Module | Mapping[str, ArrayLike] | ArrayLike,
    x: Any = None,
    layers: str | Sequence[str] | None = None,
    *,
    when: str = "pre",
    activation: Callable[[Tensor], Tensor] | None = None,
    batch_size: int | None = 256,
    batch_to_inputs: Callable[[Any], Any] | None = None,
    forward_kwargs: Mapping[str, Any] | None = None,
    positions: Any = 1,
    neuron_axis: int | None = None,
    max_samples: int | None = 1000,
    groups: Any = None,
    dtype: Any = None,
    k: int = 3,
    estimator: str | None = None,
    max_pairs: int = 3000,
    n_shuffles: int | None = None,
    n_parts: int = 10,
    rate: float = 0.05,
    top: int = 10,
    random_state: RandomState = 0,
    device: str = "auto",
    n_jobs: int | None = None,
) -> NetworkScore:
    """Dependence score of each layer of a network on given inputs, in nats.

    Parameters
    ----------
    model : torch.nn.Module, or activations: mapping of layer name to (samples, neurons), or a single such array
        A network is probed on x (see `probe` for x, layers, when, activation, batch_size, batch_to_inputs,
        forward_kwargs, positions, neuron_axis and dtype).
    max_samples : int, optional
        Largest number of inputs: a seeded draw, or the first ones of an iterable. The paper takes 1000. ι has the bias
        of the estimator, which depends on their number: compare layers measured on equally many inputs. The time grows
        faster than their number.
    groups : array-like (samples,), or function of a batch of a loader or data set that returns one, optional
        A label for each input, such as its class: `within` and `between` of a layer say how much of ι_c its pairs share
        beyond the groups and through them. A loader of (x, label): ``groups=lambda batch: batch[1]``.
    k, device, n_jobs
        As for `pairwise_mi`. The network itself runs on its own device.
    estimator : {"3h", "ksg1", "ksg2"}, optional
        By default the paper's 3H, and KSG1 with jitter for a layer in which more than a tenth of the neurons have a
        point mass, as after ReLU.
    max_pairs : int
        Largest number of pairs estimated in a layer; beyond it, a seeded sample of the pairs.
    n_shuffles : int, optional
        Number of shuffles of the null that is subtracted from ι. By default 2 to 100, more for fewer pairs, for 6000
        estimates or more where that takes no more shuffles. p- and q-values need none: they are those of the ranks.
    n_parts : int
        Number of disjoint parts of the inputs for the standard errors, each of at least 20 inputs.
    rate, top : float, int
        False-discovery rate of the pairs found dependent; number of most dependent pairs listed.
    random_state : int, numpy Generator or RandomState, or None
        Seed of all draws; `meta` has the integer that a generator or None gave.

    Returns
    -------
    NetworkScore
        A `LayerScore` for each layer, remarks on what could not be measured, `to_dict()`; prints as a table.

    Raises
    ------
    TypeError, ValueError
        As `probe`, and for activations that are not finite, have fewer than two neurons, or too few rows.

    Notes
    -----
    One network is measured on a sample of inputs: standard errors are over inputs. The paper's threshold for
    independence is 0.01 (§4); its last layers stay above it.

    Inputs must be independent of each other, as for `pairwise_mi`: consecutive frames or windows are to be thinned.

    Examples
    --------
    >>> z = np.random.default_rng(0).standard_normal((1000, 12))
    >>> z[:, 3] = 0.8 * z[:, 7] + 0.6 * z[:, 3]
    >>> scores = dependence_score({"fc": z})
    >>> scores["fc"].pairs[0].neurons
    (3, 7)
    >>> scores["fc"].pairs[0].q < 0.05 < scores["fc"].pairs[1].q
    True
    """
    random_state = drawn_seed(random_state)
    options = ScoringOptions(k, estimator, max_pairs, n_shuffles, n_parts, rate, top, random_state, device, n_jobs)
    options.check()
    if max_samples is not None:
        check_integer(max_samples, "max_samples", least=1)
    if hasattr(model, "named_modules"):
        if x is None:
            raise TypeError("x is missing: give the inputs to run the model on, dependence_score(model, x)")
        from wndcheck.inspect.probing import probe  # imports torch

        activations = probe(
            model,  # type: ignore[arg-type]
            x,
            layers,
            when=when,
            activation=activation,
            batch_size=batch_size,
            batch_to_inputs=batch_to_inputs,
            forward_kwargs=forward_kwargs,
            positions=positions,
            neuron_axis=neuron_axis,
            max_samples=max_samples,
            groups=groups,
            dtype=dtype,
            random_state=random_state,
        )
    else:
        if x is not None:
            raise TypeError(f"model is {type(model).__name__}, not a torch.nn.Module: give activations without x")
        activations = select_activations(model, layers, max_samples, random_state, groups)
    meta = {"when": when, "positions": positions if isinstance(positions, int) else 1, "dtype": dtype and str(dtype)}
    if activation is not None:
        meta |= {"when": "post", "activation": getattr(activation, "__name__", repr(activation))}
    return score_layers(activations, options, strict=layers is not None, meta=meta)


def select_activations(
    activations: Any, layers: str | Sequence[str] | None, max_samples: int | None, random_state: int, groups: Any = None
) -> Activations:
    """The user's own activations, of the requested layers and of at most max_samples samples."""
    known = activations if isinstance(activations, Mapping) else {"activations": activations}
    given = known if isinstance(known, Activations) else Activations({})
    names = list(known) if layers is None else [layers] if isinstance(layers, str) else list(layers)
    if not names:
        raise ValueError("no layers: give at least one, {'name': activations}")
    if callable(groups):
        raise TypeError("groups is a function, for batches of inputs: for activations give a label for each sample")
    chosen: dict[str, Any] = {}
    numbers = None
    for name in names:
        if name not in known:
            raise ValueError(f"layer {name!r}: the activations have none of that name, but {', '.join(known)}")
        try:
            array = real_samples(known[name], "the array", ndim=(2,))
            check_index_of_groups(known[name], groups, "activations")
        except (TypeError, ValueError) as error:
            raise type(error)(f"layer {name!r}: {error}") from None
        single = np.max(array.resolution) > np.finfo(np.float64).eps
        rows = array.values.astype(np.float32 if single else np.float64)
        per_sample = given.rows_per_sample.get(name, 1)
        numbers = given.groups
        if groups is not None:
            labels: dict[Any, int] = {}
            numbers = np.array(
                [labels.setdefault(each, len(labels)) for each in sample_labels(groups, len(rows) // per_sample)]
            )
        chosen[name] = drawn_rows(rows, per_sample, max_samples, random_state)
        numbers = None if numbers is None else drawn_rows(numbers, 1, max_samples, random_state)
    rows_per_sample = {name: given.rows_per_sample.get(name, 1) for name in chosen}
    return Activations(chosen, given.left_out, rows_per_sample, given.reached or None, given.inputs, numbers)


def score_layers(
    activations: Activations, options: ScoringOptions, *, strict: bool, meta: dict[str, Any]
) -> NetworkScore:
    """Score every layer. One that cannot be scored is left out with the reason, unless it was named (strict)."""
    layers: dict[str, LayerScore] = {}
    left_out = dict(activations.left_out)
    for name, rows in activations.items():
        try:
            layers[name] = score_layer(name, rows, activations.rows_per_sample[name], options, activations.groups)
        except ValueError as error:
            if strict or len(rows) < FEWEST_ROWS * options.n_parts:
                raise
            left_out[name] = str(error).removeprefix(f"layer {name!r}: ")
    if not layers:
        raise ValueError("no layer can be scored:\n" + "\n".join(f"layer {n!r}: {why}" for n, why in left_out.items()))
    meta |= {"last_layer": activations.reached[-1]} | asdict(options)
    return NetworkScore(layers, left_out, meta, activations.inputs)

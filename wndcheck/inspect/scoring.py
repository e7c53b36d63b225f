"""How dependent the neurons of a network's layers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from wndcheck.estimators.validation import check_integer, real_samples
from wndcheck.inspect.activations import Activations
from wndcheck.inspect.measuring import FEWEST_ROWS, Scoring, layer_score
from wndcheck.inspect.results import LayerScore, NetworkScore

if TYPE_CHECKING:
    from torch import nn


def dependence_score(
    model: nn.Module | Mapping[str, ArrayLike] | ArrayLike,
    x: Any = None,
    layers: str | Sequence[str] | None = None,
    *,
    when: str = "pre",
    batch_size: int = 256,
    positions: int = 1,
    neuron_axis: int | None = None,
    max_samples: int | None = 1000,
    k: int = 3,
    estimator: str | None = None,
    max_pairs: int = 5000,
    n_shuffles: int | None = None,
    n_parts: int = 10,
    rate: float = 0.05,
    top: int = 10,
    random_state: int = 0,
    device: str = "auto",
    n_jobs: int | None = None,
) -> NetworkScore:
    """How dependent the neurons of each layer of a network are on given inputs, in nats.

    Parameters
    ----------
    model : torch.nn.Module, or activations: mapping of layer name to (samples, neurons), or a single such array
        A network is probed on x (see `probe`, which takes x, layers, when, batch_size, positions, neuron_axis).
    max_samples : int, optional
        Inputs measured: a seeded draw of them, or the first of an iterable. The paper takes 1000; ι, which has the
        estimator's bias, is best compared between layers measured on as many, and the time grows faster than they do.
    k, device, n_jobs
        As `pairwise_mi` takes them. The network itself runs where it is.
    estimator : {"3h", "ksg1", "ksg2"}, optional
        By default the paper's 3H, and KSG1 with jitter for a layer in which more than a tenth of the neurons have a
        point mass, as after ReLU.
    max_pairs : int
        Pairs estimated in a layer: all of them, or a seeded sample of so many.
    n_shuffles : int, optional
        Shuffles of the null; by default 20 to 100, the more the fewer pairs, so that a single dependent one can be
        found.
    n_parts : int
        Disjoint parts of the inputs that standard errors come from; 20 rows a part at least.
    rate, top : float, int
        False-discovery rate of the pairs found dependent, and how many of the most dependent pairs are listed.
    random_state : int
        Seed of all draws.

    Returns
    -------
    NetworkScore
        A `LayerScore` a layer, remarks on what could not be measured, `to_dict()`, and a table when printed.

    Raises
    ------
    TypeError, ValueError
        As `probe`, and for activations that are not finite, of fewer than two neurons, or too few rows.

    Notes
    -----
    One network is measured, on a sample of inputs: the standard errors are over inputs. The paper's threshold for
    independence is .01 (§4), and its last layers stay above it.

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
    how = Scoring(k, estimator, max_pairs, n_shuffles, n_parts, rate, top, random_state, device, n_jobs)
    how.check()
    if max_samples is not None:
        check_integer(max_samples, "max_samples", least=1)
    if hasattr(model, "named_modules"):
        if x is None:
            raise TypeError("x is missing: give the inputs to run the model on, dependence_score(model, x)")
        from wndcheck.inspect.probing import probe

        found = probe(
            model,  # type: ignore[arg-type]
            x,
            layers,
            when=when,
            batch_size=batch_size,
            positions=positions,
            neuron_axis=neuron_axis,
            max_samples=max_samples,
            random_state=random_state,
        )
    else:
        if x is not None:
            raise TypeError(f"model is {type(model).__name__}, not a torch.nn.Module: give activations without x")
        found = given(model, layers, max_samples, random_state)
    return scored(found, how, strict=layers is not None, meta={"when": when, "positions": positions})


def given(
    activations: Any, layers: str | Sequence[str] | None, max_samples: int | None, random_state: int
) -> Activations:
    """Activations of the user's own, those of the layers asked for, no more samples than asked for."""
    known = activations if isinstance(activations, Mapping) else {"activations": activations}
    names = list(known) if layers is None else [layers] if isinstance(layers, str) else list(layers)
    if not names:
        raise ValueError("no layers: give at least one, {'name': activations}")
    per_sample = getattr(activations, "rows_per_sample", {})
    chosen: dict[str, Any] = {}
    for name in names:
        if name not in known:
            raise ValueError(f"layer {name!r}: the activations have none of that name, but {', '.join(known)}")
        try:
            samples_of = real_samples(known[name], "the array", ndim=(2,))
        except (TypeError, ValueError) as error:
            raise type(error)(f"layer {name!r}: {error}") from None
        single = np.max(samples_of.resolution) > np.finfo(np.float64).eps
        rows = samples_of.values.astype(np.float32 if single else np.float64)  # as precise as it came, no more
        together = per_sample.get(name, 1)
        samples = len(rows) // together
        if max_samples is not None and max_samples < samples:
            kept = np.sort(np.random.default_rng(random_state).choice(samples, max_samples, replace=False))
            rows = rows.reshape(samples, together, -1)[kept].reshape(max_samples * together, -1)
        chosen[name] = rows
    together = {name: per_sample.get(name, 1) for name in chosen}
    return Activations(chosen, getattr(activations, "left_out", {}), together, getattr(activations, "reached", None))


def scored(found: Activations, how: Scoring, *, strict: bool, meta: dict[str, Any]) -> NetworkScore:
    """Every layer scored; one that was not asked for by name and cannot be is left out, and said to be."""
    layers: dict[str, LayerScore] = {}
    left_out = dict(found.left_out)
    for name, rows in found.items():
        try:
            layers[name] = layer_score(name, rows, found.rows_per_sample[name], how)
        except ValueError as error:
            if strict or len(rows) < FEWEST_ROWS * how.n_parts:
                raise
            left_out[name] = str(error).removeprefix(f"layer {name!r}: ")
    if not layers:
        raise ValueError("no layer can be scored:\n" + "\n".join(f"layer {n!r}: {why}" for n, why in left_out.items()))
    return NetworkScore(layers, left_out, meta | {"last_layer": found.reached[-1]} | asdict(how))

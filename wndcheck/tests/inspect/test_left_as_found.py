"""A network is left as it was found: every attribute of every module, on many kinds of modules."""

from __future__ import annotations

import random
import warnings
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from wndcheck import probe

pytestmark = pytest.mark.usefixtures("one_thread")


def described(value: Any) -> Any:
    """A value for comparison: tensors and containers by identity and by value, everything else by identity."""
    if isinstance(value, Tensor):
        dense = value.detach().to_dense() if value.is_sparse else value.detach()
        grad = None if not value.is_leaf or value.grad is None else (id(value.grad), value.grad.tolist())
        at = None if value.is_sparse else (value.data_ptr(), value.stride())
        return id(value), dense.tolist(), at, value.shape, value.dtype, value.requires_grad, id(value.grad_fn), grad
    if isinstance(value, dict):
        return id(value), [(key, described(each)) for key, each in value.items()]
    if isinstance(value, list | tuple | deque):
        return id(value), [described(each) for each in value]
    if isinstance(value, set):
        return id(value), sorted(value)
    if isinstance(value, np.ndarray):
        return id(value), value.tolist()
    if isinstance(value, torch.Generator):
        return id(value), value.get_state().tolist()
    if isinstance(value, np.random.RandomState):
        return id(value), str(value.get_state(legacy=False))
    if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom):
        return id(value), value.getstate()
    if isinstance(value, np.random.Generator):
        return id(value), str(value.bit_generator.state)
    if isinstance(value, Memory):
        return id(value), described(vars(value))
    return value if isinstance(value, int | float | str) else id(value)


def state_of(net: nn.Module) -> dict[str, Any]:
    return {f"{name}.__dict__": described(vars(module)) for name, module in net.named_modules()}


class Memory:
    """What a module keeps between calls, outside of its own attributes."""

    def __init__(self) -> None:
        self.calls, self.last = 0, None


class Keeps(nn.Module):
    """A layer whose forward pass calls `remember`, which keeps something."""

    def __init__(self, remember: Callable[[Any, Tensor], Any], **attributes: Any) -> None:
        super().__init__()
        self.fc, self.remember = nn.Linear(6, 4), remember
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x)
        self.remember(self, y)
        return y


class Momentum(nn.Module):
    """Keeps running statistics with function calls that ignore the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.norm = nn.Linear(6, 4), nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.fc(x)
        nn.functional.batch_norm(y, self.norm.running_mean, self.norm.running_var, training=True)
        return y


class Recurrent(nn.Module):
    """Carries the state of its cell from call to call."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.fc, self.hidden = nn.LSTMCell(6, 6), nn.Linear(6, 4), None

    def forward(self, x: Tensor) -> Tensor:
        self.hidden = self.cell(x, self.hidden)
        return self.fc(self.hidden[0])


class Forces(nn.Module):
    """A network with a derivative in its forward pass, which accumulates gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 4)
        self.fc.weight.grad = torch.ones(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            y = self.fc(x)
            y.pow(2).sum().backward()
        self.fc.bias.requires_grad_(False)
        return y.detach()


def old_style(wrap: Callable[[nn.Module], nn.Module]) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated, and in many networks
        return nn.Sequential(wrap(nn.Linear(6, 5)), nn.ReLU(), wrap(nn.Linear(5, 4)))


def pruned() -> nn.Module:
    net = nn.Sequential(nn.Linear(6, 5), nn.Linear(5, 4))
    prune.l1_unstructured(net[0], "weight", amount=0.4)
    prune.random_structured(net[1], "weight", amount=0.5, dim=0)
    return net


def parametrized() -> nn.Module:
    net = nn.Sequential(parametrizations.weight_norm(nn.Linear(6, 5)), parametrizations.spectral_norm(nn.Linear(5, 4)))
    parametrize.register_parametrization(net[0], "bias", nn.Tanh())
    return net


def cached(net: Any, y: Tensor) -> None:
    net.cache[:2] = y[:2]


def remembered(net: Any, y: Tensor) -> None:
    net.memory.calls += 1
    net.memory.last = y


def appended(net: Any, y: Tensor) -> None:
    net.seen.append(y)
    net.recent.append(len(y))
    net.named["last"] = y
    net.named.move_to_end("first")
    net.sizes.add(len(y))
    net.counts["calls"] += 1
    net.nested[0]["values"].extend(y[0])


def attributes(net: Any, y: Tensor) -> None:
    del net.old
    net.new, net.number, net.flag = y, net.number + 1, not net.flag
    net.fc.extra = "text"
    net.step += 1


def clipped(net: Any, y: Tensor) -> None:
    net.fc.weight.data.clamp_(-0.1, 0.1)
    net.fc.bias.data = torch.zeros(4)


def turned(net: Any, y: Tensor) -> None:
    net.cache.data = net.cache.data.as_strided((4, 4), (1, 4))  # the same memory, read in another order


def decayed(net: Any, y: Tensor) -> None:
    torch._foreach_mul_([net.fc.weight, net.fc.bias], 0.5)  # as optimizers and moving averages do


def rebuilt(net: Any, y: Tensor) -> None:
    net.fc = nn.Linear(6, 4)
    net.added = nn.ReLU()
    net.register_forward_hook(lambda *_: None)


def drawn(net: Any, y: Tensor) -> None:
    torch.rand(2, generator=net.torch_draws)
    net.numpy_draws.random(), net.old_draws.random(), net.python_draws.random()
    net.array[0] += 1


KINDS: dict[str, Callable[[], nn.Module]] = {
    "weight_norm": lambda: old_style(weight_norm),
    "spectral_norm": lambda: old_style(spectral_norm),
    "parametrizations": parametrized,
    "pruning": pruned,
    "batch norm by function": Momentum,
    "hidden state": Recurrent,
    "recurrent": lambda: Keeps(lambda net, y: net.lstm.flatten_parameters(), lstm=nn.LSTM(6, 3, 2)),
    "a cache": lambda: Keeps(cached, cache=torch.zeros(8, 4)),
    "a buffer": lambda: Keeps(cached, cache=nn.Buffer(torch.zeros(8, 4))),
    "a view": lambda: Keeps(turned, cache=nn.Buffer(torch.arange(16.0).view(4, 4))),
    "a read-only array": lambda: Keeps(lambda net, y: None, table=np.broadcast_to(np.zeros(1), 3)),
    "an object": lambda: Keeps(remembered, memory=Memory()),
    "containers": lambda: Keeps(
        appended,
        seen=[],
        recent=deque([1], maxlen=2),
        named=OrderedDict(first=1),
        sizes={3},
        counts=Counter(calls=2),
        nested=({"values": []},),
    ),
    "attributes": lambda: Keeps(attributes, old=1, number=0, flag=True, step=nn.Buffer(torch.zeros(()))),
    "weights clipped": lambda: Keeps(clipped),
    "weights decayed": lambda: Keeps(decayed),
    "a sparse tensor": lambda: Keeps(lambda net, y: net.links.mul_(2), links=nn.Buffer(torch.eye(4).to_sparse())),
    "modules": lambda: Keeps(rebuilt),
    "generators": lambda: Keeps(
        drawn,
        torch_draws=torch.Generator(),
        numpy_draws=np.random.default_rng(1),
        old_draws=np.random.RandomState(1),
        python_draws=random.Random(1),
        systems_draws=random.SystemRandom(),
        array=np.zeros(3),
    ),
    "gradients": Forces,
    "compiled": lambda: nn.Sequential(torch.compile(nn.Linear(6, 5), backend="eager"), nn.Linear(5, 4)),
    "tied": lambda: Keeps(clipped, also=nn.Linear(6, 4)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_attribute_is_left_as_it_was(kind: str, training: bool) -> None:
    torch.manual_seed(0)
    net, x = KINDS[kind]().train(training), torch.randn(30, 6)
    if kind == "tied":
        net.also.weight = net.fc.weight
    before, inputs = state_of(net), x.clone()
    probe(net, x, batch_size=8)
    assert state_of(net) == before
    assert torch.equal(x, inputs)


@pytest.mark.parametrize("dtype", [None, "float64"])
@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm", "pruning", "parametrizations", "recurrent"])
def test_training_goes_on_as_if_nothing_had_been_measured(kind: str, dtype: str | None) -> None:
    def trained(measured: bool) -> Tensor:
        torch.manual_seed(0)
        net, x = KINDS[kind](), torch.randn(30, 6)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            loss = net(x).pow(2).mean()
            if measured:
                before = state_of(net)
                probe(net, x, dtype=dtype)
                assert state_of(net) == before
            loss.backward()
            optimizer.step()
        return torch.cat([p.detach().flatten() for p in net.parameters()])

    assert torch.equal(trained(measured=True), trained(measured=False))


def test_tied_parameters_stay_tied_in_another_precision() -> None:
    tied = []
    net = Keeps(lambda net, _: tied.append(net.fc.weight is net.also.weight), also=nn.Linear(6, 4))
    net.also.weight = net.fc.weight
    probe(net, torch.randn(9, 6), dtype="float64")
    assert tied
    assert all(tied)


def test_a_network_with_a_generator_of_its_own_is_random() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.draws = nn.Linear(6, 4), torch.Generator()

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(x + torch.rand(x.shape, generator=self.draws))

    with pytest.raises(ValueError, match="the network is random in evaluation mode"):
        probe(Noisy(), torch.randn(9, 6))


def test_every_batch_is_forwarded_by_the_network_as_it_was_found() -> None:
    net, x = Recurrent(), torch.randn(30, 6)
    with torch.no_grad():
        expected = net.fc(net.cell(x)[0])
    for size in (30, 7):
        np.testing.assert_allclose(probe(net, x, "fc", batch_size=size)["fc"], expected.numpy(), atol=1e-6)


def test_embeddings_that_a_pass_rescales_are_restored() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.fc = nn.Embedding(9, 6, max_norm=0.5), nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.words(x))

    net = Words()
    before = state_of(net)
    probe(net, torch.randint(9, (30,)))
    assert state_of(net) == before


def test_inputs_are_not_modified_by_a_network_that_works_in_place() -> None:
    net, x = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(6, 4)), torch.randn(30, 6)
    before = x.clone()
    found = probe(net, x)["1"]
    assert torch.equal(x, before)
    np.testing.assert_allclose(found, net[1](x.relu()).detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("fails", [False, True])
def test_global_generators_are_left_as_they_were(fails: bool) -> None:
    def states() -> list[Any]:
        return [random.getstate(), torch.get_rng_state().tolist(), *np.random.get_state()[1:3]]  # noqa: NPY002

    def draw(net: Any, y: Tensor) -> None:
        random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002
        if fails:
            raise ValueError("no forward pass")

    net, x = Keeps(draw), torch.randn(9, 6)
    before = states()
    with pytest.raises(ValueError, match="no forward pass") if fails else nullcontext():
        probe(net, x)
    np.testing.assert_equal(states(), before)


def test_what_a_hook_prepares_for_a_pass_is_there_in_it_alone() -> None:
    seen: list[int] = []
    net = Keeps(lambda net, y: seen.append(net.number), number=0)
    net.register_forward_pre_hook(lambda net, inputs: setattr(net, "number", net.number + 1))
    probe(net, torch.randn(30, 6), batch_size=8)
    assert set(seen) == {1}
    assert net.number == 0


def test_parameters_that_are_only_read_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of a large network's weights would double its memory."""
    copied: list[Tensor] = []
    clone = Tensor.clone
    monkeypatch.setattr(Tensor, "clone", lambda self, **options: copied.append(self) or clone(self, **options))
    probe(nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU()), torch.randn(9, 6), "0")
    assert not any(tensor.shape == (4, 6) for tensor in copied)

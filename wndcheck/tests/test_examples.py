"""The scripts in examples/ run, with fewer training steps, and show what they claim."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples are in the repository, not in the package"),
    pytest.mark.usefixtures("one_thread"),
]


def example(name: str) -> ModuleType:
    spec = spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_mlp_grows_more_dependent_in_training(capsys: pytest.CaptureFixture[str]) -> None:
    before, after = example("mlp").main(epochs=1)
    assert list(before) == list(after) == ["0", "2", "4", "6", "8"]
    assert after["8"].corrected > before["8"].corrected
    assert "after training" in capsys.readouterr().out


def test_the_convnet_is_measured_before_and_after_relu() -> None:
    pre, post = example("convnet").main(epochs=1)
    assert list(pre) == ["0", "2", "5", "7"]
    assert list(post) == ["0", "2", "5"]
    assert list(post.left_out) == ["7"]
    assert {layer.estimator for layer in post.layers.values()} == {"ksg1"}


def test_the_encoders_attention_is_measured() -> None:
    found = example("transformer").main(steps=20)
    assert len(found) == 14
    assert {"encoder.layers.0.self_attn.q_proj", "encoder.layers.1.norm2", "head"} <= set(found)
    assert all(layer.rows == 1000 for layer in found.layers.values())


def test_padded_sentences_are_measured_at_their_words() -> None:
    found = example("bert").main(epochs=1)
    assert len(found) == 13
    assert found.inputs[1] == "positions are drawn where attention_mask says no padding"
    first = found["encoder.layers.0.self_attn.q_proj"]
    assert any("rows are different: the layer takes so few values" in note for note in first.notes)


def test_the_residual_perceptron_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = example("width_sweep").main(widths=(20, 28, 40), seeds=2, max_pairs=20)
    assert sweep.grid.layers == ("blocks.0", "blocks.1", "blocks.2", "head")
    assert not sweep.failures
    assert min(record.accuracy[1] for record in sweep.records) > 0.8
    assert "weak_dependence: " in capsys.readouterr().out
    assert "layer blocks.2" in (tmp_path / "width_sweep.svg").read_text(encoding="utf-8")


def test_examples_are_short() -> None:
    files = sorted(FOLDER.glob("*.py"))
    assert len(files) == 5
    assert all(len(file.read_text().splitlines()) < 60 for file in files)

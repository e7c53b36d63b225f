from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from safetensors.torch import save_file

from wndcheck import dependence_score
from wndcheck.tests.inspect.networks import GraphConvolution

MODEL = """
import torch

def make_net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4))
"""

Command = Callable[..., Result]


def network() -> torch.nn.Module:
    namespace: dict = {}
    exec(MODEL, namespace)
    return namespace["make_net"]()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a model and its inputs."""
    (tmp_path / "net_to_score.py").write_text(MODEL)
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((300, 6)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def score(folder: Path, cli: Command) -> Command:
    """Run `wndcheck score` on the model and its inputs."""

    def run(*arguments: str, model: str = "net_to_score.py:make_net") -> Result:
        return cli("score", model, "--data", "x.npy", "--device", "cpu", *arguments)

    return run


def test_a_table_has_a_line_a_layer_and_remarks_go_to_standard_error(score: Command) -> None:
    outcome = score()
    assert outcome.exit_code == 0, outcome.output
    lines = [line.split() for line in outcome.stdout.splitlines() if line.strip()]
    assert lines[0][:4] == ["layer", "neurons", "rows", "pairs"]
    assert [line[:4] for line in lines[1:]] == [["0", "5", "300", "10"], ["2", "4", "300", "6"]]
    assert all({"supported", "refuted", "inconclusive"} & set(line) for line in lines[1:])
    assert "0, 2: 300 rows are few" in outcome.stderr


def test_json_equals_the_librarys_result(score: Command) -> None:
    document = json.loads(score("--json", "--layers", "2", "--seed", "3").stdout)
    direct = dependence_score(network(), np.load("x.npy"), "2", random_state=3)
    assert document["layers"] == direct.to_dict()["layers"]
    assert document["layers"]["2"]["score"] == direct["2"].score


def test_a_factory_draws_from_the_seed_and_a_message_says_so(folder: Path, score: Command) -> None:
    (folder / "drawn.py").write_text(MODEL.replace("torch.manual_seed(0)", "pass"))
    torch.manual_seed(8)
    first, again, other = (score("--json", "--seed", seed, model="drawn.py:make_net") for seed in "334")
    assert first.stdout == again.stdout != other.stdout
    assert "the weights are those that drawn.py:make_net makes; trained ones are loaded by --state-dict" in first.stderr
    save_file(network().state_dict(), "w.safetensors")
    assert "the weights are" not in score("--state-dict", "w.safetensors").stderr


def test_layers_when_samples_and_pairs_are_options_of_the_score(score: Command) -> None:
    both = json.loads(score("--json", "--layers", "0,2", "--samples", "250", "--pairs", "3").stdout)["layers"]
    assert {name: (each["rows"], each["pairs_estimated"]) for name, each in both.items()} == dict.fromkeys(
        "02", (250, 3)
    )
    post = json.loads(score("--json", "--when", "post").stdout)
    assert list(post["layers"]) == ["0"]
    assert post["layers"]["0"]["estimator"] == "ksg1"
    assert list(post["left_out"]) == ["2"]


def test_weights_are_loaded(score: Command) -> None:
    state = network().state_dict()
    state["0.weight"][:] = state["0.weight"][0]  # five times the same neuron
    save_file(state, "net.safetensors")
    found = json.loads(score("--json", "--state-dict", "net.safetensors").stdout)
    assert len(found["layers"]["0"]["identical"]) == 10
    torch.save(state, "net.pt")
    refused = score("--state-dict", "net.pt")
    assert refused.exit_code == 1
    assert "net.pt is a pickle: save it as .safetensors instead" in refused.stderr
    assert "--allow-pickle" in refused.stderr
    allowed = json.loads(score("--json", "--state-dict", "net.pt", "--allow-pickle").stdout)
    assert allowed["layers"] == found["layers"]


def test_positions_of_a_network_without_any_are_pointed_out(score: Command) -> None:
    remark = "positions=5 has no effect: no layer's output has more than 1 position per sample"
    assert remark in score("--positions", "5").stderr
    assert remark in score("--positions", "5", "--json").stderr
    assert "positions" not in score().stderr


def test_a_narrow_terminal_shows_fewer_columns(score: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wndcheck.cli.score.columns", lambda: 80)
    lines = [line.split() for line in score().stdout.splitlines() if line.strip()]
    assert lines[0] == ["layer", "neurons", "ι", "ι_c", "±", "se", "ι_r", "dependent", "verdict"]
    assert [line[:2] for line in lines[1:]] == [["0", "5"], ["2", "4"]]


def test_the_margin_moves_the_verdicts(score: Command) -> None:
    def verdicts(*arguments: str) -> set[str]:
        return {each["verdict"] for each in json.loads(score("--json", *arguments).stdout)["verdicts"].values()}

    assert verdicts("--margin", "5") == {"supported"}
    assert verdicts("--margin", "0") <= {"refuted", "inconclusive"}
    for margin in ("-1", "nan", "inf", "x"):
        assert score("--margin", margin, "--layers", "absent").exit_code == 2, "refused before anything is computed"


def test_the_page_is_written_where_the_report_goes(folder: Path, score: Command) -> None:
    outcome = score("--report", "page", "--layers", "0", "--seed", "3", "--json")
    assert outcome.exit_code == 0, outcome.output
    assert "wndcheck: page/index.html" in outcome.stderr
    text = (folder / "page" / "index.html").read_text(encoding="utf-8")
    line = "wndcheck score net_to_score.py:make_net --data x.npy --layers 0 --device cpu --seed 3"
    assert line in text
    written = json.loads((folder / "page" / "score.json").read_text(encoding="utf-8"))
    assert written["layers"] == json.loads(outcome.stdout)["layers"]
    assert written["how"]["inputs"] == "x.npy"


def test_a_page_that_cannot_be_written_is_exit_status_1(folder: Path, score: Command) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "verdicts.json").write_text("{}")
    outcome = score("--report", "run")
    assert outcome.exit_code == 1
    assert "Error: run holds the report of a run of claims (verdicts.json): name another folder" in outcome.stderr
    assert [path.name for path in (folder / "run").iterdir()] == ["verdicts.json"]
    outcome = score("--report", "x.npy/page")
    assert outcome.exit_code == 1
    assert "the page cannot be written to x.npy/page (Not a directory): name another --report" in outcome.stderr


def test_checkpoints_are_compared(folder: Path, score: Command) -> None:
    state = network().state_dict()
    save_file(state, "step1.safetensors")
    state["2.weight"][:] = state["2.weight"][0]
    save_file(state, "step20.safetensors")
    weights = ["--state-dict", "step1.safetensors", "--state-dict", "step20.safetensors"]
    outcome = score(*weights, "--report", "page")
    assert outcome.exit_code == 0, outcome.output
    head, *lines = [line.split() for line in outcome.stdout.splitlines() if line.strip()]
    assert head[-2:] == ["step1", "step20"]
    assert [line[0] for line in lines] == ["0", "2"]
    found = json.loads(score(*weights, "--json").stdout)["checkpoints"]
    assert list(found) == ["step1.safetensors", "step20.safetensors"]
    for name, each in found.items():
        single = json.loads(score("--state-dict", name, "--json").stdout)
        assert single == each
    assert [line[2] for line in lines] == [f"{found['step1.safetensors']['layers'][n]['corrected']:.4f}" for n in "02"]
    rows = (folder / "page" / "figure-checkpoints.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == ["1", "1", "20", "20"]
    text = (folder / "page" / "index.html").read_text(encoding="utf-8")
    assert "--state-dict step1.safetensors --state-dict step20.safetensors" in text
    as_globbed = score("--json", "--state-dict", "step20.safetensors", "step1.safetensors")
    assert list(json.loads(as_globbed.stdout)["checkpoints"].items()) == list(found.items())
    save_file({name: torch.full_like(w, torch.nan) for name, w in state.items()}, "step3.safetensors")
    refused = score("step1.safetensors", "step3.safetensors")
    assert refused.exit_code == 1
    assert "Error: step3.safetensors: layer '0': its output has NaN" in refused.stderr
    refused = score("--state-dict", "step1.safetensors", "--state-dict", "none.safetensors")
    assert refused.exit_code == 1
    assert "none.safetensors is not there" in refused.stderr


def test_groups_are_labels_of_the_inputs(folder: Path, score: Command) -> None:
    labels = np.where(np.load("x.npy")[:, 0] > 0, "up", "down")
    np.save(folder / "labels.npy", labels)
    outcome = score("--groups", "labels.npy")
    assert {"within", "between"} <= set(outcome.stdout.split())
    found = json.loads(score("--groups", "labels.npy", "--json").stdout)["layers"]
    direct = dependence_score(network(), np.load("x.npy"), groups=labels)
    assert found == direct.to_dict()["layers"]
    np.save(folder / "labels.npy", labels[:-1])
    assert "Error: groups holds 299 labels for 300 samples" in score("--groups", "labels.npy").stderr
    np.save(folder / "labels.npy", np.stack([labels, labels]))
    assert "labels.npy has shape (2, 300): expected a label for each sample" in score("--groups", "labels.npy").stderr


GRAPH = """
import torch
from wndcheck.tests.inspect.networks import GraphConvolution

def make_net():
    torch.manual_seed(0)
    return GraphConvolution()

def make_half():
    return make_net().bfloat16()
"""


def test_arguments_that_are_not_of_samples_and_batches_that_are_not_cut(folder: Path, score: Command) -> None:
    (folder / "graph.py").write_text(GRAPH)
    edges = np.random.default_rng(1).integers(300, size=(2, 900))
    np.savez(folder / "edges.npz", edge_index=edges)
    options = ["--forward-kwargs", "edges.npz", "--batch-size", "0", "--json"]
    found = score(*options, model="graph.py:make_net")
    assert found.exit_code == 0, found.output
    torch.manual_seed(0)
    net, x = GraphConvolution(), np.load("x.npy")
    direct = dependence_score(net, x, forward_kwargs={"edge_index": edges}, batch_size=None)
    assert json.loads(found.stdout)["layers"] == direct.to_dict()["layers"]
    half = json.loads(score(*options, "--dtype", "float32", model="graph.py:make_half").stdout)
    expected = dependence_score(net.bfloat16().float(), x, forward_kwargs={"edge_index": edges}, batch_size=None)
    assert half["layers"] == expected.to_dict()["layers"]
    assert "(--dtype float32) measures a copy" in score(*options[:-1], model="graph.py:make_half").stderr
    refused = score("--forward-kwargs", "x.npy", model="graph.py:make_net")
    assert "Error: x.npy has no names: expected a .npz file" in refused.stderr


def test_inputs_by_name_that_forward_does_not_take_are_left_out_and_named(folder: Path, score: Command) -> None:
    np.savez(folder / "named.npz", input=np.load("x.npy"), labels=np.arange(300))
    outcome = score("--data", "named.npz", "--report", "page")
    assert outcome.exit_code == 0, outcome.output
    assert "batches by name: passed input; left out labels" in outcome.stderr
    assert "left out labels" in (folder / "page" / "index.html").read_text(encoding="utf-8")
    found = json.loads(score("--data", "named.npz", "--json").stdout)
    assert found["layers"] == json.loads(score("--json").stdout)["layers"]
    assert found["inputs"] == ["batches by name: passed input; left out labels"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layers", "9"], "Error: layer '9': the model has none of that name"),
        (["--layers", "2", "--when", "post"], "Error: layer '2': its output does not go"),
        (["--device", "tpu"], "expected auto, cpu, cuda or cuda:N; try --device=auto"),
        (["--layers", ","], "Error: --layers names none: give names or shell patterns"),
        (["--samples", "100"], "100 samples: expected at least 20 in each of 10 parts"),
        (["--data", "y.npy"], "Error: y.npy is not there: give the file's path"),
    ],
    ids=str,
)
def test_what_cannot_be_scored_ends_with_status_1(score: Command, arguments: list[str], message: str) -> None:
    outcome = score(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert message in outcome.stderr


def test_a_factory_that_does_not_exist_is_named(score: Command) -> None:
    outcome = score(model="net_to_score.py:make")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "Error: model 'net_to_score.py:make': net_to_score.py has no 'make'" in outcome.stderr


def test_a_wrong_command_line_is_exit_status_2(score: Command, cli: Command) -> None:
    assert score("--when", "during").exit_code == 2
    assert score("--seed", str(2**32)).exit_code == 2
    assert cli("score", "m:f").exit_code == 2


def test_an_interruption_ends_with_its_own_status_and_a_word(
    folder: Path, cli: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wndcheck.inspect.dependence_score", interrupted)
    result = cli("score", "net_to_score:make_net", "--data", "x.npy", "--report", "page")
    assert result.exit_code == 130
    assert result.stderr.endswith("\nwndcheck: interrupted\n")
    assert not (folder / "page").exists()

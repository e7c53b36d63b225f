"""Random input: an error that is documented, or a right answer; never a crash, a hang or a silent NaN.

$WNDCHECK_FUZZ sets the number of examples of each test, for a long run.
"""

from __future__ import annotations

import copy
import io
import json
import math
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wndcheck import knn_entropy, mutual_information, normalize_mi, pairwise_mi
from wndcheck.datasets import DamagedData, load
from wndcheck.datasets.npm import extract
from wndcheck.report.pages import page, summary
from wndcheck.store.files import DAMAGE
from wndcheck.store.kept import StateFile
from wndcheck.store.measurements import Store, packed, verified
from wndcheck.tests.factories import make_claim, make_finding, make_run, write_run
from wndcheck.tests.pytest_plugin.claim_files import entry
from wndcheck.tests.report.example_results import estimator_claims
from wndcheck.tests.tiny import TINY_CELL, assert_same_numbers, random_measurement, write_tiny
from wndcheck.verdicts import expectations
from wndcheck.verdicts.run_files import RunError, encode, read_run

EXAMPLES = int(os.environ.get("WNDCHECK_FUZZ", "15"))
RARE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=RARE)
fewer = settings(many, max_examples=max(5, EXAMPLES // 5))

odd_text = st.text(max_size=8) | st.sampled_from(["", "\x1b[2J", "\udcff", "../../x", "<script>", "nan", "[[expect]]"])
odd_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | odd_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_text, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes of a file: cut, with some changed, some added or some removed."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        kind = draw(st.sampled_from(["cut", "change", "insert", "remove"]))
        if kind == "cut":
            del content[at:]
        elif kind == "change":
            new = draw(st.binary(min_size=1, max_size=4))
            content[at : at + len(new)] = new
        elif kind == "insert":
            content[at:at] = draw(st.binary(min_size=1, max_size=20))
        else:
            del content[at : at + draw(st.integers(1, 100))]
    return bytes(content)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in nested JSON."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(each for key, value in inner for each in places(value, (*path, key)))]


@st.composite
def edited(draw: st.DrawFn, document: Any, values: st.SearchStrategy[Any] = odd_values) -> Any:
    """JSON of which some values are others, are missing, or have other names."""
    made = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        if not (found := places(made)[1:]):
            break
        *path, last = draw(st.sampled_from(found))
        holder = made
        for key in path:
            holder = holder[key]
        kind = draw(st.sampled_from(["change", "change", "remove", "add"]))
        if kind == "change" or isinstance(holder, list):
            holder[last] = draw(values)
        elif kind == "remove":
            del holder[last]
        else:
            holder[draw(odd_text)] = draw(values)
    return made


# --- expectations.toml ------------------------------------------------------------------------------------------------

ENTRY = entry("refuted")


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return '""' if value is None else repr(value) if isinstance(value, float) else json.dumps(value)


@given(st.data())
@many
def test_expectations(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "expectations.toml"
    fields = {"claim": "tiny", "profile": "quick", "checks": ["size"], "verdict": ["refuted"], "reason": "seen"}
    fields |= {"evidence": "two runs", "date": "2026-11-23"}
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(damaged((ENTRY * 2).encode())))
    else:
        made = data.draw(edited({"expect": [fields]}))
        lines = [f"{json.dumps(key)} = {toml(value)}" for key, value in made.items()]
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    try:
        found = expectations.read(path, "quick")
    except expectations.ExpectationError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        for each in found:
            assert each.profile == "quick"
            assert isinstance(each.reason, str)
            expectations.expected(found[:1], "tiny", "size")


# --- verdicts.json ----------------------------------------------------------------------------------------------------

RUN = make_run(make_claim("tiny", make_finding()), estimator_claims()[0])
DOCUMENT = json.loads(encode(RUN))


@given(st.data())
@many
def test_verdicts(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "verdicts.json"
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(damaged(encode(RUN))))
    else:
        path.write_bytes(json.dumps(data.draw(edited(DOCUMENT))).encode())
    try:
        found = read_run(path)
    except RunError as error:
        assert str(path) in str(error)  # noqa: PT017
    else:
        assert encode(msgspec.structs.replace(found)) == encode(found)


@given(edited(DOCUMENT, odd_text))
@fewer
def test_a_page_of_any_run_that_can_be_read(tmp_path: Path, made: Any) -> None:
    (tmp_path / "verdicts.json").write_text(json.dumps(made))
    try:
        run = read_run(tmp_path)
    except RunError:
        return
    assert page(run).count("<script>") == page(RUN).count("<script>"), "text of the run became a script"
    assert "\x1b" not in page(run) + summary(run)


# --- the store --------------------------------------------------------------------------------------------------------


def zipped(arrays: dict[str, np.ndarray]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


RECORD = random_measurement(TINY_CELL)
PACKED = packed(RECORD)
ENTRY_FILE = zipped(PACKED)


@given(st.data())
@many
def test_entries_of_the_store(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is damaged, no other number than that which was written is read."""
    path = Store(tmp_path, pytest.fail).path(TINY_CELL)
    kind = data.draw(st.sampled_from(["bytes", "cell", "numbers"]))
    if kind == "bytes":
        path.write_bytes(data.draw(damaged(ENTRY_FILE)))
    elif kind == "cell":
        cell = json.dumps(data.draw(edited(json.loads(str(PACKED["cell"])))))
        path.write_bytes(zipped(PACKED | {"cell": np.array(cell)}))
    else:
        name = data.draw(st.sampled_from(sorted(RECORD.arrays)))
        array = PACKED[name].copy()
        array.flat[data.draw(st.integers(0, array.size - 1))] = data.draw(st.floats())
        path.write_bytes(zipped(PACKED | {name: array}))
    try:
        found = verified(path)
    except (*DAMAGE, OSError):
        return
    assert_same_numbers(found, RECORD)


@given(st.data())
@many
def test_checkpoints(tmp_path: Path, data: st.DataObject) -> None:
    from wndcheck.experiment.measurement.provenance import State

    said: list[str] = []
    file = StateFile(tmp_path / "key-0-2.safetensors", said.append)
    file.save(State({"a": np.arange(6.0).reshape(2, 3)}, {"epochs": 3}))
    file.path.write_bytes(data.draw(damaged(file.path.read_bytes())))
    if (found := file.load()) is None:
        assert said
        assert not file.path.exists()
    else:
        assert found.arrays["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


# --- the data ---------------------------------------------------------------------------------------------------------

NAMES = ["package/a", "../a", "/tmp/a", "package/../../a", "package", "package/a/b", "./package/a"]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([*"01234567"]), st.sampled_from(NAMES)), max_size=4))
@many
def test_archives_stay_in_their_folder(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, str, str]]
) -> None:
    root = tmp_path_factory.mktemp("archive")
    archive, outside = root / "x.tgz", {"x.tgz", "unpacked"}
    with tarfile.open(archive, "w:gz") as tar:
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind.encode(), link
            member.size = 3 if kind == "0" else 0
            tar.addfile(member, io.BytesIO(b"abc"))
    for wanted in dict.fromkeys(name for name, _, _ in members):
        try:
            extract(archive, [wanted], root / "unpacked")
        except (KeyError, ValueError, tarfile.TarError, OSError):
            continue
    assert {path.name for path in root.iterdir()} <= outside
    for path in (root / "unpacked").rglob("*"):
        assert Path(os.path.realpath(path)).is_relative_to(root / "unpacked")  # which a loop of links does not raise
        assert not path.is_symlink()
        assert path.is_file() or path.is_dir()


@given(st.data())
@fewer
def test_data_files(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Files of MNIST's layout that are not MNIST's."""
    root = tmp_path_factory.mktemp("data")
    file = data.draw(st.sampled_from(sorted(write_tiny(root).iterdir())))
    file.write_bytes(data.draw(damaged(file.read_bytes())))
    with pytest.raises(DamagedData, match="mnist"):
        load("mnist", root)


# --- public functions -------------------------------------------------------------------------------------------------

numbers = st.floats(width=64) | st.sampled_from([0.0, 1.0, math.nan, math.inf, 1e308, 5e-324, -0.0])
odd_arrays: st.SearchStrategy[Any] = st.one_of(
    st.lists(numbers, max_size=12).map(np.array),
    st.lists(st.integers(-5, 5), max_size=12).map(np.array),
    st.tuples(
        st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 4), st.sampled_from(["f2", "f4", "f8", "i4"])
    ).map(lambda made: (10 * np.random.default_rng(made[0]).standard_normal(made[1:3])).astype(made[3])),
    st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).standard_normal(30)),
    odd_values,
)
odd_options = st.dictionaries(
    st.sampled_from(["k", "base", "units", "margins", "estimator", "jitter"]),
    st.integers(-2, 30) | st.floats() | st.sampled_from(["sd", "none", "normal", "3h", "ksg1", "bits", "", None]),
    max_size=2,
)
CALLS: dict[str, Callable[..., Any]] = {
    "knn_entropy": lambda x, y, options: knn_entropy(x, **options),
    "mutual_information": lambda x, y, options: mutual_information(x, y, **options),
    "normalize_mi": lambda x, y, options: normalize_mi(x),
    "pairwise_mi": lambda x, y, options: pairwise_mi(x, n_jobs=1, **options),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", CALLS)
@given(x=odd_arrays, y=odd_arrays, options=odd_options)
@many
def test_public_functions(name: str, x: Any, y: Any, options: dict[str, Any]) -> None:
    try:
        found = CALLS[name](x, y, options)
    except (TypeError, ValueError) as error:
        assert str(error)  # noqa: PT017
        return
    if name == "pairwise_mi":
        flagged = [i for i, label in enumerate(found.labels) if label in found.flags]
        assert np.isnan(found.pair_mi[np.isin(found.pairs, flagged).any(axis=1)]).all()
        assert not np.isinf(found.pair_mi).any()
        assert np.isnan(found.entropy[flagged]).all()
    elif name != "normalize_mi":
        assert not np.isnan(found), "a silent NaN"


# --- the command line -------------------------------------------------------------------------------------------------

WORDS = [
    "compare",
    "report",
    "plan",
    "expect",
    "claims",
    "store",
    "list",
    "merge",
    "export",
    "score",
    "measure",
    "audit",
]
OPTIONS = [
    "--dry-run",
    "--store=store",
    "--store=absent",
    "--seed=-1",
    "--seed=x",
    "--workers=0",
    "--margin=nan",
    "--all",
]
OPTIONS += [
    "--profile=quick",
    "--profile=\x1b[2J",
    "--cells=*",
    "--cells=[",
    "--markdown",
    "--claims-folder=claims",
    "-h",
]
OPTIONS += [
    "--data=x.npy",
    "--layers=a\x1b",
    "m.py:net",
    "nomodule:x",
    "report",
    "absent",
    "claims",
    "",
    "\udcff",
    "--",
    "-",
]


words = odd_text.filter(lambda text: "\0" not in text)  # which no command line can hold


@given(st.sampled_from(WORDS), st.lists(st.sampled_from(OPTIONS) | words, max_size=4))
@fewer
def test_command_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Result], word: str, rest: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WNDCHECK_STORE", str(tmp_path / "usual"))
    if not (tmp_path / "report").exists():
        write_run(tmp_path / "report", RUN)
        (tmp_path / "claims").mkdir()
        (tmp_path / "claims" / "expectations.toml").write_text(ENTRY)
        np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    if word == "measure":
        rest = ["--dry-run", *rest]
    result = cli(word, *rest)
    assert result.exit_code in (0, 1, 2), result.output
    assert "Traceback" not in result.output
    assert not {"\x1b", "\x9b"} & set(result.output)
    assert {path.name for path in tmp_path.iterdir()} <= {"report", "claims", "x.npy", "usual", "store", "absent"} | {
        word for word in rest if word
    }

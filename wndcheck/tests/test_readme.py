"""The README: what is generated is fresh, what it names exists, and what it shows works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections import OrderedDict
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from wndcheck.cli import main
from wndcheck.tests.factories import FAILS, STRADDLES, make_claim, make_finding, make_run
from wndcheck.verdicts.run import ClaimVerdict, FormerVerdict

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "readme.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the README is in the repository, not in the package")
ORDER = (
    "wndcheck",
    "What of the paper holds",
    "Run it",
    "Your own network",
    "How to read a verdict",
    "Profiles",
    "Commands",
)


@pytest.fixture(scope="module")
def text() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("readme", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(text: str, kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```\n", text, re.DOTALL | re.MULTILINE)
    return [code for language, code in found if language == kind]


def test_generated_parts_are_fresh(script: ModuleType, text: str) -> None:
    assert script.readme() == text, "run: python docs/readme.py"


def test_a_readme_without_a_part_is_an_error(script: ModuleType) -> None:
    assert script.replaced("<!-- a -->\nold\n<!-- end of a -->", "a", "new") == "<!-- a -->\nnew\n<!-- end of a -->"
    with pytest.raises(ValueError, match=r"has 0 parts <!-- b -->"):
        script.replaced("nothing", "b", "new")


def test_the_run_names_every_claim_with_what_decides_it(script: ModuleType) -> None:
    run = make_run(
        make_claim("holds", make_finding(claim="holds"), left=["widest"]),
        make_claim("fails", make_finding(values=FAILS, claim="fails")),
        make_claim("open", make_finding(values=STRADDLES, claim="open")),
        make_claim("new", make_finding(values=FAILS, claim="new"), paper="§4 (ours)"),
        make_claim("wide", left=["widest"]),
        environment={"cores": "2"},
        first_fixed={name: FormerVerdict(name, ClaimVerdict.INCONCLUSIVE) for name in ("holds", "open", "wide")},
    )
    part = script.run_part(run)
    assert "1 supported (1 in part), 2 refuted, 1 inconclusive, 1 left" in part
    rows = [line.split(" | ") for line in part.splitlines() if line.startswith(("| ✓", "| ✗", "| ?"))]
    assert [row[:2] for row in rows] == [
        ["| ✗ refuted: trend (0 of 1)", "–"],
        ["| ✓ supported: trend (1 of 1); level: full", "inconclusive"],
        ["| ? inconclusive: trend (0 of 1)", "inconclusive"],
        ["| ✗ refuted: trend (0 of 1)", "–"],
    ]
    assert rows[0][2:] == [
        "`fails`: The statement of fails (§4)",
        "the number: 0.1015 [0.1008, 0.1022] nats",
        "≤ 0.01 nats |",
    ]
    assert [row[2].split(":")[0] for row in rows] == ["`fails`", "`holds`", "`open`", "`new`"]
    assert "<summary>Claims of ours, beyond the paper's: 1 refuted</summary>" in part
    assert re.search(r"^Left to another profile.*: `wide` \(as first fixed: inconclusive\)\.$", part, re.MULTILINE)


def test_sections_are_in_order(text: str) -> None:
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    places = [next(i for i, title in enumerate(titles) if title.startswith(name)) for name in ORDER]
    assert places == sorted(places)
    assert text.index("![") < text.index("How to read a verdict")
    assert [block.splitlines()[0] for block in blocks(text, "sh")[:2]] == [
        "sh .ci/setup && .venv/bin/tox -e quick",
        "sh .ci/setup && .venv/bin/tox -e tests",
    ]


def test_every_linked_file_exists(text: str) -> None:
    files = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert len(files) > 4
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_command_line_shown_is_valid(text: str) -> None:
    shown = [line for block in blocks(text, "") + blocks(text, "sh") for line in block.splitlines()]
    lines = [shlex.split(line, comments=True) for line in shown if line.startswith("wndcheck ")]
    assert len(lines) > 3
    for _, name, *arguments in lines:
        options = {option for parameter in main.commands[name].params for option in parameter.opts}
        assert {word.partition("=")[0] for word in arguments if word.startswith("--")} <= options, name


def test_every_command_for_one_check_collects_one_test() -> None:
    files = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    pattern = re.compile(r"pytest ['\"]?claims/[^\n`]*::[^\n`]*")
    commands = [line for file in files for line in pattern.findall(file.read_text(encoding="utf-8"))]
    assert commands
    for command in commands:
        run = [
            sys.executable,
            "-m",
            *shlex.split(command, comments=True),
            "--collect-only",
            "-q",
            "-p",
            "no:cacheprovider",
        ]
        output = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120).stdout
        assert re.findall(r"^claims/.*::.*$", output, re.MULTILINE) == [shlex.split(command)[1]], output


def test_the_example_for_your_own_network_runs(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    linear, relu = torch.nn.Linear, torch.nn.ReLU
    encoder = torch.nn.Sequential(linear(4, 4), relu())
    net = torch.nn.Sequential(OrderedDict(fc1=linear(6, 4), encoder=encoder))
    code = next(block for block in blocks(text, "python") if "dependence_score" in block)
    names = {"net": net, "x": torch.randn(250, 6)}
    exec(code, names)
    assert list(names["activations"]) == ["encoder.0"], "what ReLU makes of the layer"
    assert "fc1" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_and_options(shell: str, text: str) -> None:
    assert f"{shell}_source" in text
    runner = CliRunner()
    assert "wndcheck" in runner.invoke(main, prog_name="wndcheck", env={"_WNDCHECK_COMPLETE": f"{shell}_source"}).output


def test_completion_names_commands_and_options() -> None:
    def completed(*words: str) -> str:
        env = {"_WNDCHECK_COMPLETE": "zsh_complete", "COMP_WORDS": " ".join(["wndcheck", *words])}
        env["COMP_CWORD"] = str(len(words))
        return CliRunner().invoke(main, prog_name="wndcheck", env=env).output

    assert "score" in completed("sc")
    assert "--allow-pickle" in completed("score", "--al")

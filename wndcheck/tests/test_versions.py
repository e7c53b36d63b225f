"""The commit recorded with a run."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from wndcheck.versions import commit


def test_the_lock_is_that_of_the_dependencies_and_names_no_registry_but_pypi() -> None:
    """Where they have changed: `uv lock`."""
    root = Path(__file__).parents[2]
    text = (root / "uv.lock").read_text(encoding="utf-8")
    (locked,) = (each for each in tomllib.loads(text)["package"] if each["name"] == "wndcheck")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {"": project["project"]["dependencies"], **project["dependency-groups"]}
    wanted = {name: {re.match(r"[\w-]+", each)[0] for each in of} for name, of in groups.items()}  # type: ignore[index]
    metadata = {"": locked["metadata"]["requires-dist"], **locked["metadata"]["requires-dev"]}
    found = {name: {each["name"] for each in of if "marker" not in each} for name, of in metadata.items()}
    assert found == wanted
    hosts = set(re.findall(r"https?://([^/\"]+)", text))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}


@pytest.mark.skipif(not shutil.which("git"), reason="no git here")
def test_the_commit_and_whether_files_differ(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        words = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    assert commit(tmp_path / "absent") == {}
    git("init", "-q")
    assert commit(tmp_path) == {}
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    git("tag", "v1", "-m", "a release")
    found = git("rev-parse", "HEAD")[:12]
    assert commit(tmp_path) == {"commit": found}
    (tmp_path / "file").write_text("two")
    assert commit(tmp_path) == {"commit": f"{found}, changed"}


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit(tmp_path) == {}

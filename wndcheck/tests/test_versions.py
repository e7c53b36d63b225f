"""The commit recorded with a run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from wndcheck.versions import commit


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

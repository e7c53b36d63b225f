"""Which processes hold the locks of cells, as far as the kernel tells (Linux): a stopped one holds them without end."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def stopped_holders(locks: Iterable[Path]) -> set[int]:
    """The ids of stopped processes (Ctrl-Z, SIGSTOP) that hold one of these files' locks; empty where it is unknown."""
    wanted = {path.stat().st_ino for path in locks if path.exists()}
    found = set()
    for words in map(str.split, lines(Path("/proc/locks"))):
        # 1: FLOCK  ADVISORY  WRITE 4711 00:2b:1234567 0 EOF; the fifth is 0 for a process that is not seen from here
        if words[1] == "FLOCK" and int(words[5].rpartition(":")[2]) in wanted and is_stopped(int(words[4])):
            found.add(int(words[4]))
    return found


def is_stopped(process: int) -> bool:
    return any(line.startswith("State:\tT") for line in lines(Path(f"/proc/{process}/status")))


def lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []

"""Headless Chromium through its DevTools pipe: pages are opened, looked at and clicked in without a driver."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
DEMAND = "WNDCHECK_REQUIRE_BROWSER"
PATIENCE = 60.0  # seconds for one answer
OPTIONS = "headless remote-debugging-pipe disable-gpu disable-dev-shm-usage no-first-run disable-extensions"
OPTIONS += " disable-component-update disable-background-networking no-sandbox"  # CI is root, which has none
# Chromium reads commands from the descriptor 3 and writes answers to 4. Duplicates first, as ours may be either.
START = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def found() -> str | None:
    """The browser that WNDCHECK_CHROMIUM names, or the first one installed."""
    return os.environ.get("WNDCHECK_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a browser; `events` is all that it has told."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self.to_browser, self.from_browser = to_browser, from_browser
        self.unread, self.asked, self.session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self.asked += 1
        message = {"id": self.asked, "method": method, "params": parameters}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while (answer := self.told()).get("id") != self.asked:
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def told(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self.unread:
            ready, *_ = select.select([self.from_browser], [], [], max(0.0, until - time.monotonic()))
            piece = os.read(self.from_browser, 1 << 20) if ready else b""
            if not piece:
                raise RuntimeError("the browser does not answer")
            self.unread += piece
        message, _, self.unread = self.unread.partition(b"\0")
        return json.loads(message)

    def open(self, path: Path) -> None:
        """Open a file, and wait until it is loaded."""
        self.events.clear()
        self.ask("Page.navigate", url=path.as_uri())
        while not self.of("Page.loadEventFired"):
            self.events.append(self.told())
        self.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")

    def of(self, method: str) -> list[dict[str, Any]]:
        return [event["params"] for event in self.events if event.get("method") == method]

    def run(self, script: str) -> Any:
        """What a script gives; RuntimeError if it throws."""
        found = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def screen(self, width: int, height: int = 900) -> None:
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def media(self, scheme: str = "light", media: str = "screen") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)

    def screenshot(self) -> bytes:
        """What is on the screen, as a PNG file."""
        return base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])


@contextmanager
def started(program: str, folder: Path) -> Iterator[Browser]:
    """A browser whose own files lie in the folder, ended afterwards."""
    commands, to_browser = os.pipe()
    from_browser, answers = os.pipe()
    options = [f"--{name}" for name in OPTIONS.split()]
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(commands), str(answers), program, *options, f"--user-data-dir={folder}"],
        pass_fds=(commands, answers),
        stderr=subprocess.DEVNULL,
    )
    os.close(commands)
    os.close(answers)
    try:
        yield Browser(to_browser, from_browser)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
        os.close(to_browser)
        os.close(from_browser)

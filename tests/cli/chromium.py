"""Headless Chromium over its debugging pipe: what a page logs, what it asks for, and how wide it is."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from fcntl import F_DUPFD, fcntl
from pathlib import Path
from select import select

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 60
CONNECT = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
"""Where it listens and answers: at 3 and 4."""
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "about:blank")
MEASURE = """JSON.stringify({
  ready: location.protocol + document.readyState + [...document.images].every(i => i.complete),
  page: document.documentElement.scrollWidth, window: document.documentElement.clientWidth,
  broken: [...document.images].filter(i => !i.naturalWidth).length})"""
TOLD = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Network.loadingFailed")


def find() -> str | None:
    """Chromium's program; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a headless browser.

    Args:
        program: of Chromium.
        profile: an empty folder.
    """

    def __init__(self, program: str, profile: Path) -> None:
        ends = (*os.pipe(), *os.pipe())
        ours = [fcntl(end, F_DUPFD, 30) for end in ends]  # away from 3 and 4
        for end in ends:
            os.close(end)
        command = [
            sys.executable,
            "-c",
            CONNECT,
            str(ours[0]),
            str(ours[3]),
            program,
            *FLAGS,
            f"--user-data-dir={profile}",
        ]
        self._process = subprocess.Popen(command, pass_fds=(ours[0], ours[3]), stderr=subprocess.DEVNULL)
        for end in (ours[0], ours[3]):
            os.close(end)
        self._read, self._write, self._rest, self._number = ours[2], ours[1], b"", 0
        self._session: dict[str, str] = {}
        self.events: list[dict] = []

    def __enter__(self) -> Browser:
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = {"sessionId": self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for end in (self._read, self._write):
            os.close(end)

    def open(self, path: Path, width: int) -> dict:
        """Show a file in a window of that width; what `MEASURE` finds when all is there."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self._call("Page.navigate", url=path.as_uri())
        for _ in range(200):
            answer = self._call("Runtime.evaluate", expression=MEASURE)
            found = json.loads(answer.get("result", {}).get("value", '{"ready": ""}'))
            if found["ready"] == "file:completetrue":
                return found
            time.sleep(0.2)
        raise TimeoutError(f"{path} did not load")

    def picture(self, path: Path) -> None:
        """Keep what is shown as a PNG."""
        shot = self._call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def dark(self) -> None:
        """Ask for dark colours, as a user's system does."""
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    def complaints(self) -> list[dict]:
        """Messages of the console, and requests that failed."""
        return [event for event in self.events if event.get("method") in TOLD]

    def requests(self) -> set[str]:
        """Addresses that were asked for, pictures within the page left out."""
        sent = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return {url for url in sent if not url.startswith("data:")}

    def _call(self, method: str, **parameters: object) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._write, json.dumps(message | self._session).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                if not select([self._read], [], [], PATIENCE_S)[0]:
                    raise TimeoutError(f"Chromium did not answer {method}")
                self._rest += os.read(self._read, 1 << 20)
            text, self._rest = self._rest.split(b"\0", 1)
            answer = json.loads(text)
            if answer.get("id") == self._number:
                return answer["result"]
            self.events.append(answer)

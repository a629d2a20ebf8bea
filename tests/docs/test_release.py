"""One command sets the version everywhere, or nowhere; what is built holds what it needs."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")


@pytest.fixture
def release():
    specification = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.release


@pytest.fixture
def copy(tmp_path) -> Path:
    """The three files, with a line in the change log that is not released."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    changes = (tmp_path / "CHANGELOG.md").read_text("utf-8")
    (tmp_path / "CHANGELOG.md").write_text(re.sub(r"(?m)^(## \[Unreleased.*\])$", r"\1\n\n- a line", changes))
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text("utf-8") for name in FILES}


def test_a_version_is_set_everywhere_and_twice_in_a_row(release, copy) -> None:
    before = texts(copy)
    release(copy, "1.2.3", "2027-01-31")
    project, citation, changes = texts(copy).values()
    assert tomllib.loads(project)["project"]["version"] == "1.2.3"
    cited = yaml.safe_load(citation)
    assert (cited["version"], str(cited["date-released"])) == ("1.2.3", "2027-01-31")
    assert "\n## [Unreleased]\n\n## [1.2.3] - 2027-01-31\n" in changes
    assert changes.split("2027-01-31\n")[1] == re.split(r"## \[Unreleased.*\]\n", before["CHANGELOG.md"])[1]

    (copy / "CHANGELOG.md").write_text(changes.replace("[Unreleased]\n", "[Unreleased]\n\n- a line\n", 1))
    release(copy, "1.3.0", "2027-02-28")
    _, citation, changes = texts(copy).values()
    assert citation.count("date-released") == 1
    assert re.findall(r"^## \[(.+?)\]", changes, re.MULTILINE)[:3] == ["Unreleased", "1.3.0", "1.2.3"]


def test_the_present_version_is_released_while_the_change_log_calls_it_unreleased(release, copy) -> None:
    present = tomllib.loads((copy / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    head = re.compile(r"^## \[Unreleased.*\]$", re.MULTILINE)
    changes = (copy / "CHANGELOG.md").read_text("utf-8")
    (copy / "CHANGELOG.md").write_text(head.sub(f"## [Unreleased, {present}]", changes))
    release(copy, present, "2027-01-31")
    assert f"## [{present}] - 2027-01-31" in (copy / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("version", "change_log", "problem"),
    [
        ("0.0.1", "## [Unreleased]\n\n- a line\n", "not above"),
        ("0.1", "## [Unreleased]\n\n- a line\n", "MAJOR.MINOR.PATCH"),
        ("9.0.0", "## [Unreleased]\n\n## [0.1.0] - 2026-01-01\n\n- a line\n", "says nothing"),
        ("9.0.0", "## [0.1.0] - 2026-01-01\n\n- a line\n", "no heading"),
    ],
)
def test_a_wrong_version_changes_nothing(release, copy, version, change_log, problem) -> None:
    (copy / "CHANGELOG.md").write_text(change_log)
    before = texts(copy)
    with pytest.raises(ValueError, match=problem):
        release(copy, version, "2027-01-31")
    assert texts(copy) == before


def test_the_image_installs_extras_that_exist() -> None:
    extras = re.search(r"\.whl\)\[(.+?)\]", (ROOT / "Dockerfile").read_text("utf-8"))[1].split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(extras) <= set(project["optional-dependencies"])


@pytest.mark.parametrize("path", [*ROOT.glob(".github/**/*.yml"), ROOT / "CITATION.cff"], ids=lambda path: path.name)
def test_forms_and_workflows_can_be_read(path) -> None:
    assert isinstance(yaml.safe_load(path.read_text("utf-8")), dict)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_archive_builds_a_wheel_with_the_neurons_in_c(tmp_path) -> None:
    """The wheel is made of the source archive, as a user's pip makes it, without a network."""
    pytest.importorskip("setuptools", minversion="77")
    source = tmp_path / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    script = f"from setuptools.build_meta import build_sdist; print(build_sdist({str(tmp_path)!r}))"
    made = subprocess.run([sys.executable, "-c", script], cwd=source, check=True, capture_output=True, text=True)
    archive = tmp_path / made.stdout.splitlines()[-1]
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    kernels = "src/colliculus/neurons/kernels/"
    assert {kernels + path.name for path in (ROOT / kernels).glob("*.[ch]")} <= names
    assert "LICENSE" in names

    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "--no-index"]
    subprocess.run([*pip, "-w", str(tmp_path), str(archive)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert any(name.startswith("colliculus/neurons/kernels/_native") for name in inside)
    package = ROOT / "src" / "colliculus"
    needed = [p for kind in ("py", "pyi", "html", "css", "js", "typed") for p in package.rglob(f"*.{kind}")]
    assert {path.relative_to(ROOT / "src").as_posix() for path in [*needed, package / "py.typed"]} <= inside

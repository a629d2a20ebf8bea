from __future__ import annotations

import importlib.util
import json
import re
import shutil
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colliculus.cli import main
from colliculus.runs.run import read_run
from colliculus.sweeps.command import train_command

CPU = ("--device", "cpu")
VOID = {"meta", "wbr", "link", "img"}


def chromium():
    """The module beside this one; tests are no packages."""
    path = Path(__file__).with_name("chromium.py")
    spec = importlib.util.spec_from_file_location("chromium", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Page(HTMLParser):
    """The elements and words of a page; an element that is not closed is an error."""

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.text = path.read_text("utf-8")
        self.elements, self.open, self.words = [], [], []
        self.feed(self.text)
        assert not self.open, self.open

    def handle_starttag(self, name, attributes):
        self.elements.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attributes):
        assert "svg" in self.open
        self.elements.append((name, dict(attributes)))

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def all(self, *names):
        return [attributes for name, attributes in self.elements if name in names]

    @property
    def prose(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def other(run, tmp_path_factory):
    """The same training with another seed."""
    folder = str(tmp_path_factory.mktemp("other") / "run-1")
    flags = [part for name, value in _changed(run).items() for part in (f"--{name}", value)]
    assert main(["train", "s-cmrl-synthetic", "--out", folder, *flags, "--train.seed", "1"]) == 0
    return folder


def _changed(run):
    """The settings of the small run, off its own command line."""
    words = train_command(read_run(Path(run)), Path(run)).split()[5:]
    return dict(zip((word[2:] for word in words[::2]), words[1::2], strict=True))


@pytest.fixture(scope="module")
def examined(run, tmp_path_factory):
    """The small run with the records of every verb."""
    folder = str(shutil.copytree(run, tmp_path_factory.mktemp("examined") / "run"))
    verbs = {
        "contribution": [],
        "explain": ["--clips", "2", "--points", "6"],
        "energy": ["--samples", "2"],
        "robustness": ["--only", "missing", "blur"],
    }
    for verb, flags in verbs.items():
        assert main([verb, folder, *CPU, *flags]) == 0
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Write a page about runs, once, and read it."""

    @cache
    def write(*runs, title="A <script>alert(1)</script> page"):
        page = tmp_path_factory.mktemp("page") / "page.html"
        assert main(["report", *runs, "--out", str(page), "--title", title]) == 0
        return Page(page)

    return write


def check(page):
    """Every page is complete by itself, and accessible."""
    assert not page.all("script", "iframe", "object")
    for attributes in page.all(*{name for name, _ in page.elements}):
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("data:", "#"))
    assert set(re.findall(r"url\(.", page.text)) <= {"url(#"}
    assert "@import" not in page.text
    ids = [a["id"] for a in page.all(*{name for name, _ in page.elements}) if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.all("a")} <= set(ids)
    assert all(a.get("alt") for a in page.all("img"))
    assert all(a.get("scope") for a in page.all("th"))
    assert all(a.get("aria-label") for a in page.all("svg") if a.get("role") == "img")
    levels = [int(name[1]) for name, _ in page.elements if name in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.text.encode()) < 5_000_000


def test_an_absent_measurement_gives_its_command(report, run):
    page = report(run)
    check(page)
    for verb in ("contribution", "robustness", "energy", "explain"):
        assert f"it, run: colliculus {verb} {run}" in page.prose
    test = json.loads(Path(run, "result.json").read_text())["test"]
    assert f"of {test['total']} test clips recognised" in page.prose
    assert "Confusion matrix: rows are true classes, columns predictions" in page.prose


def test_it_shows_what_every_verb_measured(report, examined):
    page = report(examined)
    check(page)
    assert "it, run:" not in page.prose
    assert "is left out" not in page.prose
    found = json.loads(Path(examined, "contribution", "contribution.json").read_text())
    assert f"audio {100 * found['shapley_accuracy']['audio']:+.1f}" in page.prose
    clips = json.loads(Path(examined, "explain", "explain.json").read_text())["clips"]
    assert len(page.all("img")) == sum(len(clip["images"]) for clip in clips)
    for clip in clips:
        assert f"Clip {clip['index']}: {clip['label']}" in page.prose
    for part in ("Energy of one clip", "Firing of each layer", "t-SNE"):
        assert part in page.prose


def test_the_figures_are_those_of_the_result(report, run):
    page = report(run)
    test = json.loads(Path(run, "result.json").read_text())["test"]
    for one in test["per_class"]:
        assert f"{one['name']} {one['total']} {100 * one['recall']:.1f}" in page.prose
    for row, one in zip(test["confusion"], test["per_class"], strict=True):
        shown = " ".join(str(count) for count in row if count)
        assert f"{one['name']} {shown}" in page.prose


def test_several_runs_are_compared_on_the_same_clips(report, run, other, answer, tmp_path):
    settings = {k: v for k, v in _changed(run).items() if k != "method.alpha"}
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    silent = str(tmp_path / "silent")
    answer("train", "s-cmrl-synthetic", "--out", silent, *flags, "--method.alpha", "0.0")
    page = report(run, other, silent)
    check(page)
    assert "Methods: mean, standard deviation and interval over seeds" in page.prose
    assert re.search(
        r"s-cmrl-synthetic method\. alpha=0\. \d+ 2 ", page.prose
    )  # its trainings; names may break at dots
    assert re.search(r"With one pair of trainings, .* s-cmrl-synthetic method\.alpha=0\.0", page.prose)
    assert f"colliculus compare {run} {other} {silent}" in page.prose
    assert len(page.all("h2")) == 4


def test_runs_of_other_data_are_refused(answer, run, tmp_path):
    folder = tmp_path / "elsewhere"
    shutil.copytree(run, folder)
    settings = (folder / "run.yaml").read_text()
    fingerprint = read_run(Path(run)).fingerprint
    (folder / "run.yaml").write_text(settings.replace(fingerprint, "0123456789abcdef"))
    _, err = answer("report", run, str(folder), "--out", str(tmp_path / "page.html"), code=2)
    assert "their data (fingerprint) differ" in err
    assert not (tmp_path / "page.html").exists()


def test_what_was_measured_on_another_model_is_left_out(report, examined, tmp_path):
    others = shutil.ignore_patterns("contribution", "explain", "robustness")
    folder = shutil.copytree(examined, tmp_path / "run", ignore=others)
    record = folder / "energy" / "energy.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"model": "0"}))
    page = report(str(folder))
    assert "The energy of a decision is left out: it was measured on another model." in page.prose
    assert "Energy of one clip" not in page.prose


def test_a_run_that_is_not_finished_says_so(report, run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "run")
    for name in ("result.json", "metrics.csv", "spike_health.json", "model.safetensors"):
        (folder / name).unlink()
    page = report(str(folder))
    check(page)
    assert "This run is not finished" in page.prose


def test_names_cannot_break_the_page(report, run):
    page = report(run)
    assert "<script>alert(1)</script>" in page.prose


@pytest.mark.parametrize(("files", "sentence"), [((), "no run is given"), (("nowhere",), "is not a run folder")])
def test_mistakes_are_one_sentence(answer, tmp_path, files, sentence):
    runs = [str(tmp_path / name) for name in files]
    assert sentence in answer("report", *runs, "--out", str(tmp_path / "page.html"), code=2)[1]


def test_the_command_line_trains_the_same_again(run, tmp_path):
    """Through the parser of `colliculus train` itself, with settings of every kind."""
    from colliculus.cli.train import _parse
    from colliculus.presets import preset
    from colliculus.runs.run import Run

    words = [
        "s-cmrl-av-digits",
        "--out",
        "a b",
        "--data.root",
        str(tmp_path),
        "--train.snr-db",
        "audio",
        "-5",
        "visual",
    ]
    words += ["-10", "--train.clip-norm", "1.5", "--method.no-alignment", "--method.neuron.surrogate", "atan"]
    words += ["--data.delta", "--method.cross-modal.no-normalise", "--train.epochs", "3"]
    wanted = _parse(words, preset("s-cmrl-av-digits")).settings
    trained = read_run(Path(run))
    made = Run(
        preset="s-cmrl-av-digits",
        experiment=wanted,
        spec=trained.spec,
        normalisation=trained.normalisation,
        protocol="standard",
        fingerprint="",
    )
    import shlex

    line = shlex.split(train_command(made, Path("a b")))
    assert line[:2] == ["colliculus", "train"]
    assert _parse(line[2:], preset("s-cmrl-av-digits")).settings == wanted
    assert len(line) == len(words) + 2  # nothing but what was changed


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_it(report, run, other, examined, tmp_path, dark):
    """At the width of a phone, a small window and a large one: nothing sticks out, nothing is asked for or logged."""
    browsers = chromium()
    if (program := browsers.find()) is None:
        pytest.skip("there is no Chromium here")
    page = report(examined, other).path
    with browsers.Browser(program, tmp_path / "profile") as browser:
        if dark:
            browser.dark()
        for width in (400, 1000, 1600):
            found = browser.open(page, width)
            assert found["page"] <= found["window"], width
            assert found["broken"] == 0
            browser.picture(tmp_path / "shot.png")
            with Image.open(tmp_path / "shot.png") as image:
                ground = np.asarray(image.convert("L"))[-20:, :8].mean()
            assert ground < 60 if dark else ground > 240
        assert not browser.complaints()
        assert browser.requests() == {page.as_uri()}


@pytest.mark.slow
def test_a_browser_notices_a_bad_page(tmp_path):
    browsers = chromium()
    if (program := browsers.find()) is None:
        pytest.skip("there is no Chromium here")
    bad = '<p style="width: 3000px">wide</p><img src="gone.png"><script>console.error("oh")</script>'
    (tmp_path / "page.html").write_text(f"<!doctype html><title>bad</title>{bad}")
    with browsers.Browser(program, tmp_path / "profile") as browser:
        found = browser.open(tmp_path / "page.html", 1000)
        assert found["page"] > found["window"]
        assert found["broken"] == 1
        assert browser.complaints()
        assert len(browser.requests()) == 2

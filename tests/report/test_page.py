"""The words and the markup of the page."""

from __future__ import annotations

import re

import numpy as np
import pytest

from colliculus.evaluation.explanation.clip import ClipImage
from colliculus.media.encode import write_png
from colliculus.records import Column, Table
from colliculus.report.material import ANALYSES
from colliculus.report.page import environment
from colliculus.report.report import report
from colliculus.runs.metrics import Metrics

MEASURED = [verb for verb, analysis in ANALYSES.items() if analysis.kind is not None]
ALL = {verb: {} for verb in MEASURED}


def test_every_measurement_is_shown_with_its_clips(made, written):
    page = written(made("run", measured=ALL))
    assert page.count("Measured on the test part, clean.") == len(MEASURED)
    assert "is left out" not in page
    assert "has not been" not in page
    assert "accuracy at the top" not in page
    for part in (
        "Shapley value",
        "Accuracy by severity",
        "Energy of one clip",
        "Clip 0: a, recognised (75.0 %)",
        "PCA",
    ):
        assert part in page


def test_it_says_if_the_exchange_matters(made, written):
    page = written(made("run", measured={"contribution": {}}))
    assert (
        "The exchange changes 1 of 8 decisions; 0.4 % of the variance of the logits is interaction, so the network is "
        "nearly a sum of its modalities."
    ) in page
    assert page.index("Shapley values, beyond chance") < page.index("Does the exchange matter?")
    for part in ("sum of modalities (EMAP) 8 62.5 % 1", "audio 0.060, visual 0.040", "alignment 0.247 0.25"):
        assert page.count(part) == 1
    before = written(made("before", measured={"contribution": {"exchange": None}}))
    assert "Shapley values, beyond chance" in before
    assert "exchange" not in before.split("Contribution of the modalities", 2)[2].split("Robustness")[0]


def test_every_chart_is_described(made, tmp_path):
    report(made("run", measured=ALL), tmp_path / "page.html")
    described = re.findall(r'<svg [^>]*aria-label="([^"]*)"', (tmp_path / "page.html").read_text())
    assert len(described) >= 6
    assert all(described)


def test_an_absent_measurement_gives_its_command(made, written):
    page = written(folder := made("run"))
    assert f"Robustness has not been measured. To measure it, run: colliculus robustness {folder}" in page
    assert (
        f"Spike health was not recorded in the training. To see that of the model, run: colliculus inspect {folder}"
        in page
    )
    assert f"example clips has not been made. To make it, run: colliculus explain {folder}" in page


def test_other_clips_than_those_of_the_result_are_named(made, written):
    page = written(made("run", measured=ALL | {"robustness": {"split": "train"}}))
    warning = "Measured on the train part, clean. The accuracy at the top is of the test part, clean."
    assert page.count(warning) == 1
    assert page.count("Measured on the test part, clean.") == len(MEASURED) - 1


def test_robustness_without_the_noise_of_the_training_is_marked(made, written):
    page = written(made("run", snr_db={"audio": 0.0}, measured={"robustness": {"snr_db": {}}, "energy": {}}))
    noise = "noise of 0 dB on audio"
    assert f"Measured on the test part, clean. The accuracy at the top is of the test part, {noise}." in page
    assert f"Measured on the test part, {noise}." in page


def test_an_imported_run_is_shown_as_one(made, written):
    page = written(folder := made("run", imported=True, measured=ALL))
    assert "This run was imported" in page
    assert f"colliculus evaluate {folder}" in page
    assert page.count("Measured on the test part of the data 0123456789abcdef, clean.") == len(MEASURED)
    for wrong in ("--resume", "other data", "is left out", "gives the same numbers", "train.epochs"):
        assert wrong not in page
    assert "epochs" not in re.sub("Curves.*", "", page)


def test_curves_show_every_column_of_the_history(made, tmp_path):
    folder = made("run")
    rows = "epoch,train_loss,train_task,train_accuracy,validation_accuracy,validation_accuracy_audio,modulation_scale\n"
    (folder / "metrics.csv").write_text(rows + "1,2.0,1.5,0.5,0.25,0.5,1.0\n2,1.0,0.5,0.75,0.5,,\n")
    report(folder, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert {"train", "validation", "validation audio", "loss", "task", "scale", "chance", "epoch kept"} <= set(shown)
    assert "A modality by itself predicts by its own head" in text


def test_an_image_is_taken_from_its_folder_alone(made, written, tmp_path):
    write_png(tmp_path / "elsewhere.png", np.zeros((4, 4), dtype=np.uint8))
    folder = made("run", measured={"explain": {}})
    record = ANALYSES["explain"].kind.read(folder / ANALYSES["explain"].kind.FILE)
    files = {"up": "../../elsewhere.png", "root": str(tmp_path / "elsewhere.png"), "mine": "own.png"}
    write_png((folder / ANALYSES["explain"].kind.FILE).with_name("own.png"), np.zeros((4, 4), dtype=np.uint8))
    images = tuple(ClipImage(modality="visual", title=title, file=file) for title, file in files.items())
    clips = tuple(type(clip)(**vars(clip) | {"images": images}) for clip in record.clips)
    type(record)(**vars(record) | {"clips": clips}).save(folder / ANALYSES["explain"].kind.FILE)
    page = written(folder)
    assert "visual: mine" in page
    assert "visual: up" not in page
    assert "visual: root" not in page


def render(template, **values):
    return environment().from_string('{% import "parts.html" as parts with context %}' + template).render(**values)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a & b", "'\""])
def test_no_text_can_break_the_markup(text):
    one = Table((Column(text), Column(text)), ((text, text),), text, (text,))
    for made in (
        render("{{ parts.table(one) }}", one=one),
        render("{{ parts.facts({text: text}) }}", text=text),
        render("{{ parts.command([text]) }}", text=text),
        render("{{ parts.matrix(text, [text], [[1]]) }}", text=text, zip=zip),
    ):
        assert "<script" not in made
        assert "&" not in re.sub(r"&(amp|lt|gt|#34|#39);", "", made)
        assert re.sub(r"<[^>]*>", "", made).count("'") == 0


def test_a_table_has_headings_and_a_name():
    one = Table((Column("layer"), Column("n", "right")), (("encoders.a", "1"),), "About <it>")
    made = render("{{ parts.table(one) }}", one=one)
    assert "<figcaption>About &lt;it&gt;</figcaption>" in made
    assert 'aria-label="About &lt;it&gt;" tabindex="0"' in made  # scrolls by keyboard
    assert '<th scope="col" class="left">layer</th><th scope="col" class="right">n</th>' in made
    assert '<th scope="row">encoders.<wbr>a</th><td class="right">1</td>' in made


def test_many_classes_are_listed_by_their_confusions():
    counts = np.array([[5, 1, 4], [0, 9, 0], [2, 0, 3]])
    table = Metrics.from_confusion(counts, ["a", "b", "c"]).mistakes(25)
    assert [row[:3] for row in table.rows] == [("a", "c", "4"), ("c", "a", "2"), ("a", "b", "1")]
    assert table.rows[0][3] == "40.0"

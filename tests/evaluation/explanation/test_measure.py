from __future__ import annotations

import json
from dataclasses import replace

import pytest
from PIL import Image

from colliculus.cli import main
from colliculus.evaluation.explanation import clip
from colliculus.evaluation.explanation.measure import explain
from colliculus.evaluation.explanation.record import Explanation
from colliculus.evaluation.trained_run import open_run
from colliculus.files.cache import Cache
from colliculus.types import ColliculusError


def test_clips_are_explained_as_predicted(folder):
    found = explain(folder, clips=4, points=5)
    run = open_run(folder)
    assert len({one.index for one in found.clips}) == 4
    for one in found.clips:
        batch = run.part("test").batch([one.index], epoch=0)
        logits = run.model(batch.inputs).logits[0]
        assert one.label == found.classes[batch.labels[0]]
        assert one.predicted == found.classes[logits.argmax()]
        assert list(one.probabilities.values()) == pytest.approx(logits.softmax(0).tolist(), abs=1e-5)
        assert len(one.step_probabilities) == found.time_steps == 2


def test_every_image_that_it_names_can_be_seen(folder):
    found = explain(folder, index=[5], points=5)
    (one,) = found.clips
    assert one.index == 5
    kinds = {(image.modality, image.title.split(",")[0].split(" at ")[0]) for image in one.images}
    for m in ("audio", "visual"):
        assert {(m, "input"), (m, "Grad-CAM"), (m, "gradient"), (m, "attention received")} <= kinds
    for image in one.images:
        with Image.open(folder / "explain" / image.file) as opened:
            opened.load()
            assert opened.width >= 2
    assert len(found.features.pca) == len(found.features.tsne) == 5
    assert found.time_weights == {}


def test_it_is_written_into_the_run_and_read_back(folder):
    found = explain(folder, index=[0], points=5)
    assert Explanation.read(folder / "explain" / "explain.json") == found
    former = json.loads(json.dumps(found.to_dict()).replace('"images"', '"pictures"'))
    assert Explanation.from_dict(former) == found


def test_the_figure_shows_the_probability_by_step_and_the_plane(folder):
    found = explain(folder, index=[0, 1], points=5)
    steps, pca, tsne = found.figure().subfigs[0].axes
    assert [list(line.get_ydata()) for line in steps.lines] == [
        pytest.approx([100 * x for x in one.step_probabilities]) for one in found.clips
    ]
    for axes, points in ((pca, found.features.pca), (tsne, found.features.tsne)):
        drawn = sorted(tuple(point) for dots in axes.collections for point in dots.get_offsets())
        assert drawn == [pytest.approx(point) for point in sorted(points)]


def test_an_interruption_costs_no_more_than_a_clip(folder, monkeypatch):
    explain(folder, index=[0, 1], points=4)
    seen = []
    measure = clip.gradient_maps
    monkeypatch.setattr(clip, "gradient_maps", lambda *a: seen.append(1) or measure(*a))
    (folder / "explain" / "cache" / "clip-1.json").unlink()
    explain(folder, index=[0, 1], points=4)
    assert seen == [1]


def images(folder, found):
    """Every image that a record names."""
    shown = [image for one in found.clips for image in one.images]
    return [(image.modality, image.title, (folder / "explain" / image.file).read_bytes()) for image in shown]


def test_an_interruption_leaves_no_image_of_another_clip(folder, monkeypatch):
    before = images(folder, explain(folder, index=[0], points=4))
    keep = Cache.keep

    def killed(self, name, piece):
        if name.startswith("clip-"):
            raise KeyboardInterrupt
        keep(self, name, piece)

    with monkeypatch.context() as patch:
        patch.setattr(Cache, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            explain(folder, index=[0], points=4, split="train")
    again = explain(folder, index=[0], points=4)
    assert images(folder, again) == before
    named = {image.file for one in again.clips for image in one.images}
    assert named == {path.name for path in (folder / "explain").glob("*.png")}


def test_images_that_are_gone_are_drawn_again(folder):
    before = images(folder, explain(folder, index=[0, 1], points=4))
    explain(folder, index=[0], points=4, split="train")  # removes the images of both
    assert images(folder, explain(folder, index=[0, 1], points=4)) == before


def test_other_points_are_measured_anew(folder):
    first = explain(folder, index=[0], points=4).features
    assert first.index == (0, 1, 3, 5)
    assert explain(folder, index=[0], points=300).features.index == tuple(range(6))
    assert explain(folder, index=[0], points=4).features == first


def test_noise_of_the_training_is_kept(folder):
    run = open_run(folder)
    noisy = replace(run.experiment, train=replace(run.experiment.train, snr_db={"audio": -10.0}))
    found = explain(replace(run, run=replace(run.run, experiment=noisy)), index=[0], points=4)
    titles = {(image.modality, image.title) for image in found.clips[0].images}
    assert ("audio", "input without its noise") in titles
    assert ("visual", "input without its noise") not in titles
    assert found.snr_db == {"audio": -10.0}


def test_scores_of_the_time_steps_are_recorded(tmp_path):
    sizes = {"num-classes": 2, "num-train": 8, "num-validation": 4, "num-test": 6, "size": 16, "steps": 2}
    data = [part for name, value in sizes.items() for part in (f"--data.{name}", str(value))]
    small = ["--method.dim", "16", "--method.time-steps", "2", "--train.epochs", "1", "--train.device", "cpu"]
    assert main(["train", "taaf-synthetic", "--out", str(tmp_path / "run"), *small, *data]) == 0
    found = explain(tmp_path / "run", clips=1)
    assert [*found.time_weights] == [*found.clips[0].time_weights] == ["audio", "visual", "fused"]
    assert sum(found.clips[0].time_weights["fused"]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [({"index": [6]}, "clip 6 does not exist: the test part has clips 0 to 5"), ({"clips": 0}, "at least 1")],
    ids=str,
)
def test_mistakes_are_one_sentence(folder, arguments, sentence):
    with pytest.raises(ColliculusError, match=sentence):
        explain(folder, **arguments)

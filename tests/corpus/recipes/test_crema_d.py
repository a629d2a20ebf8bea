from __future__ import annotations

import struct

import numpy as np
import pytest
import raw_trees

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.recipes.crema_d import CremaD
from colliculus.data.prepared import Prepared
from colliculus.types import ColliculusError

LISTS = ("train.csv", "test.csv")


@pytest.fixture
def raw(raw_tree):
    return raw_tree("crema-d")


def by_name(raw, **settings):
    return {sample.name: sample for sample in CremaD(**settings).samples(raw)}


def test_a_clip_is_reported_by_its_name(raw):
    samples = by_name(raw)
    assert len(samples) == 24
    assert list(samples) == sorted(samples)
    clip = samples["1002_IEO_HAP_XX"]
    assert (clip.label, clip.group, clip.stratum) == ("HAP", "1002", "Female")
    assert clip.files == {"audio": "AudioWAV/1002_IEO_HAP_XX.wav", "visual": "VideoFlash/1002_IEO_HAP_XX.flv"}
    assert (clip.start_s, clip.end_s, clip.left_out) == (None, None, "")


def test_without_the_lists_nobody_says_what_is_test(raw):
    assert {sample.split for sample in by_name(raw).values()} == {None}


def test_the_lists_of_the_papers_say_it(raw):
    splits = {name: sample.split for name, sample in by_name(raw, split_list=LISTS).items()}
    assert splits == {name: "test" if "IEO" in name else "train" for name in splits}


def test_lists_may_lie_elsewhere_and_name_their_columns(raw, tmp_path):
    (raw / "train.csv").rename(tmp_path / "train.csv")
    (raw / "test.csv").write_text("Name,Label,more\n\n1001_IEO_ANG_XX, ANG,7\n", "utf-8-sig")
    samples = by_name(raw, split_list=(str(tmp_path / "train.csv"), "test.csv"))
    assert sum(sample.split == "train" for sample in samples.values()) == 12
    assert [name for name, sample in samples.items() if sample.split == "test"] == ["1001_IEO_ANG_XX"]
    assert samples["1001_IEO_HAP_XX"].split is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1001_DFA_ANG_XX,ANG", "also in the train list: remove it"),
        ("1001_IEO_ANG_XX,HAP", "has the class 'ANG' in the data: correct it"),
        ("1099_IEO_ANG_XX,ANG", "does not exist in the data: correct it"),
        ("1001_IEO_ANG_XX", "row 1 is incomplete: write name,label"),
        ("1001_IEO_ANG_XX,", "row 1 is incomplete: write name,label"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(raw, line, message):
    (raw / "test.csv").write_text(f"{line}\n")
    with pytest.raises(ColliculusError, match=message) as caught:
        by_name(raw, split_list=LISTS)
    assert "test.csv" in str(caught.value)


def test_a_list_that_is_missing_or_no_text_is_named(raw):
    with pytest.raises(ColliculusError, match=r"gone\.csv is not a file"):
        by_name(raw, split_list=("train.csv", "gone.csv"))
    (raw / "test.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ColliculusError, match=r"test\.csv cannot be decoded .*UTF-8"):
        by_name(raw, split_list=LISTS)


def test_pointers_instead_of_media_are_reported_with_their_mend(raw):
    for video in (raw / "VideoFlash").iterdir():
        video.write_bytes(raw_trees.POINTER)
    with pytest.raises(
        ColliculusError, match=r"1001_DFA_ANG_XX\.flv is a git-lfs pointer.*install git-lfs.*git lfs pull"
    ):
        by_name(raw)


def test_what_lacks_sound_or_video_lacks_that_modality(raw):
    (raw / "AudioWAV/1001_DFA_ANG_XX.wav").unlink()
    (raw / "VideoFlash/1001_DFA_HAP_XX.flv").unlink()
    samples = by_name(raw)
    assert samples["1001_DFA_ANG_XX"].modalities == ("visual",)
    assert samples["1001_DFA_HAP_XX"].modalities == ("audio",)


def test_the_published_faults_are_not_trained_on(raw):
    for name in ("1006_TIE_HAP_XX", "1006_TIE_NEU_XX", "1004_MTI_SAD_X"):
        (raw / f"AudioWAV/{name}.wav").write_bytes((raw / "AudioWAV/1006_DFA_HAP_XX.wav").read_bytes())
    samples = by_name(raw)
    assert {name for name, sample in samples.items() if sample.left_out} == {"1006_TIE_HAP_XX", "1006_TIE_NEU_XX"}
    assert "another emotion" in samples["1006_TIE_NEU_XX"].left_out
    assert samples["1004_MTI_SAD_X"].label == "SAD"  # the level of one published name has a single letter


def test_other_files_are_passed_over(raw):
    (raw / "AudioWAV/notes.txt").write_text("hello")
    (raw / "AudioWAV/1001_DFA_XXX_XX.wav").write_bytes(b"RIFF")
    (raw / "AudioWAV/.hidden.wav").write_bytes(b"RIFF")
    assert len(by_name(raw)) == 24


def test_another_layout_is_refused(raw, tmp_path):
    with pytest.raises(ColliculusError, match="has no folder 'AudioWAV' with the sounds"):
        by_name(tmp_path)
    people = raw / "VideoDemographics.csv"
    people.write_text(people.read_text().replace("1006", "1096"))
    with pytest.raises(ColliculusError, match="has no actor 1006"):
        by_name(raw)
    people.unlink()
    with pytest.raises(ColliculusError, match=r"has no VideoDemographics\.csv"):
        by_name(raw)
    for folder in ("AudioWAV", "VideoFlash"):
        for file in (raw / folder).iterdir():
            file.unlink()
    people.write_text("ActorID,Age,Sex\n1001,30,Male\n")
    with pytest.raises(ColliculusError, match="has no clips named like AudioWAV/1001_DFA_ANG_XX"):
        by_name(raw)


def test_a_link_out_of_the_tree_is_refused(raw, tmp_path):
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    (raw / "AudioWAV/1001_TIE_ANG_XX.wav").symlink_to(tmp_path / "secret.wav")
    with pytest.raises(ColliculusError, match=r"1001_TIE_ANG_XX\.wav is a link that leaves"):
        by_name(raw)


def clip_of(raw, path):
    name = path.stem
    return next(sample for sample in CremaD().samples(raw) if sample.name == name)


def test_s_cmrl_hears_the_whole_clip_and_sees_its_middle(raw):
    """The pictures have the grey levels 20, 26, 32 and 38, and flv does not say how long the last one is shown."""
    recipe = CremaD()
    first = "1001_DFA_ANG_XX"
    halves = [raw_trees.tone(hz, rate_hz=16_000, duration_s=1.5) for hz in (400, 4000)]
    raw_trees.write_wav(raw / f"AudioWAV/{first}.wav", np.concatenate(halves))
    clip = clip_of(raw, raw / f"{first}.wav")
    heard, seen = (recipe.storages[m].read(raw / clip.files[m], clip) for m in ("audio", "visual"))
    assert (heard.shape, seen.shape, seen.dtype) == ((1, 128, 128), (3, 128, 128), np.uint8)
    np.testing.assert_allclose(seen.mean(), 29, atol=5)
    loudest_hz = heard[0].argmax(axis=0) * 22_050 / 2 / 128  # in each column, a 128th of the clip
    np.testing.assert_allclose(loudest_hz[4:60], 400, atol=120)
    np.testing.assert_allclose(loudest_hz[68:124], 4000, atol=120)
    assert (recipe.audio.spectrogram.n_fft, recipe.audio.spectrogram.hop) == (512, 353)
    assert recipe.audio.spectrogram.sample_rate_hz == 22_050


def test_a_video_that_states_no_duration_is_read(raw):
    path = raw / "VideoFlash/1001_DFA_ANG_XX.flv"
    content = path.read_bytes()
    number = content.index(b"duration") + 9  # a double of the metadata, after its type
    assert struct.unpack(">d", content[number : number + 8])[0] > 0.9
    path.write_bytes(content[:number] + bytes(8) + content[number + 8 :])
    frame = CremaD().visual.read(path, clip_of(raw, path))
    np.testing.assert_allclose(frame.mean(), 29, atol=5)


def test_of_a_minute_too_the_middle_is_seen(raw):
    path = raw / "VideoFlash/1001_DFA_ANG_XX.flv"
    raw_trees.write_video(path, raw_trees.grey([20 + 3 * i for i in range(60)]), fps=1)
    np.testing.assert_allclose(CremaD().visual.read(path, clip_of(raw, path)).mean(), 110, atol=2)


def test_a_clip_without_sound_is_named(raw):
    path = raw / "AudioWAV/1001_DFA_ANG_XX.wav"
    raw_trees.write_wav(path, np.zeros(0))
    with pytest.raises(ColliculusError, match=r"1001_DFA_ANG_XX\.wav holds no sound"):
        CremaD().audio.read(path, clip_of(raw, path))


FAULTS = {
    "1001_DFA_ANG_XX": "AudioWAV/1001_DFA_ANG_XX.wav holds no sound",
    "1001_DFA_HAP_XX": "is a git-lfs pointer",
    "1001_IEO_ANG_XX": "cannot be decoded",
    "1001_IEO_HAP_XX": "is empty",
}


def test_every_fault_is_named_and_nothing_of_it_is_trained_on(raw, tmp_path):
    raw_trees.write_wav(raw / "AudioWAV/1001_DFA_ANG_XX.wav", np.zeros(0))
    (raw / "VideoFlash/1001_DFA_HAP_XX.flv").write_bytes(raw_trees.POINTER)
    (raw / "VideoFlash/1001_IEO_ANG_XX.flv").write_bytes(b"no video at all")
    (raw / "VideoFlash/1001_IEO_HAP_XX.flv").write_bytes(b"")
    (raw / "AudioWAV/1004_DFA_ANG_XX.wav").unlink()
    twins = [raw / f"AudioWAV/1005_DFA_{emotion}_XX.wav" for emotion in ("ANG", "HAP")]
    twins[1].write_bytes(twins[0].read_bytes())
    for folder, suffix in (("AudioWAV", "wav"), ("VideoFlash", "flv")):  # one of the published faults
        (raw / f"{folder}/1006_DFA_ANG_XX.{suffix}").rename(raw / f"{folder}/1006_TIE_HAP_XX.{suffix}")
    summary = prepare(CremaD(), raw, tmp_path / "out", jobs=0)
    prepared = read_prepared(tmp_path / "out")
    problems = {s.name: o.problem for s, o in zip(prepared.samples, prepared.results, strict=True) if o.problem}
    assert summary.usable == 24 - len(FAULTS)
    assert set(problems) == set(FAULTS)
    assert all(FAULTS[name] in problem for name, problem in problems.items())

    trained, tested = set(), set()
    for fold in range(5):
        dataset = Prepared(root=tmp_path / "out", fold=fold).load()
        trained |= {prepared.samples[row].name for part in (dataset.train, dataset.validation) for row in part.rows}
        tested |= {prepared.samples[row].name for row in dataset.test.rows}
    barred = {twin.stem for twin in twins} | {"1006_TIE_HAP_XX"}
    assert tested == {sample.name for sample in prepared.samples} - set(FAULTS)
    assert trained == tested - barred

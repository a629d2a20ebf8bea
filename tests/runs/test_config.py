from __future__ import annotations

import pytest
import yaml

from colliculus.presets import preset
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.migration import FORMAT
from colliculus.types import ColliculusError


@pytest.fixture
def write(tmp_path):
    def make(content):
        file = tmp_path / "mine.yaml"
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return file

    return make


def test_the_file_of_a_run_gives_its_settings(tmp_path):
    chosen = preset(
        "s-cmrl-synthetic", **{"train.epochs": 3, "method.dim": 64, "data.size": 16, "train.snr_db": {"audio": 1}}
    )
    document = {"format": FORMAT, "version": "1", "preset": chosen.preset, "experiment": experiment_to_plain(chosen)}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(document))
    assert preset("s-cmrl-synthetic", config=tmp_path / "run.yaml") == chosen
    assert chosen != preset("s-cmrl-synthetic")


def test_settings_given_by_name_win(write):
    file = write({"train": {"epochs": 5, "snr_db": {"audio": 0}}, "method": {"dim": 64}, "train.seed": 3})
    found = preset("late-fusion-synthetic", config=file, **{"train.epochs": 7})
    assert (found.train.epochs, found.train.seed, found.method.dim) == (7, 3, 64)
    assert found.train.snr_db == {"audio": 0}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"train": {"epoch": 3}}, r"mine.yaml: unknown setting 'train.epoch': did you mean 'train.epochs'"),
        ({"method": {"name": "taaf"}}, "its method is 'taaf' and that of the preset 'late-fusion'"),
        ({"data": {"name": "arrays"}}, "its data is 'arrays'"),
        ({"train": {"epochs": "many"}}, "train.epochs is 'many'"),
        ("[1, 2]", "expected names with values"),
        ("{", "mine.yaml"),
    ],
)
def test_what_does_not_fit_is_refused(write, content, told):
    with pytest.raises(ColliculusError, match=told):
        preset("late-fusion-synthetic", config=write(content))
    with pytest.raises(ColliculusError, match="there is no such file"):
        preset("late-fusion-synthetic", config="gone.yaml")

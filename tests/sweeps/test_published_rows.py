"""The tables of the papers as plans: which trainings stand for their rows, and in what these differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from colliculus.files.documents import flat
from colliculus.modulation import Balance
from colliculus.presets import PRESETS
from colliculus.runs.document import experiment_to_plain
from colliculus.sweeps.published_tables import TABLES
from colliculus.sweeps.reproduce import plan_reproduction, row_variants

SCALED = ("synthetic", "av-digits")
"""Data that everybody has, for a small version of any table."""


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_consistent(name):
    table = TABLES[name]
    titles = [row.title for row in table.rows]
    assert len(set(titles)) == len(titles)
    assert table.against in titles
    assert {data for row in table.rows for data in row.published} <= set(table.datasets)
    assert {f"{row.method}-{data}" for row in table.rows for data in SCALED} <= set(PRESETS)


@pytest.mark.parametrize("data", SCALED)
@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_a_training(tmp_path, name, data):
    jobs = plan_reproduction(name, data=data, seeds=2, out=tmp_path)
    rows = {(row.method, row.suffix, *row.settings.items()) for row in TABLES[name].rows}
    assert len(jobs) == 2 * len(rows)
    assert [job.experiment.train.seed for job in jobs] == [0] * len(rows) + [1] * len(rows)


def test_reference_arithmetic_unless_ours_is_asked_for(tmp_path):
    jobs = plan_reproduction("s-cmrl/alpha", seeds=1, out=tmp_path)
    assert {job.preset for job in jobs} == {"s-cmrl-reference-synthetic"}
    assert [job.experiment.method.alpha for job in jobs] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert {job.preset for job in plan_reproduction("s-cmrl/alpha", ours=True, out=tmp_path)} == {"s-cmrl-synthetic"}


def test_what_a_table_sets_for_all_rows_a_user_may_change(tmp_path):
    jobs = plan_reproduction("iemf/table-1", seeds=1, overrides={"train.epochs": 80}, out=tmp_path)
    balances = [job.experiment.method.balance for job in jobs]
    assert [balance.kind for balance in balances] == ["none", "ogm-ge", "lfm", "iemf", "ogm-ge", "lfm"]
    assert [balance.with_iemf for balance in balances] == [False] * 4 + [True] * 2
    assert [job.experiment.method.unimodal_loss for job in jobs] == [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    for job in jobs:
        train, method = job.experiment.train, job.experiment.method
        assert (train.optimizer, train.learning_rate, train.batch_size, train.epochs) == ("sgd", 5e-3, 32, 80)
        assert (method.encoder, method.fusion) == ("resnet18", "concat")
    assert [(balance.iemf.first_epoch, balance.iemf.noise) for balance in balances[3:]] == [(61, True)] * 3


def test_the_parts_of_s_cmrl_differ_in_one_thing_each(tmp_path):
    """All rows have the arithmetic of the reference, or all ours."""
    for ours, alpha in ((False, 1.5), (True, 0.25)):
        jobs = plan_reproduction("s-cmrl/parts", data="crema-d", ours=ours, seeds=1, out=tmp_path)
        methods = [job.experiment.method for job in jobs]
        assert [method.name for method in methods] == ["s-cmrl"] * 5 + ["sca", "late-fusion"]
        whole = methods[0]
        assert (whole.arithmetic, whole.alpha) == ("ours" if ours else "reference", alpha)
        assert methods[1:5] == [
            replace(whole, alignment=False),
            replace(whole, alignment=False, cross_attention="spatial"),
            replace(whole, alignment=False, cross_attention="temporal"),
            replace(whole, residual="replace", alpha=0.25),
        ]
        assert methods[5].arithmetic == whole.arithmetic


SAME = [
    "data", "train", "method.dim", "method.time_steps", "method.label_smoothing", "method.neuron", "method.encoder",
]  # fmt: skip
"""Settings in which the rows of a table agree."""


@pytest.mark.parametrize("name", TABLES)
def test_rows_differ_in_what_their_titles_say(tmp_path, name):
    for data in (*TABLES[name].datasets, *SCALED):
        jobs = plan_reproduction(name, data=data, seeds=1, out=tmp_path)
        variants = row_variants(name, data)
        for job in jobs:
            first, other = (flat(experiment_to_plain(each.experiment)) for each in (jobs[0], job))
            told = {key for row in TABLES[name].rows for key in (*row.settings, *row.base)}
            titles = [title for title, variant in variants.items() if variant.trained_by(job)]
            differing = {
                key: value
                for key, value in other.items()
                if key.startswith(tuple(SAME)) and value != first.get(key) and key not in told
            }
            if all("with its own encoder" in title for title in titles):
                assert differing.pop("method.encoder")
            assert differing == {}, (job.preset, data)


@pytest.mark.parametrize("data", TABLES["s-cmrl/balance"].datasets)
def test_each_training_of_a_balance_is_also_there_without_it(data):
    variants = row_variants("s-cmrl/balance", data)
    without = {"none", "none, trained as OGM-GE and MSLR", "none, trained as PMR", "none, trained as AGM"}
    assert without <= set(variants)
    assert len({variant.name for variant in variants.values()}) == len(variants) == 9
    for title, variant in variants.items():
        method = variant.experiment.method
        if title != "S-CMRL":
            alone = replace(variant.experiment, method=replace(method, balance=Balance()))
            assert sum(variants[twin].experiment == alone for twin in without) == 1, title


def test_published_sizes_and_training_are_those_of_all_rows(tmp_path):
    for name, data in (("taaf/table-1", "crema-d"), ("iemf/table-1", "crema-d"), ("snnergy/table-1", "ave")):
        for job in plan_reproduction(name, data=data, seeds=1, out=tmp_path):
            method, train = job.experiment.method, job.experiment.train
            encoder = {"taaf": "resnet18", "iemf": "resnet18"}.get(name.partition("/")[0], method.encoder)
            assert (method.dim, method.time_steps, method.encoder) == (512, 4, encoder)
            if name == "taaf/table-1":
                assert (train.batch_size, train.learning_rate, train.drop_incomplete) == (64, 1e-3, False)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus.data.augment import SMALL_DATA, Augment, AugmentedSplit, augmented
from colliculus.data.augment.draws import Draws
from colliculus.data.augment.events import EventDrop
from colliculus.data.augment.images import ColourJitter, Flip, ImageAugment, RandomErasing, RandomResizedCrop
from colliculus.data.augment.mix import CutMix, Mixup
from colliculus.data.augment.noise import SampleNoise
from colliculus.data.augment.rotation import Rotation
from colliculus.data.augment.signals import ChannelDrop, ChannelGain, MapAugment, SeriesAugment
from colliculus.data.augment.sound import BackgroundNoise, Gain, Masks, SoundShift, SpectrogramAugment, WaveformAugment
from colliculus.data.augment.warp import Warp
from colliculus.data.dataset import Normalisation
from colliculus.data.loading import ArraySplit, epoch_batches
from colliculus.data.recordings import Recordings
from colliculus.types import ColliculusError, DataSpec

N, K = 23, 4
KINDS = {
    "audio": "waveforms",
    "touch": "events",
    "visual": "pictures",
    "depth": "pictures",
    "imu": "series",
    "map": "maps",
}
SPEC = DataSpec(channels=dict.fromkeys([*KINDS, "other"], 1), sizes={}, num_classes=K)
NORMALISATION = Normalisation({"audio": (2.0,), "visual": (100.0,) * 3}, {"audio": (0.5,), "visual": (50.0,) * 3})
EVERYTHING = Augment(
    pictures=ImageAugment(
        crop=RandomResizedCrop(probability=0.8),
        rotation=Rotation(probability=0.5),
        flip=Flip(probability=0.5),
        colour=ColourJitter(brightness=0.3, contrast=0.3, saturation=0.3),
        erase=RandomErasing(probability=0.5),
    ),
    waveforms=WaveformAugment(
        shift=SoundShift(most=0.2), gain=Gain(most_db=6), noise=BackgroundNoise(probability=0.5, kind="other")
    ),
    spectrograms=SpectrogramAugment(shift=SoundShift(most=0.2), time_masks=Masks(num=1), frequency_masks=Masks(num=1)),
    events=EventDrop(probability=0.5, time_probability=0.5, area_probability=0.5),
    series=SeriesAugment(
        warp=Warp(probability=0.8),
        gain=ChannelGain(probability=0.8),
        time_masks=Masks(num=1),
        drop=ChannelDrop(probability=0.2),
    ),
    maps=MapAugment(warp=Warp(probability=0.9), gain=ChannelGain(probability=0.8, offset=0.1)),
    noise=SampleNoise(probability=0.4),
    mixup=Mixup(probability=0.4),
    cutmix=CutMix(probability=0.3),
)
PARTS = {
    "pictures": EVERYTHING.pictures,
    "waveforms": EVERYTHING.waveforms,
    "spectrograms": EVERYTHING.spectrograms,
    "events": EVERYTHING.events,
    "series": EVERYTHING.series,
    "maps": EVERYTHING.maps,
    "noise": EVERYTHING.noise,
    "mixup": EVERYTHING.mixup,
    "cutmix": EVERYTHING.cutmix,
}
TOUCHED = {
    "pictures": {"visual", "depth"},
    "waveforms": {"audio"},
    "spectrograms": {"audio"},
    "events": {"touch"},
    "series": {"imu"},
    "maps": {"audio", "visual", "depth", "map"},
    "noise": {*KINDS, "other"},
    "mixup": {*KINDS, "other"},
    "cutmix": {*KINDS, "other"},
}


def pictures_of(waveforms):
    """(B, 64) int16 -> (B, 1, 8, 8), as spectrograms would be made."""
    return np.log1p(np.abs(waveforms.astype(np.float32))).reshape(-1, 1, 8, 8)


def split_of(**missing):
    rng, more = (np.random.default_rng(seed) for seed in (0, 1))
    arrays = {
        "audio": rng.integers(-9000, 9000, (N + 5, 64), dtype=np.int16),
        "touch": rng.poisson(2, (N + 5, 4, 1, 6, 6)).astype(np.uint8),
        "visual": rng.integers(0, 256, (N + 5, 2, 3, 12, 12), dtype=np.uint8),
        "depth": rng.integers(0, 256, (N + 5, 1, 12, 12)).astype(np.float32),
        "imu": more.normal(size=(N + 5, 6, 1, 16)),
        "map": more.normal(size=(N + 5, 2, 9, 7)),
        "other": rng.normal(size=(N + 5, 1, 3, 3)),
    }
    rows = rng.permutation(N + 5)[:N]
    return ArraySplit(arrays, np.arange(N) % K, rows, NORMALISATION, {"audio": pictures_of}, missing)


def equal(a, b):
    return torch.equal(a.labels, b.labels) and all(torch.equal(a.inputs[m], x) for m, x in b.inputs.items())


def joined(batches):
    names = batches[0].inputs
    return {m: torch.cat([b.inputs[m] for b in batches], dim=-4) for m in names}, torch.cat([b.labels for b in batches])


@given(
    indices=st.lists(st.integers(0, N - 1), min_size=2, max_size=12),
    cut=st.integers(1, 11),
    epoch=st.integers(0, 5),
    seed=st.integers(0, 3),
)
@settings(max_examples=25, deadline=None)
def test_a_sample_is_the_same_in_any_batch(indices, cut, epoch, seed) -> None:
    split = AugmentedSplit(split_of(), replace(EVERYTHING, seed=seed), KINDS, K)
    cut = min(cut, len(indices) - 1)
    whole = split.batch(np.array(indices), epoch=epoch)
    parts = [split.batch(np.array(part), epoch=epoch) for part in (indices[:cut], indices[cut:])]
    inputs, labels = joined(parts)
    assert torch.equal(whole.labels, labels)
    assert all(torch.equal(x, inputs[m]) for m, x in whole.inputs.items())


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_what_one_process_would_see(world_size) -> None:
    split = AugmentedSplit(split_of(), EVERYTHING, KINDS, K)
    options = {"batch_size": 9, "seed": 1, "epoch": 2, "shuffle": True}
    alone = list(epoch_batches(split, **options))
    ranks = [list(epoch_batches(split, **options, rank=rank, world_size=world_size)) for rank in range(world_size)]
    for step, whole in enumerate(alone):
        for rank in range(world_size):
            part = ranks[rank][step]
            assert torch.equal(whole.labels[rank::world_size], part.labels)
            for m, x in whole.inputs.items():
                assert torch.equal(x.movedim(-4, 0)[rank::world_size], part.inputs[m].movedim(-4, 0))


def test_every_epoch_and_seed_is_another_one_and_the_same_one_comes_back() -> None:
    everyone = np.arange(N)
    split = AugmentedSplit(split_of(), EVERYTHING, KINDS, K)
    first, second = (split.batch(everyone, epoch=epoch) for epoch in (0, 1))
    assert equal(first, split.batch(everyone, epoch=0))
    for other in (second, replace(split, augment=replace(EVERYTHING, seed=1)).batch(everyone, epoch=0)):
        assert not any(torch.equal(first.inputs[m], x) for m, x in other.inputs.items())


@pytest.mark.parametrize("part", PARTS)
def test_each_part_touches_its_modalities_alone(part) -> None:
    plain, everyone = split_of(), np.arange(N)
    before = plain.batch(everyone, epoch=0)
    after = augmented(plain, Augment(**{part: PARTS[part]}), KINDS, SPEC).batch(everyone, epoch=0)
    changed = {m for m, x in after.inputs.items() if not torch.equal(x, before.inputs[m])}
    assert changed == TOUCHED[part]
    assert {m: (x.shape, x.dtype) for m, x in after.inputs.items()} == {
        m: (x.shape, x.dtype) for m, x in before.inputs.items()
    }
    soft = part in {"mixup", "cutmix"}
    assert after.labels.shape == ((N, K) if soft else (N,))
    assert soft or torch.equal(after.labels, before.labels)


def test_what_is_off_is_the_split_itself_and_probabilities_of_0_give_it_bit_for_bit() -> None:
    plain, everyone = split_of(), np.arange(N)
    assert augmented(plain, Augment(seed=7), {}, SPEC) is plain
    idle = Augment(pictures=ImageAugment(crop=RandomResizedCrop(area=(0.1, 0.2))), mixup=Mixup(alpha=2.0))
    split = augmented(plain, idle, KINDS, SPEC)
    assert isinstance(split, AugmentedSplit)
    assert equal(split.batch(everyone, epoch=3), plain.batch(everyone, epoch=3))


def test_modalities_of_one_kind_stay_aligned() -> None:
    """Depth is the first channel of the picture: cropped, turned and mirrored alike."""
    plain = split_of()
    plain.arrays["depth"] = plain.arrays["visual"][:, 0, :1].astype(np.float32)
    crop, flip = RandomResizedCrop(probability=1), Flip(probability=0.5)
    geometry = Augment(pictures=ImageAugment(crop=crop, rotation=Rotation(probability=0.5), flip=flip))
    got = augmented(replace(plain, normalisation=Normalisation({}, {})), geometry, KINDS, SPEC).batch(
        np.arange(N), epoch=0
    )
    assert (got.inputs["depth"][:, 0] - got.inputs["visual"][0, :, 0]).abs().max() < 2  # bytes are rounded, twice


def ramps(kinds):
    """Where each value of a modality comes from: its row and its column, from the middle, in steps."""
    side = 41
    places = np.mgrid[-20:21, -20:21].astype(np.float32)
    arrays = {m: np.broadcast_to(places, (N, 2, side, side)).copy() for m in kinds}
    for m in kinds:
        if kinds[m] == "series":
            arrays[m] = arrays[m][:, 1:, 20:21]
    split = ArraySplit(arrays, np.arange(N) % K, np.arange(N), Normalisation({}, {}))
    warp = Warp(probability=0.7, shift=0.1, scale=(0.8, 1.25))
    augment = Augment(maps=MapAugment(warp=warp), series=SeriesAugment(warp=warp))
    inputs = AugmentedSplit(split, augment, kinds, K).batch(np.arange(N), epoch=2).inputs
    rows = {m: x[:, 0, 10:31, 20] for m, x in inputs.items() if kinds[m] != "series"}
    return rows, {m: x[:, -1, x.shape[2] // 2, 10:31] for m, x in inputs.items()}


@pytest.mark.parametrize(
    ("kinds", "time"),
    [
        ({"sound": "maps", "lips": "maps"}, False),
        ({"camera": "pictures", "depth": "pictures"}, False),
        ({"sound": "spectrograms", "lips": "pictures"}, False),
        ({"left": "spectrograms", "right": "spectrograms"}, True),
        ({"sound": "spectrograms", "imu": "series"}, True),
    ],
    ids=str,
)
def test_maps_are_moved_in_space_each_on_its_own_and_in_time_together(kinds, time) -> None:
    rows, columns = ramps(kinds)
    first, second = columns.values()
    for moved in (*rows.values(), first):
        assert 0.4 < (moved != torch.arange(-10, 11)).any(dim=1).float().mean() < 0.95
    if len(rows) == 2:
        assert not torch.allclose(*rows.values(), atol=0.5)
    assert torch.allclose(first, second, atol=1e-3) == time


def test_what_is_hidden_is_0_once_standardised_and_what_is_missing_too() -> None:
    present = np.ones(N + 5, dtype=bool)
    plain = split_of(visual=present)
    gone = plain.rows[:7]
    present[gone] = False
    assert not plain.batch(np.arange(N), epoch=0).inputs["visual"][:, :7].any()
    got = augmented(plain, Augment(pictures=EVERYTHING.pictures), KINDS, SPEC).batch(np.arange(N), epoch=0)
    assert not got.inputs["visual"][:, :7].any()
    erased = (got.inputs["visual"][:, 7:] == 0).all(dim=2)  # of all colours
    assert 0.02 < erased.float().mean() < 0.3
    masked = augmented(split_of(), Augment(spectrograms=EVERYTHING.spectrograms), KINDS, SPEC)
    assert (masked.batch(np.arange(N), epoch=0).inputs["audio"] == 0).any()


def test_partners_come_from_the_whole_split_and_are_varied_as_they_are_themselves() -> None:
    """Each is found again: share and partner by what the label says, the rest by what mixing would give."""
    everyone, varied = np.arange(N), Augment(pictures=EVERYTHING.pictures)
    distinct = replace(split_of(), targets=everyone)  # a class of its own for each sample
    spec = replace(SPEC, num_classes=N)
    alone = augmented(distinct, varied, KINDS, spec).batch(everyone, epoch=1).inputs["visual"]
    both = augmented(distinct, replace(varied, mixup=Mixup(probability=1, alpha=1.0)), KINDS, spec)
    partners = set()
    for index in everyone:
        got = both.batch(np.array([index]), epoch=1)
        torch.testing.assert_close(got.inputs["visual"][:, 0], torch.einsum("tnchw,n->tchw", alone, got.labels[0]))
        partners |= set(np.flatnonzero(got.labels[0])) - {index}
    assert len(partners) > N // 3


@pytest.mark.parametrize("part", ["pictures", "waveforms", "spectrograms", "events", "series", "maps"])
def test_settings_that_no_modality_reads_are_refused(part) -> None:
    kinds = {"other": "events" if part != "events" else "pictures"}
    with pytest.raises(ColliculusError, match=rf"augment\.{part} is set, and the data hold other \(\w+\)"):
        augmented(split_of(), Augment(**{part: PARTS[part]}), kinds, SPEC)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ColliculusError, match="add up to more than 1"):
        Augment(mixup=Mixup(probability=0.6), cutmix=CutMix(probability=0.6))
    with pytest.raises(ColliculusError, match="`seed` of the augmentation is -1"):
        Augment(seed=-1)


def test_the_recipe_for_small_data_acts_where_it_can_and_is_never_refused() -> None:
    plain, everyone = split_of(), np.arange(N)
    before = plain.batch(everyone, epoch=0)
    after = augmented(plain, SMALL_DATA, KINDS, SPEC).batch(everyone, epoch=0)
    changed = {m for m, x in after.inputs.items() if not torch.equal(x, before.inputs[m])}
    assert changed == TOUCHED["series"] | TOUCHED["maps"]
    former = replace(SMALL_DATA, maps=MapAugment(warp=replace(SMALL_DATA.maps.warp, shift=0.08)))  # of earlier runs
    for recipe in (SMALL_DATA, former):
        assert equal(augmented(plain, recipe, {"touch": "events"}, SPEC).batch(everyone, epoch=0), before)
    stronger = replace(SMALL_DATA, series=replace(SMALL_DATA.series, time_masks=Masks(num=1)))
    with pytest.raises(ColliculusError, match=r"augment\.series is set, and the data hold touch \(events\)"):
        augmented(plain, stronger, {"touch": "events"}, SPEC)


def test_babble_on_stored_waveforms_is_of_four_others() -> None:
    plain, rows = split_of(), np.array([3, 8])
    sounds = {"audio": Recordings(N, lambda index: plain.arrays["audio"][plain.rows[index]] / np.float32(32767), {})}
    noise = BackgroundNoise(probability=1.0, kind="babble", snr_db=(0.0, 0.0))
    split = AugmentedSplit(replace(plain, sounds=sounds), Augment(waveforms=WaveformAugment(noise=noise)), KINDS, K)
    found = split._others(Draws.of(0, 0, rows), rows, 0)
    places = Draws.of(0, 0, rows).uniform("voices", 4)
    for b, row in enumerate(rows.tolist()):
        voices = [sounds["audio"].waveform((row + 1 + int(p * (N - 1))) % N) for p in places[b]]
        expected = sum(voice / np.sqrt(np.square(voice).mean()) for voice in voices)
        np.testing.assert_allclose(found["audio"][b], expected, rtol=1e-5, atol=1e-6)
    noisy, clean = (one.batch(rows, epoch=0).inputs for one in (split, plain))
    assert {m for m in clean if not torch.equal(noisy[m], clean[m])} == {"audio"}

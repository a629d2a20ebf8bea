"""Small trees in the raw layouts of the papers' data sets, in their real containers: each function writes one."""

from __future__ import annotations

import struct
import wave
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import event_bytes
import h5py
import numpy as np
from PIL import Image
from scipy.io import savemat

PICTURE_CODECS = {".mp4": "mpeg4", ".mkv": "mpeg4", ".avi": "mpeg4", ".flv": "flv", ".webm": "libvpx", ".gif": "gif"}
PICTURE_CODECS |= {".m4v": "mpeg4", ".mpg": "mpeg1video", ".mpeg": "mpeg2video", ".wmv": "wmv2"}
SOUND_CODECS = {".mp4": "aac", ".mkv": "aac", ".avi": "mp3", ".flv": "aac", ".webm": "libopus"}
SOUND_CODECS |= {".m4v": "aac", ".mpg": "mp2", ".mpeg": "mp2", ".wmv": "mp3"}
PICTURE_CODECS |= {".mts": "mpeg2video", ".3gp": "mpeg4"}
SOUND_CODECS |= {".mts": "mp2", ".3gp": "aac"}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1234\n"
AEDAT_HEADER = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n# Timestamps tick is 1 us\r\n"

EMOTIONS = ("ANG", "HAP")
ACTORS = {"1001": "Male", "1002": "Female", "1003": "Female", "1004": "Female", "1005": "Male", "1006": "Male"}
SENTENCES = ("DFA", "IEO")
CLASSES_URBAN = {"dog_bark": 3, "siren": 8}
CLASSES_AVE = ("Church bell", "Male speech, man speaking")
SPEAKERS = {"train": ("man-ae", "woman-bf", "man-cr"), "test": ("woman-dh", "man-el", "woman-fm")}


def write_video(path, frames=None, waveform=None, *, rate_hz=48_000, fps=10):
    """Encode `frames` (F, H, W, 3) uint8 and `waveform` (samples,) float32, either of which may be None."""
    with av.open(str(path), "w") as container:
        tracks = []
        if frames is not None:
            codec = PICTURE_CODECS[path.suffix]
            pictures = container.add_stream(codec, rate=fps)
            pictures.height, pictures.width = frames.shape[1:3]
            pictures.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
            tracks.append((pictures, [av.VideoFrame.from_ndarray(frame, format="rgb24") for frame in frames]))
        if waveform is not None:
            sound = container.add_stream(SOUND_CODECS[path.suffix], rate=rate_hz, layout="mono")
            frame = av.AudioFrame.from_ndarray(waveform[None].astype(np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
            tracks.append((sound, [frame]))
        for stream, raw in tracks:
            for frame in [*raw, None]:
                for packet in stream.encode(frame):
                    container.mux(packet)


def tone(frequency_hz: float, *, rate_hz: int, duration_s: float) -> np.ndarray:
    time_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def grey(levels: Sequence[int], size: tuple[int, int] = (16, 24)) -> np.ndarray:
    """One frame of one grey for each level."""
    return np.broadcast_to(np.array(levels, np.uint8)[:, None, None, None], (len(levels), *size, 3)).copy()


def write_wav(path: Path, samples: np.ndarray, rate_hz: int = 16_000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((samples * 32_767).astype("<i2").tobytes())


def write_clip(path: Path, kind: int, variant: int, *, duration_s: float = 1.0) -> None:
    """A video with sound: pitch and brightness tell the kind, a little of both the variant.

    There are four frames a second, and frame i has the grey level 20 + 100 * kind + variant + 6 * i.
    """
    frames = grey([20 + 100 * kind + variant + 6 * i for i in range(round(4 * duration_s))])
    sound = tone(400 + 800 * kind + 10 * variant, rate_hz=44_100, duration_s=duration_s)
    write_video(path, frames, sound, rate_hz=44_100, fps=4)


def write_aedat(path: Path, events: Sequence[tuple[int, int, int, int]]) -> None:
    """Events of a DVS128 (raw column, raw row, polarity bit, microseconds), byte by byte as jAER writes them."""
    packed = [struct.pack(">II", y << 8 | x << 1 | bit, tick) for x, y, bit, tick in events]
    path.write_bytes(AEDAT_HEADER + b"".join(packed))


def crema_d(raw: Path) -> Path:
    """Every actor says every sentence in both emotions; the lists of the papers put the last sentence into the test."""
    for folder in ("AudioWAV", "VideoFlash"):
        (raw / folder).mkdir(parents=True)
    lists: dict[str, list[str]] = {"train.csv": [], "test.csv": []}
    for number, (actor, sentence, emotion) in enumerate(product(ACTORS, SENTENCES, EMOTIONS)):
        name, kind = f"{actor}_{sentence}_{emotion}_XX", EMOTIONS.index(emotion)
        write_wav(raw / f"AudioWAV/{name}.wav", tone(300 + 900 * kind + number, rate_hz=16_000, duration_s=0.5))
        write_clip(raw / f"VideoFlash/{name}.flv", kind, number)
        lists["test.csv" if sentence == SENTENCES[-1] else "train.csv"].append(f"{name},{emotion}")
    for name, lines in lists.items():
        (raw / name).write_text("\n".join(lines) + "\n")
    people = [f"{actor},30,{sex},Caucasian,Not Hispanic" for actor, sex in ACTORS.items()]
    (raw / "VideoDemographics.csv").write_text("\n".join(["ActorID,Age,Sex,Race,Ethnicity", *people]) + "\n")
    return raw


def urbansound8k_av(raw: Path) -> Path:
    """Six recordings of each class, of two slices each."""
    for label, number in CLASSES_URBAN.items():
        sounds, pictures = raw / "Dataset_v3_sound" / label, raw / "Dataset_v3_vision" / label
        sounds.mkdir(parents=True)
        pictures.mkdir(parents=True)
        for recording, part in product(range(6), range(2)):
            name = f"{1000 * number + recording}-{number}-0-{part}"
            level = 20 * number + 4 * recording + part
            write_wav(sounds / f"{name}.wav", tone(100 * number + level, rate_hz=22_050, duration_s=0.4), 22_050)
            Image.fromarray(grey([level])[0]).save(pictures / f"{name}.jpg")
    return raw


def ave(raw: Path) -> Path:
    """Twelve videos of four seconds; the event of each is its second half."""
    (raw / "AVE").mkdir(parents=True)
    lines: dict[str, list[str]] = {"trainSet.txt": [], "valSet.txt": [], "testSet.txt": []}
    for number in range(12):
        video, kind = f"-vide_o{number:04d}", number % 2
        write_clip(raw / f"AVE/{video}.mp4", kind, number, duration_s=4)
        file = "trainSet.txt" if number < 6 else "valSet.txt" if number < 8 else "testSet.txt"
        lines[file].append(f"{CLASSES_AVE[kind]}&{video}&good&2&4")
    for file, events in lines.items():
        (raw / file).write_text("\n".join(events) + "\n")
    header = "Category&VideoID&Quality&StartTime&EndTime"
    (raw / "Annotations.txt").write_text("\n".join([header, *(e for part in lines.values() for e in part)]) + "\n")
    return raw


def mnistdvs_ntidigits(raw: Path) -> Path:
    """Of each digit eight recordings of the camera and one utterance of each speaker, "zero" and "oh" by turns."""
    for digit, number in product(range(10), range(1, 9)):
        folder = raw / f"grabbed_data{digit}" / "scale4"
        folder.mkdir(parents=True, exist_ok=True)
        events = [(10 * digit + i % 8, 8 * number, i % 2, 1000 + 50 * i) for i in range(40)]
        write_aedat(folder / f"mnist_{digit}_scale04_{number:04d}.aedat", events)
    with h5py.File(raw / "n-tidigits.hdf5", "w") as file:
        for part, speakers in SPEAKERS.items():
            symbols = [
                (speaker, "zo"[i % 2] if not digit else str(digit))
                for digit in range(10)
                for i, speaker in enumerate(speakers)
            ]
            labels = [f"{speaker}-a-{symbol}" for speaker, symbol in symbols] + [f"{speakers[0]}-a-1z3"]
            file[f"{part}_labels"] = np.array(labels, dtype="S")
            for label in labels:
                channels = (np.arange(30) + 6 * len(label) + 5 * "z123456789o".index(label[-1])) % 64
                file[f"{part}_timestamps/{label}"] = 0.1 + 0.01 * np.arange(30)
                file[f"{part}_addresses/{label}"] = channels
    return raw


def nmnist_shd(raw: Path) -> Path:
    """Of each digit eight recordings of the camera a part, and one utterance of each speaker in each language.

    Speakers 0 to 4 train, 5 and 6 are tested; two recordings of speaker 0 are in the test part too.
    """
    spoken = {"train": (8, range(5)), "test": (4, (5, 6))}
    for part, (videos, speakers) in spoken.items():
        for digit, number in product(range(10), range(videos)):
            folder = raw / part.title() / str(digit)
            folder.mkdir(parents=True, exist_ok=True)
            first = 1000 if part == "train" else 2000
            rows = [(first + 900 * i, digit + i % 20, 3 * number + i % 5, i % 2) for i in range(60)]
            (folder / f"{number + 1:05d}.bin").write_bytes(event_bytes.nmnist(rows))
        heard = [(digit + 10 * language, s) for digit, language, s in product(range(10), range(2), speakers)]
        heard += [(3, 0), (14, 0)] if part == "test" else []
        with h5py.File(raw / f"shd_{part}.h5", "w") as file:
            file["labels"] = np.array([label for label, _ in heard])
            file["extra/speaker"] = np.array([speaker for _, speaker in heard])
            times = file.create_dataset("spikes/times", (len(heard),), dtype=h5py.vlen_dtype(np.dtype("f2")))
            units = file.create_dataset("spikes/units", (len(heard),), dtype=h5py.vlen_dtype(np.dtype("u2")))
            for row, (label, speaker) in enumerate(heard):
                times[row] = np.arange(40, dtype="f2") / 50
                units[row] = (30 * label + 7 * speaker + 3 * np.arange(40)) % 700
    return raw


def kinetics_sounds(raw: Path) -> Path:
    """Two classes; the second clip of each video begins where the first ends."""
    for kind, (part, count) in product(range(2), (("train", 4), ("test", 2))):
        folder = raw / part / ("tap dancing", "playing organ")[kind]
        folder.mkdir(parents=True)
        for number, second in product(range(count), (0, 10)):
            video, variant = f"{kind}_{part:_>5}{number:04d}", number + 4 * (part == "test") + second
            write_clip(folder / f"{video}_{second:06d}_{second + 10:06d}.mp4", kind, variant)
    return raw


def cifar10_av(raw: Path) -> Path:
    """Twelve pictures of each class and half as many sounds, each of which goes with two pictures."""
    for folder in ("pictures", "sounds"):
        (raw / folder).mkdir(parents=True)
    lists = {part: ["audio,visual,label"] for part in ("train.csv", "test.csv")}
    for kind, number in product(range(2), range(12)):
        label = ("cat", "dog")[kind]
        sound, picture = f"sounds/{label}{number // 2}.wav", f"pictures/{label}{number}.png"
        Image.fromarray(grey([60 + 120 * kind + number], (8, 8))[0]).save(raw / picture)
        write_wav(raw / sound, tone(300 + 900 * kind + 10 * (number // 2), rate_hz=8000, duration_s=0.3), 8000)
        lists["test.csv" if number >= 8 else "train.csv"].append(f"{sound},{picture},{label}")
    for name, lines in lists.items():
        (raw / name).write_text("\n".join(lines) + "\n")
    return raw


def utd_mhad(raw: Path) -> Path:
    """Two actions of eight people, twice each; numbers tell the action, and a little the person and the trial."""
    for folder in ("Inertial", "Skeleton", "Depth"):
        (raw / folder).mkdir(parents=True)
    for action, subject, trial in product((1, 27), range(1, 9), (1, 2)):
        name, kind, steps = f"a{action}_s{subject}_t{trial}", int(action == 27), 20 + subject + trial
        wave = np.sin((1 + kind) * np.arange(steps) / 4 + np.arange(6)[:, None])
        savemat(raw / f"Inertial/{name}_inertial.mat", {"d_iner": wave.T + subject + 10 * trial})
        joints = 1 + 0.01 * np.arange(60).reshape(20, 3, 1) + 0.1 * subject
        savemat(raw / f"Skeleton/{name}_skeleton.mat", {"d_skel": joints + 0.1 * trial * wave[kind]})
        depth = np.zeros((24, 32, 10), np.uint16)
        depth[4:20, 10 + kind : 18 + subject] = 2500 + 100 * np.arange(10)
        depth[4:8, 10:14] = 2000 + 400 * kind + 20 * trial
        savemat(raw / f"Depth/{name}_depth.mat", {"d_depth": depth})
    (raw / "Skeleton/Skeleton_joint_order.txt").write_text("1. head;\n")
    return raw


RAW_TREES = {
    "crema-d": crema_d,
    "urbansound8k-av": urbansound8k_av,
    "ave": ave,
    "mnistdvs-ntidigits": mnistdvs_ntidigits,
    "nmnist-shd": nmnist_shd,
    "kinetics-sounds": kinetics_sounds,
    "cifar10-av": cifar10_av,
    "utd-mhad": utd_mhad,
}

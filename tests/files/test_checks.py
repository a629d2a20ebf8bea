from __future__ import annotations

import pytest

from colliculus.files.checks import check_file, dataset_root, decoding, split_folders, visible
from colliculus.types import ColliculusError


def test_a_file_with_content_passes(tmp_path):
    (tmp_path / "a b ü.bin").write_bytes(b"\x00")
    check_file(tmp_path / "a b ü.bin")


def test_any_error_of_a_decoder_names_the_file_in_one_line(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\x00")
    named = pytest.raises(ColliculusError, match=r"x\.bin cannot be decoded \(first\): buy a new one$")
    with named, decoding(tmp_path / "x.bin", "buy a new one"):
        raise ValueError("first\nsecond")
    with pytest.raises(ColliculusError, match=r"\(MemoryError\)"), decoding(tmp_path / "x.bin"):
        raise MemoryError
    with pytest.raises(ColliculusError, match=r"^already clear$"), decoding(tmp_path / "x.bin"):
        raise ColliculusError("already clear")


def test_visible_is_sorted_without_hidden_entries(tmp_path):
    for name in ("b", "a", ".c"):
        (tmp_path / name).touch()
    assert [path.name for path in visible(tmp_path, tmp_path)] == ["a", "b"]
    with pytest.raises(ColliculusError, match="nowhere cannot be listed"):
        visible(tmp_path / "nowhere", tmp_path)


def test_links_may_stay_inside_but_not_leave(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").touch()
    (root / "inside").symlink_to(root / "file")
    (tmp_path / "alias").symlink_to(root)
    assert [path.name for path in visible(tmp_path / "alias", tmp_path / "alias")] == ["file", "inside"]
    (root / "loop").symlink_to(root / "loop")
    assert len(visible(root, root)) == 3
    (tmp_path / "root and more").mkdir()
    (root / "outside").symlink_to(tmp_path / "root and more")
    with pytest.raises(ColliculusError, match="outside is a link that leaves"):
        visible(root, root)


def test_split_folders_come_in_their_order(tmp_path):
    for name in ("test", "train", "validation"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").touch()
    assert list(split_folders(dataset_root(tmp_path))) == ["train", "validation", "test"]

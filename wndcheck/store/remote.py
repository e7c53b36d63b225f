"""Stores on file systems that fsspec reaches by URL, such as s3://bucket/store: copies of their records."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from wndcheck.store.measurements import FOLDER


def is_url(source: str) -> bool:
    return "://" in source


def downloaded(url: str, folder: Path) -> Path:
    """Copy the records of the store at a URL into a folder, which then is a store; return the folder.

    ValueError, with what to type, for a URL that fsspec does not know or that is no store; OSError if it cannot be
    read.
    """
    if not find_spec("fsspec"):
        raise ValueError(f"{url} needs fsspec: type `pip install 'wndcheck[fsspec]'`, or copy it and merge the copy")
    from fsspec.core import url_to_fs

    try:
        system, root = url_to_fs(url)
    except (ImportError, ValueError) as error:  # of its protocol
        raise ValueError(f"{url} cannot be reached: {error}") from None
    (folder / FOLDER).mkdir()
    root = root.rstrip("/")
    below = root if PurePosixPath(root).name == FOLDER else f"{root}/{FOLDER}"
    try:
        if not system.isdir(below):
            raise ValueError(f"{url} is not a store: expected a folder {FOLDER} in it")
        for path in system.ls(below, detail=False):
            if path.endswith(".npz"):
                system.get_file(path, str(folder / FOLDER / PurePosixPath(path).name))
    except ValueError:
        raise
    except Exception as error:  # of its service, which need not be an OSError
        raise OSError(f"{url} cannot be read: {str(error) or type(error).__name__}") from error
    return folder

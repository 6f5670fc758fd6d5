"""Where weights come from: a path, an http(s) URL, or a name of a table."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx
import platformdirs

from detector.download import Download, Progress, fetch
from detector.errors import WeightsError
from streamer.redact import redact

UNTRAINED = "untrained"


@dataclass(frozen=True, slots=True)
class PublishedWeights:
    """A file somebody publishes.

    Attributes:
        url: as its authors give it.
        sha256: lower-case hexadecimal, or None where no copy could be checked yet: the hash is then
            recorded on first use.
        architecture: the key of DETECTORS it is for.
        note: what it is.
    """

    url: str
    sha256: str | None
    architecture: str
    note: str


# Source: the table of results in the readme of github.com/PingoLH/CenterNet-HarDNet.
WEIGHTS: Mapping[str, PublishedWeights] = MappingProxyType(
    {
        "centernet_hardnet85_coco": PublishedWeights(
            url="https://ping-chao.com/hardnet/centernet_hardnet85_coco.pth",
            sha256=None,
            architecture="hardnet85",
            note="trained at 512x512, published as 44.3 AP on COCO val2017",
        ),
        "centernet_hardnet85_coco_608": PublishedWeights(
            url="https://ping-chao.com/hardnet/centernet_hardnet85_coco_608.pth",
            sha256=None,
            architecture="hardnet85",
            note="trained at 608x608, published as 44.9 AP on COCO val2017",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class ShippedWeights:
    """A file that comes with the program; its model card lies beside it.

    Attributes:
        path: of the file.
        architecture: the key of DETECTORS it is for.
        note: what it is.
    """

    path: Path
    architecture: str
    note: str


_ASSETS = Path(__file__).resolve().parent / "assets"

SHIPPED: Mapping[str, ShippedWeights] = MappingProxyType(
    {
        "streets_fchardnet70": ShippedWeights(
            path=_ASSETS / "streets_fchardnet70.safetensors",
            architecture="fchardnet70",
            note="people, cars and bicycles of the drawn streets, and of nothing else",
        ),
        "starter_coco": ShippedWeights(
            path=_ASSETS / "starter_coco.safetensors",
            architecture="starter",
            note="small and fast: the 80 COCO classes in real time on two cores",
        ),
        "photos_fchardnet70": ShippedWeights(
            path=_ASSETS / "photos_fchardnet70.safetensors",
            architecture="fchardnet70",
            note="the 80 COCO classes, taught from nothing; a beginning that goes on on a GPU",
        ),
    }
)


def resolve_weights(
    spec: str, *, cache_dir: Path | None = None, on_progress: Progress | None = None
) -> Path:
    """The file that `spec` names, fetched first if need be; blocks while it does.

    Args:
        spec: a path that exists, an http(s) URL, or a key of SHIPPED or WEIGHTS, tried in this
            order.
        cache_dir: where fetched files live; None for the user's cache folder.
        on_progress: called with (file name, bytes so far, bytes in all or None) as bytes arrive,
            from the calling thread.

    Raises:
        WeightsError: `spec` is none of these, or the file cannot be had.
    """
    if "://" in spec:
        return fetch(_download_of_url(spec, _cache(cache_dir)), on_progress=on_progress)
    path = Path(spec)
    if _is(path.is_file):
        return path
    if spec in SHIPPED:
        return SHIPPED[spec].path
    if spec not in WEIGHTS:
        raise WeightsError(_unknown(spec))
    return fetch(_download_of_name(spec, _cache(cache_dir)), on_progress=on_progress)


def _cache(cache_dir: Path | None) -> Path:
    return cache_dir or Path(platformdirs.user_cache_dir("streamer", appauthor=False)) / "weights"


def _download_of_name(name: str, cache: Path) -> Download:
    published = WEIGHTS[name]
    return Download(published.url, cache / f"{name}.pth", published.sha256)


def _download_of_url(spec: str, cache: Path) -> Download:
    try:
        url = httpx.URL(spec)
    except httpx.InvalidURL:  # not chained: its words may quote a password with a stray slash
        raise WeightsError(
            f"weights {redact(spec)!r}: expected an http or https URL, got one that does not parse"
        ) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise WeightsError(
            f"weights {redact(spec)!r}: expected an http or https URL, got scheme {url.scheme!r} "
            f"and host {url.host!r}"
        )
    # Files of one name lie at many addresses, so each address has a folder; a password is no part
    # of it, for changing it changes no file.
    identity = str(url.copy_with(userinfo=b"", fragment=None))
    folder = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return Download(spec, cache / folder / (Path(url.path).name or "weights"))


def _is(asks: Callable[[], bool]) -> bool:
    try:
        return asks()
    except OSError:  # a name too long, or within a folder that is closed to us
        return False


def _unknown(spec: str) -> str:
    names, known = [Path(spec).stem, spec], [*SHIPPED, *WEIGHTS]
    near = [name for tried in names for name in difflib.get_close_matches(tried, known, n=1)]
    got = "a folder" if _is(Path(spec).is_dir) else "none of them"
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return (
        f"weights {spec!r}: expected a file that exists, an http(s) URL or one of "
        f"{', '.join(known)}, got {got}{hint}"
    )

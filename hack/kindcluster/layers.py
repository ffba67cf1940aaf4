"""Write container images as an OCI layout in a tar, without any daemon.

containerd, kind and Docker read such a file. One layer each, packed as fast as gzip can, because
it is unpacked once and never pulled.
"""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OCI = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """`files`: path in the image to file of this machine. `tree`: a folder that becomes /."""

    name: str
    entrypoint: tuple[str, ...] = ()
    files: dict[str, Path] = field(default_factory=dict)
    tree: Path | None = None


def write(target: Path, images: Sequence[Image]) -> None:
    """Write the archive; whole or not at all."""
    fresh = target.with_suffix(".fresh")
    with tarfile.open(fresh, "w") as archive:
        writer = _Writer(archive)
        manifests = [writer.image(image) for image in images]
        index = {"schemaVersion": 2, "mediaType": f"{OCI}.index.v1+json", "manifests": manifests}
        writer.add("index.json", _json(index))
        writer.add("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    os.replace(fresh, target)


class _Writer:
    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._seen: set[str] = set()

    def add(self, name: str, data: bytes) -> None:
        if name not in self._seen:
            self._seen.add(name)
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            self._archive.addfile(info, io.BytesIO(data))

    def image(self, image: Image) -> dict[str, Any]:
        raw = _layer(image)
        layer = self._blob(gzip.compress(raw, 1, mtime=0), f"{OCI}.layer.v1.tar+gzip")
        platform = {"architecture": _architecture(), "os": "linux"}
        config = {
            **platform,
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Entrypoint": list(image.entrypoint),
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(raw).hexdigest()}"]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}.manifest.v1+json",
            "config": self._blob(_json(config), f"{OCI}.config.v1+json"),
            "layers": [layer],
        }
        names = {
            "io.containerd.image.name": image.name,
            "org.opencontainers.image.ref.name": image.name.rsplit(":", 1)[1],
        }
        described = self._blob(_json(manifest), f"{OCI}.manifest.v1+json")
        return {**described, "platform": platform, "annotations": names}

    def _blob(self, data: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        self.add(f"blobs/sha256/{digest}", data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def _layer(image: Image) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as layer:
        if image.tree is not None:
            for entry in sorted(image.tree.iterdir()):
                layer.add(entry, arcname=entry.name, filter=_plain)
        folders = {parent for path in image.files for parent in Path(path).parents[:-1]}
        for folder in sorted(folders):
            info = tarfile.TarInfo(str(folder).lstrip("/"))
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            layer.addfile(info)
        for path, source in image.files.items():
            info = _plain(layer.gettarinfo(source, arcname=path.lstrip("/")))
            info.mode = 0o755
            with source.open("rb") as file:
                layer.addfile(info, file)
    return raw.getvalue()


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without who built it and when: the same files give the same digest."""
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()

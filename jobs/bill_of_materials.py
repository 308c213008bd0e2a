"""What a package is made of, for whoever must know: a software bill of materials in CycloneDX 1.6."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from jobs.wheels import Wheel
from rules_engine import __version__

Component = dict[str, Any]

OURS = f"pkg:pypi/agile-rules-engine@{__version__}"


def bill(zipped: Mapping[str, str], wheels: Iterable[Wheel]) -> str:
    """
    The document as text: the distributions in the job zip, by name and version, and every wheel in an archive.

    It names no time and is numbered by its content, so that the same package has the same one.
    """
    components = {_purl(name, version): _source(name, version) for name, version in zipped.items()}
    components |= {each["bom-ref"]: each for each in map(_of, wheels)}
    listed = [components[ref] for ref in sorted(components)]
    number = uuid.uuid5(uuid.NAMESPACE_URL, OURS + json.dumps(listed, sort_keys=True))
    ours = {"type": "application", "bom-ref": OURS, "name": "agile-rules-engine", "version": __version__, "purl": OURS}
    content = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {"component": ours},
        "components": listed,
        "dependencies": [{"ref": OURS, "dependsOn": [each["bom-ref"] for each in listed]}],
    }
    return json.dumps(content, indent=2) + "\n"


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def _source(name: str, version: str) -> Component:
    purl = _purl(name, version)
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _of(wheel: Wheel) -> Component:
    """A wheel is told from that for another processor by its file's name."""
    purl = f"{_purl(wheel.name, wheel.version)}?file_name={wheel.path.name}"
    digest = hashlib.sha256(wheel.path.read_bytes()).hexdigest()
    made = _source(wheel.name, wheel.version) | {"bom-ref": purl, "purl": purl}
    made["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if licences := _licences(wheel):
        made["licenses"] = licences
    return made


def _licences(wheel: Wheel) -> list[Component]:
    """As the wheel says: an expression of SPDX where it has one, else the name in its classifiers or its field."""
    if expression := wheel.metadata.get("License-Expression"):
        return [{"expression": expression}]
    said = [text for text in wheel.metadata.get_all("Classifier", []) if text.startswith("License ::")]
    names = [text.rsplit(" :: ", 1)[1] for text in said] or wheel.metadata.get_all("License", [])
    return [{"license": {"name": name.strip().splitlines()[0]}} for name in names if name.strip()]

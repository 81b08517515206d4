"""What a labeling configuration of Label Studio says about where masks go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from ioebss.serving.errors import ServiceError

MAX_CHARACTERS = 256 * 1024
BRUSH, POLYGON = "brushlabels", "polygonlabels"  # types of results; tags are named alike
TAGS = {"BrushLabels": BRUSH, "PolygonLabels": POLYGON}


@dataclass(frozen=True)
class Control:
    """The tag that takes masks.

    Attributes:
        name: of the tag, results' `from_name`.
        image: name of the Image tag, results' `to_name`.
        kind: `BRUSH` or `POLYGON`.
        labels: that it has.
        field: of a task's data that holds the photo.
    """

    name: str
    image: str
    kind: str
    labels: tuple[str, ...]
    field: str


def read_config(text: str) -> Control:
    """The first BrushLabels of the configuration, or else the first PolygonLabels.

    Args:
        text: XML, as Label Studio has it.

    Raises:
        ServiceError: 422, it is no XML, declares entities, or has no such tag for an image.
    """
    if len(text) > MAX_CHARACTERS:
        raise _refused(f"label_config has more than {MAX_CHARACTERS} characters")
    if re.search(r"<!(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise _refused("label_config declares a document type; Label Studio's have none")
    try:
        tags = list(ElementTree.fromstring(text).iter())
    except (ElementTree.ParseError, ValueError, RecursionError):
        raise _refused("label_config is not XML") from None
    images = {tag.get("name"): tag.get("value", "") for tag in tags if tag.tag == "Image"}
    for wanted, kind in TAGS.items():
        for tag in tags:
            name, image = tag.get("name"), tag.get("toName")
            if tag.tag == wanted and name and image and images.get(image, "").startswith("$"):
                labels = tuple(x.get("value", "") for x in tag.iter("Label"))
                return Control(name, image, kind, labels, images[image][1:])
    raise _refused(
        'label_config needs <BrushLabels> or <PolygonLabels> for an <Image value="$...">'
    )


def _refused(message: str) -> ServiceError:
    return ServiceError(422, "label_config", message)

"""What is delivered to a home in the simulated Connect: notes and images. A repeat is always a second one.

Who may ask was settled before.
"""

import base64
import binascii
import hashlib

from syncer.simulators.rest import RefusedError
from syncer.simulators.vitec.agency import Agency
from syncer.simulators.vitec.model import Image, Note
from syncer.simulators.vitec.reading import Body, invalid
from syncer.simulators.wire import Request

# vitec.md, section 7: gif, jpg, tiff, bmp and png, each known by how it begins.
_MAGIC = (
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\xff\xd8\xff", "jpg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"BM", "bmp"),
    (b"\x89PNG\r\n\x1a\n", "png"),
)
_ENDINGS = {"jpeg": "jpg", "tif": "tiff"}


class Deliveries:
    """Takes notes and images (vitec.md, section 7)."""

    def __init__(self, agency: Agency) -> None:
        self._agency = agency

    def note(self, request: Request, customer_id: str, body: Body) -> dict[str, str]:
        """Makes a note, and returns the effect. No field is required; one without a text says nothing to anybody."""
        note = Note(
            customer_id,
            body.text("estateId"),
            body.text("userId"),
            body.text("contactId"),
            body.text("text"),
            body.date_time("date"),
        )
        if note.estate_id:
            self._agency.estate(customer_id, note.estate_id)
        if not note.text or not (note.estate_id or note.contact_id):
            self._agency.book.blame(request, "a note without a text, or on nothing")
        effect = {
            "what": "note",
            "customer": customer_id,
            "estate": note.estate_id,
            "user": note.user_id,
            "text": note.text,
        }
        if any(note.key == each.key for each in self._agency.notes):
            effect["repeat"] = "yes"
        self._agency.notes.append(note)
        return effect

    def image(
        self, request: Request, customer_id: str, estate_id: str, body: Body, by: str
    ) -> tuple[str, dict[str, str]]:
        """Stores an image on a home; its id, and the effect."""
        data, kind = self._image_data(body)
        self._agency.estate(customer_id, estate_id)
        category = self._category(request, customer_id, body)
        image = Image(
            f"BIL{len(self._agency.images) + 1:06d}",
            customer_id,
            estate_id,
            by,
            kind,
            len(data),
            hashlib.sha256(data).hexdigest(),
            body.text("name"),
            body.text("caption"),
            category,
            body.flag("advertise"),
        )
        ending = image.name.rpartition(".")[2].lower()
        if "." in image.name and _ENDINGS.get(ending, ending) != kind:
            self._agency.book.blame(request, f"the image is a {kind}, and is named .{ending}")
        return image.id, self._stored(image)

    def _stored(self, image: Image) -> dict[str, str]:
        effect = {
            "what": "image",
            "customer": image.customer_id,
            "estate": image.estate_id,
            "image": image.id,
            "name": image.name,
            "digest": image.digest,
            "by": image.by,
        }
        if any((image.estate_id, image.digest) == (each.estate_id, each.digest) for each in self._agency.images):
            effect["repeat"] = "yes"
        self._agency.images.append(image)
        return effect

    def _image_data(self, body: Body) -> tuple[bytes, str]:
        try:
            data = base64.b64decode(body.text("data", needed=True), validate=True)
        except (binascii.Error, ValueError):
            raise invalid("data", "The value is not base64.") from None
        kind = next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)
        if kind is None:
            raise invalid("data", "Only gif, jpg, tiff, bmp and png.")
        if 0 < self._agency.options.max_image < len(data):
            raise invalid("data", "The image is too large.")
        return data, kind

    def _category(self, request: Request, customer_id: str, body: Body) -> str:
        """The valid ones are the office's own; whether others are refused is unknown."""
        category = body.text("category")
        if category and category not in self._agency.office(customer_id).categories:
            if self._agency.options.category_checked:
                raise invalid("category", "Not one of the office's categories.")
            self._agency.book.blame(request, f"the office has no image category {category}")
        return category

    def categories(self, customer_id: str) -> list[dict[str, object]]:
        """The office's image categories; the customer must be named (V10)."""
        if not customer_id:
            raise invalid("customerId", "The customerId field is required.")
        if customer_id not in self._agency.offices:
            raise RefusedError(404, f"There is no office {customer_id}")
        return [{"customerId": customer_id, "categories": list(self._agency.offices[customer_id].categories)}]

"""Which pictures Vitec takes (vitec.md, section 7), told by their first bytes and not by what they are called."""

MAGIC = (
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"\xff\xd8\xff", "jpg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"\x89PNG\r\n\x1a\n", "png"),
)
BMP_HEAD = 26  # bytes, of the smallest header that a bitmap has


def image_kind(data: bytes) -> str | None:
    """Which of gif, jpg, tiff, bmp and png some bytes are; None where they are none."""
    for magic, kind in MAGIC:
        if data.startswith(magic):
            return kind
    # Many a text begins with BM; in a bitmap the reserved bytes are 0.
    is_bitmap = data.startswith(b"BM") and len(data) >= BMP_HEAD and data[6:10] == bytes(4)
    return "bmp" if is_bitmap else None

"""The room of files: what a portal delivers is kept on disk, whole or not at all, and never outside of one folder.

It knows paths, names and when a disk has what it was given. No remote, no store and no order's state may be in it,
and it imports nothing of ours but the errors.
"""

from syncer.files.names import folder_of, safe_name
from syncer.files.part import Kept
from syncer.files.shelf import Shelf
from syncer.files.trouble import DiskTrouble, NotThere, TooLarge

__all__ = ["DiskTrouble", "Kept", "NotThere", "Shelf", "TooLarge", "folder_of", "safe_name"]

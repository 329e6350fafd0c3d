from .samples import photo_names as photo_names

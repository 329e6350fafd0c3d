from .samples import names as names

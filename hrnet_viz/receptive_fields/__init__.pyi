from .effective import effective_field as effective_field
from .theory import reach as reach
from .theory import receptive_box as receptive_box
from .theory import receptive_field as receptive_field

from .contributions import contributions as contributions
from .kept import cut_paths as cut_paths
from .kept import exchange_choices as exchange_choices
from .shares import fusion as fusion

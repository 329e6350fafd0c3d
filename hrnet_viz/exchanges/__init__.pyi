from .contributions import Contributions as Contributions
from .contributions import contributions as contributions
from .shares import MEASURES as MEASURES
from .shares import Shares as Shares
from .shares import choices as choices
from .shares import cut_paths as cut_paths
from .shares import shares as shares
from .shares import take_apart as take_apart

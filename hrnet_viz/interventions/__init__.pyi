from .ablation import Ablation as Ablation
from .ablation import PairEffects as PairEffects
from .ablation import pairs as pairs
from .first_order import FirstOrder as FirstOrder
from .first_order import first_order as first_order

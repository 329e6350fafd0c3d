from .effective import EffectiveField as EffectiveField
from .effective import effective as effective
from .theoretical import ReceptiveField as ReceptiveField
from .theoretical import theoretical as theoretical

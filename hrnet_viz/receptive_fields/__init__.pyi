from .fields import EffectiveField as EffectiveField
from .fields import ReceptiveField as ReceptiveField
from .fields import effective as effective
from .fields import theoretical as theoretical

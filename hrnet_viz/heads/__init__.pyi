from .tables import HeadChoice as HeadChoice
from .tables import choices as choices
from .tables import table as table

from .choices import HeadChoice as HeadChoice
from .choices import choices as choices
from .table import table as table

from .choices import compare_heads as compare_heads
from .table import list_head as list_head

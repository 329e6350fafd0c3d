from .statistics import statistics as statistics

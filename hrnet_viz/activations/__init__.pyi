from .statistics import measure_sites as measure_sites

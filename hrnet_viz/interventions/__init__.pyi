from .first_order import forecast as forecast
from .first_order import predicted_effects as predicted_effects
from .pairs import ablate_pairs as ablate_pairs
from .sweep_files import merge_sweeps as merge_sweeps
from .sweep_table import read_sweep as read_sweep

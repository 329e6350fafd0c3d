"""``python -m recipes.faithfulness WEIGHTS FOLDER``."""

import sys

from hrnet_viz.arguments import end_quietly_in_pipes
from recipes.faithfulness.command import main

end_quietly_in_pipes()
sys.exit(main())

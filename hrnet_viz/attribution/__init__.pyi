from .batches import cam_in_batches as cam_in_batches
from .deletion import play_deletion as play_deletion
from .pointing import play_pointing as play_pointing
from .sanity import check_sanity as check_sanity

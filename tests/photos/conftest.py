import pytest
from PIL import Image

from tests.photos.pictures import encode, ramp


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "my photo.png"
    file.write_bytes(encode(Image.fromarray(ramp()), "PNG"))
    return file

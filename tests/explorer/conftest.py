import pytest

import hrnet_viz as hv
from hrnet_viz.explorer.server import Server
from tests.explorer.driving import make_net


@pytest.fixture(scope="session")
def small_net():
    return make_net()


@pytest.fixture(scope="session")
def server(small_net):
    return Server(small_net, hv.photo("cat"))

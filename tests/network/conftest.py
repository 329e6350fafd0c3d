"""Nets for the tests of the network."""

import pytest
import timm
import torch
from torch.optim.swa_utils import update_bn

from hrnet_viz.network import VARIANTS, hrnet

TIMM_NAMES = {name: name.removesuffix("_v1") for name in VARIANTS}


@pytest.fixture(scope="session")
def twins():
    """``twins(name)``: timm's net and ours with the same weights and plausible BatchNorm statistics, in eval mode."""
    made = {}

    def make(name, num_outputs=11):
        if (name, num_outputs) not in made:
            torch.manual_seed(7)
            theirs = timm.create_model(TIMM_NAMES[name], num_classes=num_outputs)
            update_bn([torch.randn(4, 3, 64, 64)], theirs)
            ours = hrnet(name, num_outputs=num_outputs)
            ours.load_state_dict(theirs.state_dict(), strict=True)
            made[name, num_outputs] = theirs.eval(), ours.eval()
        return made[name, num_outputs]

    return make

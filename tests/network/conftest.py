"""Nets for the tests of the network."""

import pytest
import timm
import torch

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
            for module in theirs.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = None  # average over what it sees, so that activations have a sane size
            with torch.no_grad():
                theirs.train()(torch.randn(4, 3, 64, 64))
            for module in theirs.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = 0.1
            ours = hrnet(name, num_outputs=num_outputs)
            ours.load_state_dict(theirs.state_dict(), strict=True)
            made[name, num_outputs] = theirs.eval(), ours.eval()
        return made[name, num_outputs]

    return make

import pytest
import torch
import torch.distributed as dist
from torch import nn

from hrnet_viz.training.norms import GlobalBatchNorm, share_norms


@pytest.fixture
def group(tmp_path):
    """Give a group of one process: everything is exchanged, with nobody."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_it_computes_what_batchnorm_computes_forwards_and_backwards():
    x = (torch.randn(6, 4, 5, 5) * 3 + 100).double().requires_grad_()
    y = x.detach().clone().requires_grad_()
    norm, ours = nn.BatchNorm2d(4).double(), GlobalBatchNorm(4).double()
    target = torch.randn(6, 4, 5, 5).double()
    for module, value in ((norm, x), (ours, y)):
        with torch.no_grad():
            module.weight.copy_(torch.tensor([1.0, 2.0, -1.0, 0.5]))
        (module(value) * target).sum().backward()
    assert torch.allclose(norm(x), ours(y))
    assert torch.allclose(x.grad, y.grad)
    for name in ("weight", "bias"):
        assert torch.allclose(getattr(norm, name).grad, getattr(ours, name).grad)
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.allclose(getattr(norm, name), getattr(ours, name))


def test_sharing_keeps_names_and_state_and_the_eval_mode():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    x = torch.randn(2, 3, 4, 4)
    names, before = list(net.state_dict()), net(x)
    share_norms(net)
    assert isinstance(net[1], GlobalBatchNorm)
    assert list(net.state_dict()) == names
    assert torch.equal(net(x), before)

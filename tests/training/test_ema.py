import pytest
import torch
from torch import nn

from hrnet_viz.training.ema import MovingAverage


def test_the_average_forgets_its_start_and_then_follows_slowly():
    net = nn.Linear(1, 1, bias=False)
    average = MovingAverage(net, decay=0.5)
    start = net.weight.item()
    with torch.no_grad():
        net.weight.fill_(2.0)
    average.update(net)  # decay (1 + 0) / (10 + 0)
    assert average.net.weight.item() == pytest.approx(0.1 * start + 0.9 * 2.0)
    for _ in range(20):
        average.update(net)
    before = average.net.weight.item()
    with torch.no_grad():
        net.weight.fill_(4.0)
    average.update(net)
    assert average.net.weight.item() == pytest.approx(0.5 * before + 0.5 * 4.0)


def test_statistics_are_averaged_and_counts_are_copied():
    net = nn.BatchNorm2d(2)
    average = MovingAverage(net, decay=0.9)
    net.train()(torch.randn(8, 2, 4, 4) + 5)
    average.update(net)
    assert torch.allclose(average.net.running_mean, 0.9 * net.running_mean)
    assert average.net.num_batches_tracked == 1


def test_the_average_is_not_trained():
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    average = MovingAverage(net, 0.9)
    assert not average.net.training
    assert not any(p.requires_grad for p in average.net.parameters())
    assert all(p.requires_grad for p in net.parameters())

"""The experiment of notebook 02: two nets of one budget, and a measure of how far off they are."""

import pytest
import torch

from hrnet_viz.activations.maps import point_answers
from hrnet_viz.course import points


def test_both_nets_answer_with_a_score_per_cell_and_cost_the_same():
    parallel = points.ParallelNet(8)
    budget = points.multiply_adds(parallel)
    serial = points.match_budget(budget)
    assert abs(points.multiply_adds(serial) / budget - 1) < 0.05
    for net in (parallel, serial):
        assert net(torch.zeros(2, 3, 64, 64)).shape == (2, 16, 16)


def test_scenes_are_the_same_for_a_seed_and_know_the_cell_of_their_point():
    one, again, other = points.make_scenes(3), points.make_scenes(3), points.make_scenes(3, seed=1)
    assert torch.equal(one.pictures, again.pictures)
    assert not torch.equal(one.places, other.places)
    for picture, (row, column), cell in zip(one.pictures, one.places, one.cells, strict=True):
        assert (picture[:, row, column] == 1).all()  # the point is white
        assert divmod(int(cell), 16) == (int(row) // 4, int(column) // 4)


class Oracle(torch.nn.Module):
    """Puts the highest score where it is told to."""

    def __init__(self, cells):
        super().__init__()
        self.cells = cells

    def forward(self, x):
        return torch.nn.functional.one_hot(self.cells, 256).float().reshape(-1, 16, 16)


def test_distances_are_those_of_the_best_cell():
    scenes = points.make_scenes(8)
    near = points.miss_distances(Oracle(scenes.cells), scenes)
    assert near.max() <= 2.2  # half the diagonal of a cell of 4 px, and a little
    off = points.miss_distances(Oracle((scenes.cells + 128) % 256), scenes)  # half the height away
    assert off.min() > 28
    assert points.within(near, 4) == 1
    assert points.within([1, 2, 9, 10], 4) == 0.5


def test_training_lowers_the_loss_and_is_repeatable():
    scenes = points.make_scenes(32)
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        runs.append(points.train(points.ParallelNet(4), scenes, steps=12, batch=8))
    assert runs[0][-1] < runs[0][0]
    assert runs[0] == pytest.approx(runs[1], rel=1e-3)


def test_the_figure_says_how_far_off_each_net_is():
    scene = torch.zeros(64, 64, 3, dtype=torch.uint8)
    right, wrong = torch.zeros(16, 16), torch.zeros(16, 16)
    right[5, 2] = wrong[5, 10] = 1
    picture = point_answers(scene, (21, 9), {"right": right, "wrong": wrong}, theme="dark")
    assert "right is off by 0.7 px; wrong is off by 32.5 px" in picture.alt

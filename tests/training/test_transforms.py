from dataclasses import replace

import torch
from torch.utils.data import DataLoader

from hrnet_viz.training.course import Course
from hrnet_viz.training.transforms import Batches, Steps


def steps_of(recipe, photos):
    return list(Course(recipe, len(photos)))


def test_a_batch_has_the_size_and_the_labels_of_its_step(recipe, photos):
    step = replace(steps_of(recipe, photos)[0], size=48)
    pixels, labels, same = Batches(photos, recipe)[step]
    assert pixels.shape == (8, 3, 48, 48)
    assert pixels.dtype == torch.uint8
    assert labels.tolist() == photos.labels[list(step.photos)].tolist()
    assert same is step


def test_a_photo_is_augmented_alike_whoever_asks_and_anew_in_each_pass(recipe, photos):
    first, *_, later = steps_of(recipe, photos)
    whole, _, _ = Batches(photos, recipe)[first]
    torch.manual_seed(99)
    again, _, _ = Batches(photos, recipe)[first]
    assert torch.equal(whole, again)
    shares = [Batches(photos, recipe, rank, 2)[first][0] for rank in range(2)]
    assert torch.equal(whole[0::2], shares[0])
    assert torch.equal(whole[1::2], shares[1])
    other_pass = replace(later, photos=first.photos, size=first.size)
    assert later.at.epoch != first.at.epoch
    assert not torch.equal(Batches(photos, recipe)[other_pass][0], whole)


def test_loading_leaves_the_random_numbers_of_others_alone(recipe, photos):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Batches(photos, recipe)[steps_of(recipe, photos)[0]]
    assert torch.equal(torch.rand(3), expected)


def test_a_loading_process_gives_the_same_batches(recipe, photos):
    course = Course(recipe, len(photos))
    loader = DataLoader(
        Batches(photos, recipe), batch_size=None, sampler=Steps(course), num_workers=1, collate_fn=lambda batch: batch
    )
    for (pixels, labels, step), expected in zip(loader, steps_of(recipe, photos), strict=True):
        assert step == expected
        alone = Batches(photos, recipe)[expected]
        assert torch.equal(pixels, alone[0])
        assert torch.equal(labels, alone[1])

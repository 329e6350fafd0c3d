"""The recipe as data, and the steps that follow from it."""

from dataclasses import replace

import pytest

from recipes.teaching_net.schedule import Phase, Recipe, Schedule, learning_rate

RECIPE = Recipe(phases=(Phase(2, (64,)), Phase(1, (96, 128))), batch=8)
PHOTOS = 40


def test_a_pass_shows_every_photo_once_and_each_pass_in_another_order():
    steps = list(Schedule(RECIPE, PHOTOS))
    passes = [[i for step in steps if step.at.epoch == epoch for i in step.photos] for epoch in range(3)]
    assert all(sorted(order) == list(range(PHOTOS)) for order in passes)
    assert passes[0] != passes[1] != passes[2]


def test_phases_follow_each_other_and_sizes_are_drawn():
    sizes = [step.size for step in Schedule(replace(RECIPE, phases=(Phase(2, (64,)), Phase(8, (96, 128)))), PHOTOS)]
    assert sizes[:10] == [64] * 10
    assert set(sizes[10:]) == {96, 128}


def test_the_rate_rises_to_the_peak_and_ends_at_zero():
    rates = [learning_rate(RECIPE, i / 1000) for i in range(1001)]
    assert max(rates) == pytest.approx(RECIPE.peak_rate)
    assert rates.index(max(rates)) == 100
    assert rates[-1] == 0
    last = list(Schedule(RECIPE, PHOTOS))[-1]
    assert last.after.progress == 1
    assert last.rate < 0.1 * RECIPE.peak_rate


@pytest.mark.parametrize("done", [0, 3, 5, 11, 14])
def test_a_course_continues_from_any_position_as_if_it_had_never_stopped(done):
    steps = list(Schedule(RECIPE, PHOTOS))
    assert list(Schedule(RECIPE, PHOTOS, steps[done].at)) == steps[done:]


def test_what_does_not_fill_a_batch_is_left_for_the_next_pass():
    steps = list(Schedule(RECIPE, 45))
    assert all(len(step.photos) == 8 for step in steps)
    assert [step.after.epoch for step in steps[:5]] == [0, 0, 0, 0, 1]


def test_too_few_photos_for_a_batch_are_refused():
    with pytest.raises(ValueError, match="smaller --batch"):
        Schedule(RECIPE, 7)


def test_a_phase_is_written_as_it_is_read():
    for text in ("12@64", "2.5@128,160,160", "1@128,224:still"):
        assert str(Phase.parse(text)) == text
    assert Phase.parse("3@128,160") == Phase(3, (128, 160))
    assert Phase.parse("3@128:still") == Phase(3, (128,), still=True)


@pytest.mark.parametrize("text", ["12", "@64", "0@64", "3@16", "3@64,", "three@64", "3@64:fast", "3@:still"])
def test_a_wrong_phase_is_explained(text):
    with pytest.raises(ValueError, match="epochs@size"):
        Phase.parse(text)


def test_a_recipe_survives_its_json():
    recipe = Recipe(variant="hrnet_w18", phases=(Phase(1, (64, 96)),), seed=7, autocast="off")
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_recipe_of_an_older_version_gets_the_defaults():
    assert Recipe.from_json('{"phases": ["1@64"], "mean": [0, 0, 0], "std": [1, 1, 1]}').stored == Recipe().stored


@pytest.mark.parametrize("wrong", [{"autocast": "fp8"}, {"batch": 1}, {"held_back": 1.0}, {"phases": ()}])
def test_a_recipe_that_cannot_run_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).removesuffix("s")):
        Recipe(**wrong)

from dataclasses import replace
from itertools import islice

import pytest

from hrnet_viz.training.config import Phase, Recipe
from hrnet_viz.training.course import (
    Course,
    Position,
    choose_pace,
    cost,
    find_phase,
    learning_rate,
    remaining_work,
)

RECIPE = Recipe(phases=(Phase(2, (64,)), Phase(1, (96, 128))), batch=8)
PHOTOS = 40


def test_a_pass_shows_every_photo_once_and_each_pass_in_another_order():
    steps = list(Course(RECIPE, PHOTOS))
    passes = [[i for step in steps if step.at.epoch == epoch for i in step.photos] for epoch in range(3)]
    assert all(sorted(order) == list(range(PHOTOS)) for order in passes)
    assert passes[0] != passes[1] != passes[2]


def test_phases_follow_each_other_and_sizes_are_drawn():
    sizes = [step.size for step in Course(replace(RECIPE, phases=(Phase(2, (64,)), Phase(8, (96, 128)))), PHOTOS)]
    assert sizes[:10] == [64] * 10
    assert set(sizes[10:]) == {96, 128}


def test_the_rate_rises_to_the_peak_and_ends_at_zero():
    rates = [learning_rate(RECIPE, i / 1000) for i in range(1001)]
    assert max(rates) == pytest.approx(RECIPE.peak_rate)
    assert rates.index(max(rates)) == 100
    assert rates[-1] == 0
    last = list(Course(RECIPE, PHOTOS))[-1]
    assert last.after.progress == 1
    assert last.rate < 0.1 * RECIPE.peak_rate


@pytest.mark.parametrize("done", [0, 3, 5, 11, 14])
def test_a_course_continues_from_any_position_as_if_it_had_never_stopped(done):
    steps = list(Course(RECIPE, PHOTOS))
    assert list(Course(RECIPE, PHOTOS, steps[done].at)) == steps[done:]


def test_what_does_not_fill_a_batch_is_left_for_the_next_pass():
    steps = list(Course(RECIPE, 45))
    assert all(len(step.photos) == 8 for step in steps)
    assert [step.after.epoch for step in steps[:5]] == [0, 0, 0, 0, 1]


def test_a_hurried_course_keeps_its_phases_and_completes_its_anneal():
    course = Course(RECIPE, PHOTOS)
    steps = []
    for step in course:
        steps.append(step)
        course.pace = 3.0
    assert len(steps) == 6  # one at pace 1, then fourteen more at three times that
    assert {step.size for step in steps} >= {64}
    assert steps[-1].after.progress == 1
    assert steps[-1].rate < 0.2 * RECIPE.peak_rate


def test_no_time_left_makes_the_next_step_the_last():
    course = Course(RECIPE, PHOTOS)
    steps = []
    for step in course:
        steps.append(step)
        if len(steps) == 2:
            course.pace = choose_pace(1e6, 1e3, seconds_left=-5)
    assert len(steps) == 3


def test_a_deadline_is_kept_on_a_machine_that_becomes_slower():
    recipe = replace(RECIPE, phases=(Phase(20, (64,)), Phase(10, (96, 128))))
    course, clock, speed, deadline = Course(recipe, PHOTOS), 0.0, 10_000.0, 1500.0
    planned = remaining_work(recipe, 0, PHOTOS) / speed
    assert planned > deadline / 2
    for step in course:
        if clock > 500:
            speed = 4_000.0
        clock += len(step.photos) * cost(step.size) / speed
        course.pace = choose_pace(remaining_work(recipe, step.after.progress, PHOTOS), speed, deadline - clock)
    assert clock == pytest.approx(deadline, rel=0.03)


def test_remaining_work_is_what_the_steps_cost():
    steps = list(Course(RECIPE, PHOTOS))
    one_size = replace(RECIPE, phases=(Phase(2, (64,)), Phase(1, (96,))))
    work = sum(len(step.photos) * cost(step.size) for step in Course(one_size, PHOTOS))
    assert remaining_work(one_size, 0, PHOTOS) == pytest.approx(work)
    assert remaining_work(one_size, 1, PHOTOS) == pytest.approx(0)
    assert find_phase(RECIPE, steps[-1].at.progress) == RECIPE.phases[1]


def test_time_to_spare_lengthens_the_plan_but_not_without_end():
    assert choose_pace(1000, 1, 1500) == pytest.approx(2 / 3)
    assert choose_pace(1000, 1, 1e9) == 0.5


def test_too_few_photos_for_a_batch_are_refused():
    with pytest.raises(ValueError, match="smaller --batch"):
        Course(RECIPE, 7)


def test_the_pace_is_part_of_the_position():
    course = Course(RECIPE, PHOTOS, Position(pace=2.0))
    first, second = islice(course, 2)
    assert second.at.progress == pytest.approx(2 * 8 / (40 * 3))
    assert first.after == second.at

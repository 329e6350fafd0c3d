from datetime import datetime

import pytest

from hrnet_viz.training import clock


def test_a_deadline_is_the_next_time_the_clock_shows_it():
    now = datetime(2026, 5, 31, 14, 30)  # noqa: DTZ001
    assert clock.find_deadline("18:05", now) == datetime(2026, 5, 31, 18, 5)  # noqa: DTZ001
    assert clock.find_deadline("7:00", now) == datetime(2026, 6, 1, 7, 0)  # noqa: DTZ001


@pytest.mark.parametrize("text", ["soon", "25:00", "12", "1:2:3"])
def test_what_is_no_time_of_day_is_explained(text):
    with pytest.raises(ValueError, match="HH:MM"):
        clock.find_deadline(text, datetime(2026, 1, 1))  # noqa: DTZ001


def test_speed_looks_back_over_its_window_only(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    speed = clock.Speed()
    assert speed.per_second == 0
    for _ in range(100):
        now[0] += 10
        speed.add(100)
    assert speed.per_second == pytest.approx(10)
    for _ in range(60):
        now[0] += 10
        speed.add(20)
    assert speed.per_second == pytest.approx(2)
    assert speed.seconds <= clock.WINDOW_S + 10

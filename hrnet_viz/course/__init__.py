"""Exercises of the notebooks: stubs, solutions, checkers and hints. ``hv.course.check("00.1", answer, net=net)``."""

from hrnet_viz.course.core import Exercise, Verdict, check, exercises, find

__all__ = ["Exercise", "Verdict", "check", "exercises", "find"]

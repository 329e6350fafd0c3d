"""Exercises of the notebooks: stubs, solutions, checkers and hints. ``hv.course.check("00.1", answer, net=net)``."""

from hrnet_viz.course.core import Exercise, Verdict, check, describe_faithfulness, exercises, find

__all__ = ["Exercise", "Verdict", "check", "describe_faithfulness", "exercises", "find"]

"""Keep some exchanges of a net and take the others away, to ask what reaches what with 0, 1, 3 or all of them.

The paper trains nets with 1, 3 and 8 exchanges (arXiv 1908.07919, table 12): the last, the last of each stage, all.
Here the paths of one net are cut. An exchange that is taken away keeps its identity paths, so that each stream goes on
by itself; transitions and head stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrnet_viz.sites import quote, read_integer

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan


def choices(plan: Plan) -> tuple[int, ...]:
    """Return the numbers of exchanges that may be kept: 0, 1, 3 and all."""
    return tuple(sorted({0, 1, 3, len(plan.modules)}))


def kept_exchanges(plan: Plan, number: int | None) -> tuple[str, ...]:
    """Return the modules whose exchange is kept.

    Args:
        plan: the plan of the net.
        number: 0 for none, 1 for the last, 3 for the last of each stage, or the number of all; None for all.

    Raises:
        ValueError: another number.
    """
    modules = tuple(module.address for module in plan.modules)
    if number is None:
        return modules
    asked = read_integer(number)
    if asked not in choices(plan):
        raise ValueError(
            f"exchanges={quote(number)} was given. {plan.owner} has {len(modules)} exchanges; of these "
            f"{', '.join(map(str, choices(plan)))} can be kept: none, the last, the last of each stage, or all."
        )
    last_of_stage = {module.partition(".")[0]: module for module in modules}
    return {0: (), 1: modules[-1:], 3: tuple(last_of_stage.values()), len(modules): modules}[asked]


def cut_paths(plan: Plan, number: int | None) -> frozenset[str]:
    """Return the paths that are taken away when this many exchanges are kept: all between different branches.

    Raises:
        ValueError: a number that ``kept_exchanges`` does not know.
    """
    kept = kept_exchanges(plan, number)
    return frozenset(
        path.name
        for path in plan.select(kind="fuse_path")
        if path.branch != path.source and f"stage{path.stage}.{path.module}" not in kept
    )


def reaching_sites(plan: Plan, site: str, number: int | None = None) -> tuple[str, ...]:
    """Return the landmarks that reach a site when this many exchanges are kept, in plan order, itself left out.

    Raises:
        SiteError: an address that names no site.
        ValueError: a number that ``kept_exchanges`` does not know.
    """
    cut = cut_paths(plan, number)
    name = plan.resolve(site)
    reached = {name}
    for step in reversed(plan.expand([name])):
        if step.name in reached:
            reached.update(source for source in step.inputs if source not in cut)
    return tuple(one for one in plan.landmarks if one in reached - {name})

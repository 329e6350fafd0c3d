"""The map of the network: every landmark once, rows by resolution, no overlaps, arrow keys that lead everywhere."""

from itertools import combinations

import pytest

import hrnet_viz as hv
from hrnet_viz.explorer.description import STATE, describe_net, lay_out


@pytest.fixture(scope="module", params=["hrnet_w18_small_v1", "hrnet_w18"])
def net(request):
    return hv.hrnet(request.param, num_outputs=3)


@pytest.fixture(scope="module")
def layout(net):
    return lay_out(net.plan)


@pytest.fixture(scope="module")
def nodes(layout):
    return {node.site.name: node for node in layout.nodes}


def test_every_landmark_is_there_once_in_plan_order(net, layout):
    assert tuple(node.site.name for node in layout.nodes) == net.plan.landmarks


def test_no_box_lies_on_another_or_outside(layout):
    boxes = [node for node in layout.nodes if not node.start]
    for one, other in combinations(boxes, 2):
        apart = (
            abs(one.x - other.x) >= (one.width + other.width) / 2
            or abs(one.y - other.y) >= (one.height + other.height) / 2
        )
        assert apart, f"{one.site} lies on {other.site}"
    assert all(node.x + node.width / 2 <= layout.width and node.y + node.height / 2 <= layout.height for node in boxes)


def test_rows_are_resolutions_and_depth_goes_to_the_right(nodes):
    rows = {}
    for node in nodes.values():
        if node.site.kind in ("branch", "fuse_sum", "fuse_out", "transition"):
            rows.setdefault(node.site.stride, set()).add(node.y)
    assert {stride: len(heights) for stride, heights in rows.items()} == {4: 1, 8: 1, 16: 1, 32: 1}
    for node in nodes.values():
        for source in node.site.inputs:
            if source in nodes and "down" not in node.site.name and "head.sum" not in node.site.name:
                assert nodes[source].x < node.x, f"{source} is right of {node.site}"


def test_a_path_runs_from_its_branch_to_its_sum(nodes):
    path, branch, total = (nodes[name] for name in ("stage3.0.fuse0<-2", "stage3.0.branch2", "stage3.0.sum0"))
    assert path.start == (branch.x + branch.width / 2, branch.y)
    assert abs(path.x - (total.x - total.width / 2)) <= 3
    assert abs(path.y - total.y) <= total.height / 2
    ends = [nodes[f"stage4.0.fuse1<-{j}"].y for j in range(4)]
    assert len(set(ends)) == 4  # each has a place of its own at the sum


@pytest.mark.parametrize(
    ("start", "keys", "end"),
    [
        ("stem", "right", "stage1"),
        ("stage3.0.branch1", "down", "stage3.0.branch2"),
        ("stage3.0.branch1", "up", "stage3.0.branch0"),
        ("stage3.0.branch1", "right right right right", "transition3.branch1"),
        ("stage3.0.sum0", "left down down", "stage3.0.fuse0<-2"),
        ("stage3.0.fuse0<-2", "left", "stage3.0.branch2"),
        ("stage3.0.fuse0<-2", "right", "stage3.0.sum0"),
        ("head.incre0", "right down", "head.sum1"),
        ("head.sum3", "right right right right", "logits"),
        ("logits", "right up down", "logits"),
    ],
)
def test_arrow_keys_lead_to_the_neighbour(start, keys, end):
    small = {node.site.name: node for node in lay_out(hv.hrnet("hrnet_w18_small_v1", num_outputs=3).plan).nodes}
    here = start
    for key in keys.split():
        here = small[here].go[("left", "right", "up", "down").index(key)]
    assert here == end


def test_arrow_keys_reach_every_landmark(nodes):
    reached, edge = {"stem"}, ["stem"]
    while edge:
        fresh = {name for here in edge for name in nodes[here].go} - reached
        reached |= fresh
        edge = list(fresh)
    assert reached == set(nodes)


def test_what_is_alike_differs_in_resolution_alone(nodes):
    assert nodes["stage3.0.out1"].alike == tuple(f"stage3.0.out{b}" for b in range(3))
    assert nodes["stage4.0.fuse1<-3"].alike == tuple(f"stage4.0.branch{b}" for b in range(4))
    assert nodes["head.incre2"].alike == tuple(f"head.incre{b}" for b in range(4))
    assert nodes["stem"].alike == ("stem",)


def test_the_page_is_told_what_it_draws(net):
    told = describe_net(net, ("a", "b", "c"))
    by_name = {node["site"]: node for node in told["nodes"]}
    assert by_name["stage4.0.fuse3<-1"]["sum"] == "stage4.0.sum3"
    assert by_name["stem"]["sum"] == "stage2.0.sum0"
    assert by_name["stage4.0.branch2"]["colour"] == told["branches"][2]
    assert by_name["stage4.0.fuse3<-1"]["colour"] == told["branches"][1]
    assert "published as stage4.0.branches.2" in by_name["stage4.0.branch2"]["facts"]
    assert set(told["choices"]) <= {*STATE}

"""The same numbers as captum, as pytorch-grad-cam where it is right, and as autograd by hand everywhere else."""

import copy

import pytest
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM

from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.methods import METHODS
from tests.nets.trained_like import CLASSES, photos, trained_like

X = photos(2)
CLASS = 3
RIVALS = {
    "gradcam": GradCAM,
    "gradcam++": GradCAMPlusPlus,
    "xgradcam": XGradCAM,
    "hirescam": HiResCAM,
    "layercam": LayerCAM,
}


def deviation(one, other):
    """Largest difference as a share of the largest value."""
    return float((one - other).abs().max() / other.abs().max())


def test_captum_at_all_26_branches_of_w18():
    net = trained_like("hrnet_w18")
    branches = net.sites(kind="branch")
    assert len(branches) == 26
    x = X[:1]
    ours = cam(net, x, CLASS, sites=branches)
    for site in branches:
        layer = getattr(net, f"stage{site.stage}")[site.module].branches[site.branch]
        theirs = LayerGradCam(net, layer).attribute(x, target=CLASS, relu_attributions=False)
        assert deviation(ours[site], theirs[:, 0].detach()) < 1e-5, site.name


class Loud:
    """A logit, ten thousand times: with gradients so large the epsilons of pytorch-grad-cam count for nothing."""

    def __call__(self, logits):
        return 10_000 * logits[CLASS]


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize("where", ["stage3.0.branch1", "stage4.0.branch0", "stage4.0.branch3"])
def test_pytorch_grad_cam(name, where):
    net = copy.deepcopy(trained_like())  # the rival leaves gradients in it
    stage, module, branch = int(where[5]), int(where[7]), int(where[-1])
    layer = getattr(net, f"stage{stage}")[module].branches[branch]
    with RIVALS[name](model=net, target_layers=[layer]) as rival:
        rival(input_tensor=X, targets=[Loud(), Loud()])
        seen = rival.activations_and_grads
        activation, gradient = seen.activations[0].numpy(), seen.gradients[0].numpy()
        theirs = torch.from_numpy(rival.get_cam_image(X, layer, None, activation, gradient, eigen_smooth=False))
    ours = cam(net, X, lambda logits: 10_000 * logits[:, CLASS], method=name, sites=where)[where]
    assert deviation(ours, theirs) < 1e-4


def by_hand(net, x, stage, module):
    """Everything that is made in one module, and the logits, written out with the modules of the net alone."""
    x = net.relu2(net.bn2(net.conv2(net.relu1(net.bn1(net.conv1(x))))))
    streams = [net.layer1(x)]
    seen = {}
    for s in (2, 3, 4):
        layers = getattr(net, f"transition{s - 1}")
        streams = [layer(streams[min(i, len(streams) - 1)]) for i, layer in enumerate(layers)]
        for m, unit in enumerate(getattr(net, f"stage{s}")):
            branches = [branch(stream) for branch, stream in zip(unit.branches, streams, strict=True)]
            paths, sums, outs = {}, [], []
            for i in range(len(branches)):
                for j, source in enumerate(branches):
                    path = unit.fuse_layers[i][j]
                    paths[i, j] = path(source, branches[i].shape[-2:]) if j > i else path(source)
                sums.append(sum(paths[i, j] for j in range(len(branches))))
                outs.append(torch.relu(sums[-1]))
            if (s, m) == (stage, module):
                name = f"stage{s}.{m}"
                seen |= {f"{name}.branch{b}": value for b, value in enumerate(branches)}
                seen |= {f"{name}.fuse{i}<-{j}": value for (i, j), value in paths.items()}
                seen |= {f"{name}.sum{i}": value for i, value in enumerate(sums)}
                seen |= {f"{name}.out{i}": value for i, value in enumerate(outs)}
            streams = outs
    y = net.incre_modules[0](streams[0])
    for i in (1, 2, 3):
        y = net.incre_modules[i](streams[i]) + net.downsamp_modules[i - 1](y)
    return seen, net.classifier(net.final_layer(y).mean((2, 3)))


@pytest.mark.parametrize(("stage", "module"), [(2, 0), (3, 0), (4, 0)])
def test_branches_paths_sums_and_outs_against_autograd_by_hand(stage, module):
    net = trained_like()
    seen, logits = by_hand(net, X, stage, module)
    gradients = torch.autograd.grad(logits[:, CLASS].sum(), list(seen.values()))
    n = len([name for name in seen if "branch" in name])
    assert len(seen) == 3 * n + n * n
    ours = cam(net, X, CLASS, method=list(RIVALS), sites=list(seen))
    for name in ("gradcam", "hirescam", "layercam"):
        for (site, activation), gradient in zip(seen.items(), gradients, strict=True):
            assert deviation(ours[name][site], METHODS[name](activation.detach(), gradient)) < 1e-5, (name, site)


def test_plain_cam_is_the_map_of_the_classifiers_weights():
    net = trained_like()
    features = net.final_layer(net.merge(net.streams(X))).detach()
    weights = net.classifier.weight[CLASS].detach()
    zhou = (weights[None, :, None, None] * features).sum(1)
    both = cam(net, X, CLASS, method=["cam", "gradcam"])
    assert list(both["cam"]) == ["head.final"]
    assert deviation(both["cam"]["head.final"], zhou) < 1e-5
    cells = features[0, 0].numel()
    assert deviation(both["gradcam"]["head.final"] * cells, zhou) < 1e-5  # Grad-CAM up to a constant
    bias = net.classifier.bias[CLASS].detach()
    torch.testing.assert_close(zhou.mean((1, 2)) + bias, both["cam"].scores)


def test_hirescam_adds_up_to_what_the_site_contributes_where_the_rest_is_linear():
    net = trained_like()
    ours = cam(net, X, CLASS, method="hirescam", sites="head.final")
    torch.testing.assert_close(ours.totals()["head.final"] + net.classifier.bias[CLASS].detach(), ours.scores)


def test_class_differences_are_differences_of_maps():
    net = trained_like()
    sites = ["stage3.0.branch0", "stage4.0.out3"]
    apart = cam(net, X, (1, 2), sites=sites)
    one, two = cam(net, X, 1, sites=sites), cam(net, X, 2, sites=sites)
    for site in sites:
        torch.testing.assert_close(apart[site], one[site] - two[site], rtol=1e-4, atol=1e-6)
    assert CLASSES > 2

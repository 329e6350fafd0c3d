"""An independent out-of-place computation over timm's modules: what every tensor of HRNet really is.

Written against timm's attribute names and functional operations only; it knows nothing of our plan or blocks.
"""

import torch
from torch.nn import functional


def every_tensor(net, x):  # noqa: C901  # one function per kind of part, so that it reads like the paper
    """Run timm's HRNet with nothing overwritten; give (kind, tensor) for each tensor in the order it is made."""
    found = []

    def keep(kind, value):
        found.append((kind, value))
        return value

    def conv(layer, value):
        return keep("conv", functional.conv2d(value, layer.weight, layer.bias, layer.stride, layer.padding))

    def norm(layer, value):
        statistics = (layer.running_mean, layer.running_var, layer.weight, layer.bias)
        return keep("norm", functional.batch_norm(value, *statistics, training=False, eps=layer.eps))

    def relu(value):
        return keep("relu", torch.relu(value))

    def block(parts, value):
        shortcut = norm(parts.downsample[1], conv(parts.downsample[0], value)) if parts.downsample else value
        out = relu(norm(parts.bn1, conv(parts.conv1, value)))
        out = norm(parts.bn2, conv(parts.conv2, out))
        if hasattr(parts, "conv3"):
            out = norm(parts.bn3, conv(parts.conv3, relu(out)))
        return relu(keep("residual sum", out + shortcut))

    def chain(blocks, value):
        for parts in blocks:
            value = block(parts, value)
        return value

    def path(module, i, j, value):
        if i == j:
            return value
        layers = module.fuse_layers[i][j]
        if j > i:
            value = norm(layers[1], conv(layers[0], value))
            return keep("up-sampled", functional.interpolate(value, scale_factor=2 ** (j - i), mode="nearest"))
        for number, step in enumerate(layers):
            value = norm(step[1], conv(step[0], value))
            if number < len(layers) - 1:
                value = relu(value)
        return value

    def exchange(module, streams):
        branches = [
            keep("branch", chain(blocks, value)) for blocks, value in zip(module.branches, streams, strict=True)
        ]
        outputs = []
        for i in range(len(branches)):
            paths = [keep("path", path(module, i, j, branches[j])) for j in range(len(branches))]
            total = paths[0]
            for j in range(1, len(paths)):
                total = keep("fuse sum" if j == len(paths) - 1 else "partial sum", total + paths[j])
            outputs.append(keep("fuse out", relu(total)))
        return outputs

    x = relu(norm(net.bn1, conv(net.conv1, x)))
    x = relu(norm(net.bn2, conv(net.conv2, x)))
    streams = [chain(net.layer1, x)]
    for layers, modules in (
        (net.transition1, net.stage2),
        (net.transition2, net.stage3),
        (net.transition3, net.stage4),
    ):
        after = []
        for i, layer in enumerate(layers):
            value = streams[min(i, len(streams) - 1)]
            if isinstance(layer, torch.nn.Sequential):
                parts = layer[0] if isinstance(layer[0], torch.nn.Sequential) else layer
                value = relu(norm(parts[1], conv(parts[0], value)))
            after.append(keep("transition", value))
        streams = after
        for module in modules:
            streams = exchange(module, streams)
    y = chain(net.incre_modules[0], streams[0])
    for i in range(3):
        down = net.downsamp_modules[i]
        down = relu(norm(down[1], conv(down[0], y)))
        y = keep("head sum", chain(net.incre_modules[i + 1], streams[i + 1]) + down)
    y = relu(norm(net.final_layer[1], conv(net.final_layer[0], y)))
    y = keep("pool", functional.adaptive_avg_pool2d(y, 1).flatten(1))
    keep("logits", functional.linear(y, net.classifier.weight, net.classifier.bias))
    return found

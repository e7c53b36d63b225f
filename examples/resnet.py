"""A ResNet of torchvision: its convolutions, and the calls of one ReLU that all layers of a block share."""

from __future__ import annotations

import torch
from torchvision.models import resnet18

from wndcheck import dependence_score
from wndcheck.inspect import NetworkScore

# conv1 before batch normalization, a block's shared ReLU (its second call is after the residual sum), the last layer.
LAYERS = ["conv1", "layer1.0.conv1", "layer1.0.relu#1", "layer1.0.relu#2", "layer2.0", "fc"]


def main(images: int = 300) -> NetworkScore:
    torch.manual_seed(0)
    net = resnet18(num_classes=10)  # its weights are random: load trained ones with weights=..., or load_state_dict
    x = torch.randn(images, 3, 32, 32)  # 3 channels, channels first, normalised as in training
    # The neurons of an image are channels; each image gives one row, at a position drawn at random.
    found = dependence_score(net, x, LAYERS, max_pairs=300)
    print(found)
    return found


if __name__ == "__main__":
    main()

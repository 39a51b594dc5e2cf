"""Writes the shipped DB-ResNet-18, P alone, as ONNX and as .tflite of one input size, for the comparison of peers.

    python3 -m venv /tmp/export && . /tmp/export/bin/activate
    pip install torch --index-url https://download.pytorch.org/whl/cpu
    pip install litert-torch onnx safetensors
    python bench/peers/export_network.py --size 320x320 --out /tmp/export

Both files hold the network as PyTorch runs it: input [1, 3, height, width] of f32, normalised; output P
[1, 1, height, width]. Names of parameters are those of weights/db-resnet18.safetensors.
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[2]


class BasicBlock(nn.Module):
    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        levels = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            levels.append(x)
        return levels


def smooth(scale: int) -> nn.Sequential:
    """The names have an index: `out5.0`."""
    return nn.Sequential(nn.Conv2d(256, 64, 3, 1, 1, bias=False), nn.Upsample(scale_factor=scale))


class Decoder(nn.Module):
    """Neck (FPN) and the head of P."""

    def __init__(self):
        super().__init__()
        self.in2, self.in3, self.in4, self.in5 = (
            nn.Conv2d(channels, 256, 1, bias=False) for channels in (64, 128, 256, 512)
        )
        self.out2 = nn.Conv2d(256, 64, 3, 1, 1, bias=False)
        self.out3, self.out4, self.out5 = smooth(2), smooth(4), smooth(8)
        self.binarize = nn.Sequential(
            nn.Conv2d(256, 64, 3, 1, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 64, 2, 2),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.ConvTranspose2d(64, 1, 2, 2),
            nn.Sigmoid(),
        )

    def forward(self, levels):
        c2, c3, c4, c5 = levels
        p5 = self.in5(c5)
        p4 = self.in4(c4) + F.interpolate(p5, scale_factor=2.0)
        p3 = self.in3(c3) + F.interpolate(p4, scale_factor=2.0)
        p2 = self.in2(c2) + F.interpolate(p3, scale_factor=2.0)
        fused = torch.cat((self.out5(p5), self.out4(p4), self.out3(p3), self.out2(p2)), 1)
        return self.binarize(fused)


class DbNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = ResNet18()
        self.decoder = Decoder()

    def forward(self, x):
        return self.decoder(self.backbone(x))


def load_network() -> DbNet:
    weights = load_file(ROOT / "weights/db-resnet18.safetensors")
    network = DbNet()
    # All but the threshold head, which this network leaves out; every other name must be there.
    kept = {name: value.float() for name, value in weights.items() if not name.startswith("decoder.thresh.")}
    missing, unexpected = network.load_state_dict(kept, strict=False)
    lacking = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lacking or unexpected:
        raise SystemExit(f"weights do not fit: missing {lacking}, unexpected {unexpected}")
    return network.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="320x320", help="of the network, WIDTHxHEIGHT, multiples of 32")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for db-resnet18-SIZE.onnx and .tflite")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    network = load_network()
    example = torch.zeros(1, 3, height, width)
    options.out.mkdir(parents=True, exist_ok=True)
    name = options.out / f"db-resnet18-{options.size}"
    torch.onnx.export(
        network, (example,), f"{name}.onnx", input_names=["image"], output_names=["P"], dynamo=False, opset_version=17
    )
    import litert_torch

    litert_torch.convert(network, (example,)).export(f"{name}.tflite")
    print(f"{name}.onnx\n{name}.tflite")


if __name__ == "__main__":
    main()

"""HarDNet with a U-shaped neck: one feature map at a quarter of the picture's size.

Attribute names are those of the published checkpoints, so that these load without a rename table.

Source: Chao et al. 2019, HarDNet: A Low Memory Traffic Network, section 3 (harmonic links). The
U-shape, the triple concatenation and the shortcuts are those of the published CenterNet-HarDNet.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDENING = 1.7  # m in the paper: how much wider a layer gets for each further link
STRIDE = 4  # input pixels a cell of the feature map; cell i lies on input pixel 4 i exactly


@dataclass(frozen=True, slots=True)
class EncoderStage:
    """A HarDBlock and what follows it.

    Attributes:
        growth: channels of the block's plainest layers.
        layers: of the block, even.
        transition: channels of the 1x1 convolution behind it, or None for none.
        is_pooled: height and width are halved at its end.
    """

    growth: int
    layers: int
    transition: int | None = None
    is_pooled: bool = False


@dataclass(frozen=True, slots=True)
class DecoderStage:
    """One step up: resize to the skip's size, 1x1 convolution, HarDBlock.

    Attributes:
        width: channels of the 1x1 convolution.
        shortcut: how many of them, the last, bypass all further steps to the final map.
        growth: as in EncoderStage.
        layers: as in EncoderStage.
        joins_skip: whether the skip's channels are concatenated before the 1x1 convolution.
    """

    width: int
    shortcut: int
    growth: int
    layers: int
    joins_skip: bool = True


@dataclass(frozen=True, slots=True)
class HarDNetSpec:
    """Everything that tells one of these networks from another.

    Attributes:
        stem: channels of the first two convolutions.
        encoder: the stages, top down.
        skips: indices into `base` of the blocks whose output the decoder uses, deepest last.
        bottom_width: channels of the 1x1 convolution below the encoder.
        bottom_growth: of the block at a 32nd of the picture's size, which has 8 layers.
        decoder: the stages, bottom up; one for every skip, the deepest first.
    """

    stem: tuple[int, int]
    encoder: tuple[EncoderStage, ...]
    skips: tuple[int, ...]
    bottom_width: int
    bottom_growth: int
    decoder: tuple[DecoderStage, ...]


HARDNET85 = HarDNetSpec(
    stem=(48, 96),
    encoder=(
        EncoderStage(24, 8, transition=192, is_pooled=True),
        EncoderStage(24, 16, transition=256),
        EncoderStage(28, 16, transition=320, is_pooled=True),
        EncoderStage(36, 16, transition=480),
        EncoderStage(48, 16),
    ),
    skips=(3, 8, 13),
    bottom_width=256,
    bottom_growth=80,
    decoder=(
        DecoderStage(256, 32, 64, 8),
        DecoderStage(192, 32, 48, 8),
        DecoderStage(96, 0, 28, 4),
    ),
)

HARDNET68 = HarDNetSpec(
    stem=(32, 64),
    encoder=(
        EncoderStage(14, 8, transition=128, is_pooled=True),
        EncoderStage(16, 16, transition=256),
        EncoderStage(20, 16, transition=320, is_pooled=True),
        EncoderStage(40, 16),
    ),
    skips=(3, 8, 11),
    bottom_width=192,
    bottom_growth=72,
    decoder=(
        DecoderStage(256, 32, 48, 8),
        DecoderStage(128, 32, 32, 8),
        DecoderStage(64, 0, 20, 4, joins_skip=False),
    ),
)


class HarDNet(nn.Module):
    """A picture batch (B, 3, H, W) to one feature map (B, `channels`, H/4, W/4); H, W >= 32."""

    def __init__(self, spec: HarDNetSpec) -> None:
        super().__init__()
        base, taps, channels = _encoder(spec)
        self.base = base
        self._skips = spec.skips
        self._decoder = spec.decoder
        self.last_proj = ConvLayer(channels, spec.bottom_width, kernel=1)
        self.last_pool = nn.AvgPool2d(2)
        self.last_blk = HarDBlock(3 * spec.bottom_width, spec.bottom_growth, 8)
        self.conv1x1_up = nn.ModuleList()
        self.denseBlocksUp = nn.ModuleList()
        channels = self.last_blk.channels
        for stage, skip in zip(spec.decoder, reversed(spec.skips), strict=True):
            joined = channels + (taps[skip] if stage.joins_skip else 0)
            block = HarDBlock(3 * (stage.width - stage.shortcut), stage.growth, stage.layers)
            self.conv1x1_up.append(ConvLayer(joined, stage.width, kernel=1))
            self.denseBlocksUp.append(block)
            channels = block.channels
        self.channels = channels + sum(stage.shortcut for stage in spec.decoder)

    def features(self, x: Tensor) -> Tensor:
        """The feature map of normalised pictures."""
        skips = []
        for index, layer in enumerate(self.base):  # x: (B, 3, H, W)
            x = layer(x)
            if index in self._skips:
                skips.append(x)  # strides 4, 8, 16
        x = self.last_pool(self.last_proj(x))  # (B, bottom_width, H/32, W/32)
        x = self.last_blk(triple(x))
        shortcuts = []
        for stage, conv, block in zip(
            self._decoder, self.conv1x1_up, self.denseBlocksUp, strict=True
        ):
            skip = skips.pop()
            x = _resize(x, skip)
            x = conv(torch.cat([x, skip], 1) if stage.joins_skip else x)  # (B, width, skip's size)
            if stage.shortcut:
                x, shortcut = torch.split(x, [stage.width - stage.shortcut, stage.shortcut], 1)
                shortcuts.append(shortcut)
            x = block(triple(x))
        # The latest shortcut comes first.
        return torch.cat([*(_resize(s, x) for s in reversed(shortcuts)), x], 1)


class ConvLayer(nn.Sequential):
    """Convolution without bias, batch normalisation, ReLU; size H/stride, rounded up."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)


class HarDBlock(nn.Module):
    """Convolutions joined by harmonic links; gives its odd layers and the last, concatenated."""

    def __init__(self, inputs: int, growth: int, layers: int) -> None:
        super().__init__()
        widths = [inputs, *(layer_width(n, growth) for n in range(1, layers + 1))]
        self._links = [links(n) for n in range(1, layers + 1)]
        self._outputs = [*range(1, layers, 2), layers]
        self.layers = nn.ModuleList(
            ConvLayer(sum(widths[source] for source in sources), width)
            for sources, width in zip(self._links, widths[1:], strict=True)
        )
        self.channels = sum(widths[n] for n in self._outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, `channels`, H, W)."""
        maps = [x]
        for sources, layer in zip(self._links, self.layers, strict=True):
            joined = [maps[source] for source in sources]
            maps.append(layer(torch.cat(joined, 1) if len(joined) > 1 else joined[0]))
        return torch.cat([maps[n] for n in self._outputs], 1)


def links(layer: int) -> list[int]:
    """The layers that layer number `layer` (from 1) reads, nearest first; 0 is the block's input.

    >>> links(12)
    [11, 10, 8]
    """
    return [layer - step for step in _dividing_powers(layer)]


def layer_width(layer: int, growth: int) -> int:
    """Channels of layer number `layer` (from 1): wider with every link, and even.

    >>> [layer_width(n, 24) for n in (1, 2, 4, 8, 16)]
    [24, 40, 70, 118, 200]
    """
    width = float(growth)
    for _ in _dividing_powers(layer)[1:]:
        width *= WIDENING
    return int(int(width + 1) / 2) * 2


def triple(x: Tensor) -> Tensor:
    """The map, its 9x9 mean and its share of the whole: (B, C, H, W) to (B, 3 C, H, W).

    Cells beyond the border count as zeros in the mean.
    """
    return torch.cat([x, F.avg_pool2d(x, 9, stride=1, padding=4), share(x)], 1)


def share(x: Tensor) -> Tensor:
    """Each cell of (B, C, H, W) over its map's sum plus 0.1; for maps that are never negative.

    Sums and divides in float32 whatever the input: over 128 x 128 cells a sum of values above 4
    leaves float16.
    """
    total = x.sum((2, 3), keepdim=True, dtype=torch.float32)
    return (x / (total + 0.1)).to(x.dtype)


def _dividing_powers(layer: int) -> list[int]:
    """1, 2, 4, ... up to 512, those that divide `layer`."""
    return [2**i for i in range(10) if layer % 2**i == 0]


def _encoder(spec: HarDNetSpec) -> tuple[nn.ModuleList, dict[int, int], int]:
    """The modules of `base`, the channels behind each of its blocks, and those at its end."""
    first, second = spec.stem
    base = nn.ModuleList([ConvLayer(3, first, stride=2), ConvLayer(first, second)])
    base.append(nn.AvgPool2d(3, stride=2, padding=1))
    taps: dict[int, int] = {}
    channels = second
    for number, stage in enumerate(spec.encoder):
        block = HarDBlock(channels, stage.growth, stage.layers)
        channels = taps[len(base)] = block.channels
        base.append(block)
        if stage.transition is not None:
            base.append(ConvLayer(channels, stage.transition, kernel=1))
            channels = stage.transition
        if stage.is_pooled:
            base.append(nn.AvgPool2d(2, ceil_mode=number == 0))  # the published ones round down
    return base, taps, channels


def _resize(x: Tensor, like: Tensor) -> Tensor:
    """`x` bilinearly brought to the height and width of `like`, corner on corner."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=True)

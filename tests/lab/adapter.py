"""The example of docs/CONTRIBUTING.md: an exact adapter for the lab's own head."""

import torch

from mmpose_dualteach.models.adapters import ADAPTERS, HeatmapAdapter


@ADAPTERS.register_module()
class OffsetAdapter(HeatmapAdapter):
    """The heatmaps are taught as any heatmaps; displacements learn from labels alone."""

    heads = ('OffsetHead',)  # And what descends from it.
    codecs = ('OffsetHeatmap',)  # Its scale_factor and heatmap_size tell where cells lie.
    redrawable = ()

    def output(self, network, images):
        return network(images, None, mode='tensor')[0]

    def predict(self, network, images, samples):
        features = network.extract_feat(images)
        return network.head.predict(features, samples), network.head.forward(features)

    def decode_mean(self, network, outputs):
        heatmaps, displacements = [torch.stack(parts).mean(dim=0) for parts in zip(*outputs)]
        return network.head.decode((heatmaps, displacements))

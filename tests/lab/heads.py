import torch
from mmengine.structures import InstanceData
from mmpose.models.heads import HeatmapHead
from mmpose.models.heads.base_head import BaseHead
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.utils.tensor_utils import to_numpy
from torch import nn


@MODELS.register_module()
class LabHead(HeatmapHead):
    """A stock head with a forward of its own."""

    def forward(self, feats):
        return 2.0 * super().forward(feats)


@MODELS.register_module()
class OffsetHead(BaseHead):
    """A head and codec that nobody else has: heatmaps, and displacements around them."""

    def __init__(self, in_channels, out_channels, loss, decoder, stride=2, init_cfg=None):
        super().__init__(init_cfg)
        self.joints = out_channels
        self.grow = nn.ConvTranspose2d(in_channels, 16, 2 * stride, stride, stride // 2)
        self.final = nn.Conv2d(16, 3 * out_channels, 1)
        self.loss_module = MODELS.build(loss)
        self.decoder = KEYPOINT_CODECS.build(decoder)

    def forward(self, feats):
        maps = self.final(self.grow(feats[-1]).relu())
        return maps[:, : self.joints], maps[:, self.joints :]

    def loss(self, feats, batch_data_samples, train_cfg={}):
        heatmaps, displacements = self.forward(feats)
        labels = torch.stack([sample.gt_fields.heatmaps for sample in batch_data_samples])
        away = torch.stack([sample.gt_fields.displacements for sample in batch_data_samples])
        weights = torch.cat([sample.gt_instance_labels.keypoint_weights for sample in batch_data_samples])
        near = labels.repeat_interleave(2, dim=1)
        return {
            'loss_kpt': self.loss_module(heatmaps, labels, weights),
            'loss_away': 0.01 * (near * (displacements - away).abs()).mean(),
        }

    def predict(self, feats, batch_data_samples, test_cfg={}):
        assert not test_cfg.get('flip_test', False) and len(batch_data_samples) == len(feats[-1])
        return self.decode(self.forward(feats))

    def decode(self, batch_outputs):
        heatmaps, displacements = map(to_numpy, batch_outputs)
        found = [self.decoder.decode(*each) for each in zip(heatmaps, displacements)]
        return [InstanceData(keypoints=keypoints, keypoint_scores=scores) for keypoints, scores in found]

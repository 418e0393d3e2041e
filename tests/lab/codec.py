import numpy as np
from mmpose.codecs.base import BaseKeypointCodec
from mmpose.codecs.utils import generate_unbiased_gaussian_heatmaps, get_heatmap_maximum
from mmpose.registry import KEYPOINT_CODECS


@KEYPOINT_CODECS.register_module()
class OffsetHeatmap(BaseKeypointCodec):
    """Coarse heatmaps, and for every cell how far each joint is from it, in cells."""

    field_mapping_table = dict(heatmaps='heatmaps', displacements='displacements')
    label_mapping_table = dict(keypoint_weights='keypoint_weights')

    def __init__(self, input_size, heatmap_size, sigma):
        super().__init__()
        self.input_size, self.heatmap_size, self.sigma = input_size, heatmap_size, sigma
        self.scale_factor = (np.array(input_size) / heatmap_size).astype(np.float32)

    def encode(self, keypoints, keypoints_visible=None):
        cells = keypoints / self.scale_factor
        heatmaps, weights = generate_unbiased_gaussian_heatmaps(
            heatmap_size=self.heatmap_size, keypoints=cells, keypoints_visible=keypoints_visible, sigma=self.sigma
        )
        width, height = self.heatmap_size
        away = np.stack(np.meshgrid(np.arange(width), np.arange(height)))[None]
        displacements = (cells[0][..., None, None] - away).astype(np.float32)
        return dict(heatmaps=heatmaps, keypoint_weights=weights, displacements=displacements.reshape(-1, height, width))

    def decode(self, heatmaps, displacements):
        cells, scores = get_heatmap_maximum(heatmaps)
        x, y = np.maximum(cells, 0).astype(int).T
        joint = np.arange(len(cells))
        fine = displacements.reshape(len(cells), 2, *heatmaps.shape[1:])[joint, :, y, x]
        return ((np.stack((x, y), axis=1) + fine) * self.scale_factor)[None].astype(np.float32), scores[None]

# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Drawn articulated people with COCO keypoints, so that a quick start needs no download.

A person is a 3D kinematic tree with random proportions, pose and clothes, seen by an orthographic camera. Every body
part but the head is the convex hull of a few projected balls; the head is an ellipsoid whose face is painted on.

Three frames are used:

- body: x to the person's left, y up, z forward, in units of the person's height;
- camera: x to image right, y up, z towards the viewer, same units;
- canvas: (x, y) in pixels, y down, pixel centres at integers, ``SUPERSAMPLE`` times finer than the image.
"""

from mmpose_dualteach.dev.quickstart.drawn_people.labels import KEYPOINTS
from mmpose_dualteach.dev.quickstart.drawn_people.samples import draw_crowd, draw_people, draw_sample

__all__ = ['KEYPOINTS', 'draw_crowd', 'draw_people', 'draw_sample']

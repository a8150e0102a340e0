from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, default_collate
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from mmengine.utils import track_iter_progress
from torch.utils.data import DataLoader, Dataset

from dynamix.datasets.transforms import LoadReIDImage
from dynamix.engine.checkpoint_file import check_complete
from dynamix.evaluation import feature_scores
from dynamix.export import OnnxModel, weights_fingerprint
from dynamix.models.checkpoint_weights import checkpoint_weights
from dynamix.registry import MODELS
from dynamix.structures import ReIDDataSample

Image = str | Path | np.ndarray

_BLOCK_ROWS = 512


class SearchResult(NamedTuple):
    """``rows``: ``[Q, k]`` int64, of the gallery, nearest first; ``scores``:
    ``[Q, k]`` float32 cosines.
    """

    rows: np.ndarray
    scores: np.ndarray


class ReIDInferencer:
    """A trained model for use: images in, features or nearest images out.

    Images are prepared as the config prepares its test images. The head is not built:
    its memories serve training alone.

    Args:
        config (str | Path | Config): Config the model was trained with, or an ONNX
            file (``.onnx``), which needs no more.
        checkpoint (str | Path, optional): Its checkpoint, or an ONNX file. Defaults to
            None.
        device (str, optional): Defaults to None: the current GPU, or the CPU without
            one.

    Raises:
        ValueError: If the checkpoint is cut off or does not fit the config, the
            config has no test pipeline, or the ONNX file cannot be used.

    Example:
        >>> inferencer = ReIDInferencer('configs/dynamix_r50.py', 'epoch_100.pth')
        >>> gallery = inferencer(['door1.jpg', 'door2.jpg', 'hall.jpg'])
        >>> inferencer.search(['who.jpg'], gallery, topk=2).rows
        array([[2, 0]])
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path | None = None,
        device: str | None = None,
    ) -> None:
        self.device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
        self.model: Any
        weights = config if checkpoint is None else checkpoint
        path = '' if isinstance(weights, Config) else os.path.expanduser(weights)
        if is_onnx := str(path).endswith('.onnx'):
            self.model = OnnxModel(str(path), self.device)
        elif checkpoint is None:
            raise ValueError(
                f'{path or "a config"} needs a checkpoint; only an ONNX file (.onnx) '
                'needs none.'
            )
        if checkpoint is None:
            init_default_scope('dynamix')
            self.pipeline = Compose(self.model.pipeline)
            return
        if not isinstance(config, Config):
            config = Config.fromfile(os.path.expanduser(config))
        name = str(config.filename or 'the given config')
        loader = config.get('test_dataloader') or {}
        pipeline = loader.get('dataset', {}).get('pipeline')
        if not pipeline:
            raise ValueError(
                f'{name} has no test_dataloader.dataset.pipeline to prepare images.'
            )
        init_default_scope(config.get('default_scope', 'dynamix'))
        if not is_onnx:
            self.model = _load(config, str(path), name).to(self.device).eval()
        self.pipeline = Compose(pipeline)

    def skip_unreadable(self) -> None:
        """From now on an image that cannot be read is no error; its feature is NaN."""
        for transform in self.pipeline.transforms:
            if isinstance(transform, LoadReIDImage):
                transform.skip_unreadable = True

    def read_image(self, dataset: Any, row: int) -> np.ndarray:
        """Reads the image of a row of a data set, ``[H, W, 3]`` uint8 BGR."""
        return self.pipeline.transforms[0](dataset.get_data_info(row))['img']

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the weights that embed, 16 hexadecimal digits.

        It is the same for a checkpoint, its published file and its ONNX file. Of an
        ONNX file that dynamix did not write, it is that of the file.
        """
        if isinstance(self.model, OnnxModel):
            return self.model.metadata.fingerprint
        return weights_fingerprint(self.model)

    def __call__(
        self,
        images: Image | Iterable[Image],
        batch_size: int = 64,
        num_workers: int = 0,
        progress: bool = False,
    ) -> np.ndarray:
        """Embeds images.

        Args:
            images (str | Path | np.ndarray | Iterable): One or more files, or
                ``[H, W, 3]`` uint8 BGR arrays.
            batch_size (int): Defaults to 64.
            num_workers (int): Processes that read and prepare images. Defaults to 0:
                this one does.
            progress (bool): Whether to print a bar of the batches. Defaults to False.

        Returns:
            np.ndarray: ``[N, D]`` float32, unit length; NaN where an image cannot be
            read, see :meth:`skip_unreadable`.

        Raises:
            ValueError: If there are no images, or one is neither a file that can be
                decoded nor such an array, with pixels; if an embedding is not finite.
            FileNotFoundError: If a file is missing.
        """
        if isinstance(images, (str, Path, np.ndarray)):
            images = [images]
        several = images if isinstance(images, Sequence) else list(images)
        dataset = _Images(several, self.pipeline)
        samples = self.predict(dataset, batch_size, num_workers, progress)
        features = np.stack([sample.feature.numpy() for sample in samples])
        features[[sample.get('image_index', 0) < 0 for sample in samples]] = np.nan
        return features

    @torch.no_grad()
    def predict(
        self,
        dataset: Dataset,
        batch_size: int = 64,
        num_workers: int = 0,
        progress: bool = False,
    ) -> list[ReIDDataSample]:
        """Embeds a data set whose items the test pipeline has prepared.

        Args:
            dataset (Dataset): Its items hold ``inputs`` and ``data_samples``.
            batch_size (int): Defaults to 64.
            num_workers (int): Processes that load. Defaults to 0.
            progress (bool): Whether to print a bar of the batches. Defaults to False.

        Returns:
            list[ReIDDataSample]: One an item, in order, on the CPU.

        Raises:
            ValueError: If an embedding is not finite.
        """
        loader = DataLoader(
            dataset, batch_size, num_workers=num_workers, collate_fn=default_collate
        )
        samples: list[ReIDDataSample] = []
        batches = track_iter_progress((loader, len(loader))) if progress else loader
        for batch in batches:
            found = self.model.test_step(batch)
            # one copy from the device for all of them
            features = torch.stack([sample.feature for sample in found]).cpu()
            if not features.isfinite().all():
                row = int((~features.isfinite().all(dim=1)).nonzero()[0])
                raise ValueError(
                    f"the model's embedding of {found[row].get('img_path')} is not "
                    'finite (NaN or infinite): its training may have diverged.'
                )
            for sample, feature in zip(found, features):
                sample.feature = feature
            samples += found
        return samples

    def search(
        self,
        queries: np.ndarray | Iterable[Image],
        gallery: np.ndarray | Iterable[Image],
        topk: int = 10,
        batch_size: int = 64,
        num_workers: int = 0,
    ) -> SearchResult:
        """Finds for each query the gallery images that look most like it.

        Args:
            queries (np.ndarray | Iterable): Images, or their features, ``[Q, D]``.
            gallery (np.ndarray | Iterable): Likewise, ``[G, D]``.
            topk (int): How many; at most ``G`` are returned. Defaults to 10.
            batch_size (int): Of images to embed. Defaults to 64.
            num_workers (int): Processes that read images. Defaults to 0.

        Returns:
            SearchResult: Rows of the gallery and cosines; -inf where a feature is NaN.

        Raises:
            ValueError: If the features of both have different lengths; of images, as
                :meth:`__call__`.
        """
        query_rows = self._features(queries, batch_size, num_workers)
        gallery_rows = self._features(gallery, batch_size, num_workers)
        score_block = feature_scores(query_rows, gallery_rows)
        topk = min(topk, len(gallery_rows))
        found = []
        for start in range(0, max(len(query_rows), 1), _BLOCK_ROWS):
            scores = score_block(start, start + _BLOCK_ROWS)
            found.append(scores.nan_to_num(nan=-torch.inf).topk(topk))
        return SearchResult(
            torch.cat([block.indices for block in found]).cpu().numpy(),
            torch.cat([block.values for block in found]).cpu().numpy(),
        )

    def _features(
        self, images: np.ndarray | Iterable[Image], batch_size: int, num_workers: int
    ) -> torch.Tensor:
        if isinstance(images, np.ndarray) and images.ndim == 2:
            features = images
        else:
            features = self(images, batch_size, num_workers)
        return torch.as_tensor(features).float().to(self.device)


def _load(config: Config, checkpoint: str, name: str) -> torch.nn.Module:
    check_complete(checkpoint)
    model = MODELS.build({**config.model, 'head': None})
    state = checkpoint_weights(
        CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu'),
        model,
        f"checkpoint '{checkpoint}'",
        name,
    )
    model.load_state_dict(state)
    return model


class _Images(Dataset):
    def __init__(self, images: Sequence[Image], pipeline: Compose) -> None:
        if not len(images):
            raise ValueError('there are no images to embed.')
        self.images = images
        self.pipeline = pipeline

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        image = self.images[index]
        if isinstance(image, (str, Path)):
            path = os.path.expanduser(str(image))
            return self.pipeline(dict(image_index=index, img_path=path))
        if not isinstance(image, np.ndarray):
            raise ValueError(
                f'image {index} must be a path or an array, but it is a '
                f'{type(image).__name__}.'
            )
        is_image = image.ndim == 3 and image.shape[2] == 3 and image.size > 0
        if not is_image or image.dtype != np.uint8:
            raise ValueError(
                f'image {index} must be [H, W, 3] uint8 and not empty, but it is '
                f'{list(image.shape)} {image.dtype}.'
            )
        return self.pipeline(
            dict(image_index=index, img_path=f'image {index}', img=image)
        )

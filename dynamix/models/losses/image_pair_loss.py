from __future__ import annotations

from torch import Tensor, nn

from .checks import check_loss_options


class ImagePairLoss(nn.Module):
    """Base of the losses that compare the images of a batch with each other.

    Args:
        temperature (float): Above 0. Defaults to 0.1.
        loss_weight (float): Defaults to 1.0.
        negatives (str): ``'all'`` other identities of the batch, or those of the
            ``'same_scene'``; see :class:`~dynamix.models.CentroidMemoryHead`.
            Defaults to ``'all'``.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        loss_weight: float = 1.0,
        negatives: str = 'all',
    ) -> None:
        super().__init__()
        check_loss_options(self, temperature, loss_weight, negatives=negatives)
        self.temperature = temperature
        self.loss_weight = loss_weight
        self.negatives = negatives

    def comparable(
        self, scene: Tensor | None, key_scene: Tensor | None
    ) -> Tensor | None:
        """Which pairs of images may be negatives of each other.

        Args:
            scene (Tensor, optional): ``[B]`` int64 scenes of the anchors. None: all
                images are of one scene.
            key_scene (Tensor, optional): ``[N]`` int64 scenes of the keys.

        Returns:
            Tensor | None: ``[B, N]`` bool; None: all.
        """
        if self.negatives == 'all' or scene is None or key_scene is None:
            return None
        return scene[:, None] == key_scene

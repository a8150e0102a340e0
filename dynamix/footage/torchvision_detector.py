from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

PERSON = 1  # among torchvision's classes of COCO


class TorchvisionDetector:
    """People in an image by a detector of torchvision.

    Runs on the current GPU if there is one.

    Args:
        file (Path): State dict of the model, with torchvision's 91 classes of COCO.
        model (str): Name of the model, in ``torchvision.models.detection``.
        threads (int): Threads on a CPU. Defaults to 1.

    Raises:
        ValueError: If there is no such model, or the file does not fit it.
    """

    def __init__(self, file: Path, model: str, threads: int = 1) -> None:
        from torchvision.models import detection, get_model, list_models

        known = list_models(module=detection)
        if model not in known:
            raise ValueError(
                f"torchvision has no detector '{model}' but {', '.join(known)}"
            )
        torch.set_num_threads(threads)
        self.device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self.model = get_model(model, weights=None, weights_backbone=None)
        try:
            weights = torch.load(file, map_location='cpu', weights_only=True)
            self.model.load_state_dict(weights)
        except Exception as error:  # torch.load raises whatever unpickling does
            reason = ' '.join(str(error).split())[:200]
            raise ValueError(f'{file} is no state dict of {model}: {reason}') from error
        self.model.eval().to(self.device)

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns boxes ``[n, 4]`` (left, top, right, bottom) and scores ``[n]``.

        Args:
            image (np.ndarray): ``[H, W, 3]`` uint8 BGR.
        """
        rgb = torch.from_numpy(image[..., ::-1].copy()).to(self.device)
        (found,) = self.model([rgb.permute(2, 0, 1) / 255])
        people = found['labels'] == PERSON
        boxes, scores = found['boxes'][people], found['scores'][people]
        return boxes.cpu().numpy(), scores.cpu().numpy()

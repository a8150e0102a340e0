from __future__ import annotations

from mmengine.structures import BaseDataElement


class ReIDDataSample(BaseDataElement):
    """What travels with one image through loader, model and metric.

    In training it holds the image's index alone: who is on the image is written in
    :class:`~dynamix.structures.IdentityTable` and read in the main process, so a
    relabeling is never outrun by a batch that was fetched before it.

    Meta information (set with ``set_metainfo``; plain Python values):

    * ``image_index`` (int): row of the image in its (mixed) data set; -1 marks an
      image that could not be read and takes part in no loss.
    * ``img_path`` (str): file, or a readable name for drawn images.

    Evaluation data sets add:

    * ``target`` (str): name of the unseen data set, e.g. ``'market1501'``.
    * ``identity`` (int): ground truth; -1 junk, 0 distractor (where the data set
      says so).
    * ``camera`` (int).
    * ``query_splits``, ``gallery_splits`` (tuple[int, ...]): numbers of the splits
      in which the image is a query, or stands in the gallery. A data set with one
      fixed split uses number 0.

    Data fields:

    * ``feature`` (torch.Tensor): ``[D]`` float32, unit length; set by
      ``DynaMix.predict``.
    """

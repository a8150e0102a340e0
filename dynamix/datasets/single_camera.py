"""Readers of tracker-labelled data sets: one small declaration each."""

from __future__ import annotations

from typing import ClassVar

from dynamix.registry import DATASETS

from .tracklet_folder import TrackletFolder


@DATASETS.register_module()
class LUPersonNL(TrackletFolder):
    """LUPerson-NL as its authors' scripts write it: images, or an LMDB of them.

    ``country/city/video/000012_0000345_01.jpg``: number of the person in the video,
    frame of the video, number of the detection; in the LMDB
    ``00001_000012_0000345_01``, after the number of the video. 10.7 M crops, 434 k
    tracklets, 21.7 k videos. Fu et al., CVPR 2022. Arguments as in
    :class:`TrackletFolder`.
    """

    NAME = 'luperson_nl'
    PATTERN = r'/(?P<video>.+)[/_](?P<tracklet>\d+)_(?P<frame>\d+)_\d+(?:\.|$)'
    EXAMPLE = 'Country/City/video/000012_0000345_01.jpg'
    FRAMES_ARE_CLOCK = True
    COUNTS: ClassVar = dict(
        all=dict(images=10_683_716, tracklets=433_997, videos=21_697)
    )


@DATASETS.register_module()
class LUPerson(TrackletFolder):
    """LUPerson: crops of videos without any label, each a tracklet of its own.

    ``country/city/video/00000123_0004.jpg``: frame of the video, number of the
    detection. For ``RelabelHook(relabeler=dict(type='DBSCANRelabeler'))``. Fu et al.,
    CVPR 2021. Arguments as in :class:`TrackletFolder`.
    """

    NAME = 'luperson'
    PATTERN = r'/(?P<video>[^/]+/[^/]+/[^/]+)/(?P<tracklet>(?P<frame>\d+)_\d+)\.'
    EXAMPLE = 'Country/City/video/00000123_0004.jpg'
    FRAMES_ARE_CLOCK = True


@DATASETS.register_module()
class MARS(TrackletFolder):
    """MARS as single-camera data: a camera is a video, tracklets are its own.

    ``bbox_train/0001/0001C1T0001F001.jpg``: person, camera, tracklet, frame within
    the tracklet. The person is the truth, for scoring only
    (00-1 is junk, 0000 a distractor: unknown). Zheng et al., ECCV 2016.
    Arguments as in :class:`TrackletFolder`; ``folder`` defaults to ``'bbox_train'``.
    """

    NAME = 'mars'
    FOLDER = 'bbox_train'
    PATTERN = (
        r'/(?P<tracklet>(?P<person>\d{4}|00-1)C(?=(?P<video>\d))\dT\d{4})'
        r'F(?P<frame>\d+)\.'
    )
    EXAMPLE = '0001/0001C1T0001F001.jpg'
    UNKNOWN_PEOPLE = ('00-1', '0000')
    COUNTS: ClassVar = dict(all=dict(tracklets=8_298, videos=6, people=625))

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from dynamix.footage import VideoFrames

from .drawn import draw, write_video

IMAGES = [draw(frame) for frame in range(40)]


def place_of_frame(content: bytes, number: int) -> int:
    """Where the chunk of a frame begins in an AVI file."""
    place = content.index(b'movi')
    for _ in range(number + 1):
        place = content.index(b'00dc', place + 4)
    return place


def numbers(frames: VideoFrames) -> list[int]:
    return [number for number, _ in frames]


def test_frames_of_a_file(tmp_path):
    frames = VideoFrames(write_video(tmp_path / 'a.mkv', IMAGES))
    assert (frames.frame_rate, frames.length) == (10, 40)
    found = [*frames]
    assert [number for number, _ in found] == [*range(40)]
    for (_, image), drawn in zip(found, IMAGES, strict=True):
        np.testing.assert_array_equal(image, drawn)
    assert frames.damage == ''


def test_frames_at_irregular_times_are_counted(tmp_path):
    times = np.random.default_rng(0).integers(20, 400, len(IMAGES)).cumsum()
    path = write_video(tmp_path / 'a.mkv', IMAGES, times.tolist())
    frames = VideoFrames(path)
    found = [*frames]
    assert [number for number, _ in found] == [*range(40)]
    np.testing.assert_array_equal(found[17][1], IMAGES[17])
    assert frames.damage == ''


@pytest.mark.skipif(
    not hasattr(av.VideoStream, 'set_display_rotation'), reason='an older PyAV'
)
@pytest.mark.parametrize('turns', [-1, 1, 2])
def test_a_rotated_video_is_upright(tmp_path, turns):
    """A phone held upright records lying images and says how to turn them."""
    upright = np.zeros((160, 96, 3), np.uint8)
    upright[:40, :30] = 255
    lying = np.rot90(upright, -turns)
    path = write_video(
        tmp_path / 'a.mp4', [lying] * 3, rotation=90 * turns, codec='mpeg4'
    )
    for _, image in VideoFrames(path):
        assert image.shape == upright.shape
        assert np.abs(image.astype(int) - upright).mean() < 5


def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path):
    path = write_video(tmp_path / 'a.avi', IMAGES, codec='mpeg4')
    content = path.read_bytes()
    path.write_bytes(content[: place_of_frame(content, 20)])
    frames = VideoFrames(path)
    assert numbers(frames) == [*range(20)]
    assert frames.damage == (
        f'{path} is damaged or cut off: 20 of 40 frames could be decoded'
    )
    # a Matroska file knows its duration alone
    path = write_video(tmp_path / 'a.mkv', IMAGES)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = VideoFrames(path)
    assert 5 < len(numbers(frames)) < 35
    assert 'a.mkv is damaged or cut off' in frames.damage
    path = tmp_path / 'a.avi'
    path.write_bytes(content[:20])
    with pytest.raises(ValueError, match=r'a\.avi cannot be read as a video: '):
        VideoFrames(path)
    # an MP4 file has its index at the end
    path = write_video(tmp_path / 'a.mp4', IMAGES, codec='mpeg4')
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b'moov')])
    with pytest.raises(ValueError, match=r'a\.mp4 cannot be read as a video: '):
        VideoFrames(path)


def test_damage_in_the_middle_loses_some_frames(tmp_path):
    path = write_video(tmp_path / 'a.avi', IMAGES, codec='mpeg4')
    content = bytearray(path.read_bytes())
    begin, end = (place_of_frame(content, number) for number in (20, 21))
    coded = bytes(content[begin + 8 : end - 1])  # may be padded by one
    path.write_bytes(content.replace(coded, bytes(len(coded))))
    frames = VideoFrames(path)
    assert numbers(frames) == [*range(39)]
    assert '39 of 40 frames' in frames.damage
    # a Matroska file does not say how many frames it has
    path = write_video(tmp_path / 'a.mkv', IMAGES, codec='mpeg4')
    content = path.read_bytes()
    assert coded in content
    path.write_bytes(content.replace(coded, bytes(len(coded))))
    frames = VideoFrames(path)
    assert numbers(frames) == [*range(39)]
    assert 'a.mkv is damaged or cut off: 39 frames' in frames.damage


def test_files_without_frames(tmp_path):
    path = tmp_path / 'sound.wav'
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout='mono')
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(ValueError, match=r'sound\.wav has no video stream'):
        VideoFrames(path)
    path = write_video(tmp_path / 'a.avi', IMAGES, codec='mpeg4')
    content = path.read_bytes()
    path.write_bytes(content[: place_of_frame(content, 0)])
    with pytest.raises(ValueError, match=r'a\.avi: not one frame can be decoded'):
        numbers(VideoFrames(path))
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match=r'empty: not one frame'):
        numbers(VideoFrames(tmp_path / 'empty'))


def test_frames_of_a_folder(tmp_path):
    for name, frame in (('f2.png', 0), ('f10.png', 2), ('.f3.png', 9)):
        cv2.imwrite(str(tmp_path / name), IMAGES[frame])
    (tmp_path / 'f9.png').write_bytes(b'no image')
    (tmp_path / 'f11.png').touch()
    (tmp_path / 'f1.txt').touch()
    frames = VideoFrames(tmp_path, frame_rate=7)
    found = dict(frames)
    assert (frames.frame_rate, frames.length) == (7, 4)
    assert [*found] == [0, 2]
    for number, image in found.items():
        np.testing.assert_array_equal(image, IMAGES[number])
    assert '2 of 4 frames' in frames.damage

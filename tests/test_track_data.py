"""What the tracking bench finds in a data set."""

from __future__ import annotations

import pytest
from label_sets import davis, truth, write_frames, write_labels

from cleanplate.base.errors import UsageError
from cleanplate.bench.track.data import find_clips


@pytest.mark.parametrize("below", ["480p", "", "Full-Resolution"])
def test_davis_layout(tmp_path, below):
    data = find_clips(davis(tmp_path, below=below))
    assert [clip.name for clip in data.clips] == ["more", "walk"]
    assert [len(clip.frames) for clip in data.clips] == [7, 6]
    assert data.clips[0].labels[3] == tmp_path / "Annotations" / below / "more/00003.png"
    assert "val.txt" not in data.layout


def test_the_list_of_davis_2017_chooses_the_clips(tmp_path):
    data = find_clips(davis(tmp_path, listed="walk\n"))
    assert [clip.name for clip in data.clips] == ["walk"]
    assert "ImageSets/2017/val.txt" in data.layout
    (tmp_path / "ImageSets/2017/val.txt").write_text("walk\nswim\n")
    with pytest.raises(UsageError, match="clip 'swim' is not in both"):
        find_clips(tmp_path)
    (tmp_path / "ImageSets/2017/val.txt").write_text("../480p/walk\n")
    with pytest.raises(UsageError, match="is not in both"):
        find_clips(tmp_path)


def test_data_sets_that_are_none(tmp_path):
    with pytest.raises(UsageError, match="there is no folder"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no clips were found.*<clip>/frames with <clip>/objects or <clip>/object;"):
        find_clips(tmp_path)
    write_frames(tmp_path / "JPEGImages/480p/walk", truth())
    with pytest.raises(UsageError, match=r"there is no folder .*Annotations/480p"):
        find_clips(tmp_path)
    (tmp_path / "Annotations/480p").mkdir(parents=True)
    with pytest.raises(UsageError, match="no clips were found"):
        find_clips(tmp_path)
    write_labels(tmp_path / "Annotations/480p/walk", truth(8))
    with pytest.raises(UsageError, match=r"00006\.png' belongs to no frame"):
        find_clips(tmp_path)


def test_labels_of_other_names_are_paired_in_order(tmp_path):
    write_frames(tmp_path / "c/frames", truth())
    write_labels(tmp_path / "c/objects", truth(), names="mask{}.png")
    (clip,) = find_clips(tmp_path).clips
    assert [path.name for path in clip.labels][:2] == ["mask0.png", "mask1.png"]

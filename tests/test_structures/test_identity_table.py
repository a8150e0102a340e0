import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dynamix.structures import IdentityTable


def make_table():
    # Four multi-camera images of two identities, six single-camera images.
    return IdentityTable(np.array([0, 0, 1, -1, 2, 2, 3, 3, 5, 5]), 4, 2)


def test_lookup_and_spans():
    table = make_table()
    assert len(table) == 10
    assert table.num_identities == 6
    assert table.single_camera == slice(4, 10)
    np.testing.assert_array_equal(table.lookup([9, 0, -1, 3]), [5, 0, -1, -1])
    with pytest.raises(ValueError, match='read-only'):
        table.identity[0] = 3


def test_set_replaces_labels_of_its_rows_only():
    table = make_table()
    table.set(np.array([8, 6, 7]), np.array([7, 2, -1]))
    np.testing.assert_array_equal(table.identity, [0, 0, 1, -1, 2, 2, 2, -1, 7, 5])
    np.testing.assert_array_equal(table.original, [0, 0, 1, -1, 2, 2, 3, 3, 5, 5])
    assert table.num_identities == 8


@pytest.mark.parametrize(
    ('rows', 'identity', 'text'),
    [
        ([4, 3], [2, 2], r'lie in 4\.\.9, but their range is 3\.\.4'),
        ([9, 7, 8], [2, 1, 2], 'image 7 has 1'),
    ],
)
def test_bad_labels_change_nothing(rows, identity, text):
    table = make_table()
    with pytest.raises(ValueError, match=text):
        table.set(np.array(rows), np.array(identity))
    np.testing.assert_array_equal(table.identity, table.original)


def test_overlapping_ranges_are_refused():
    with pytest.raises(ValueError, match=r'range is 0\.\.2'):
        IdentityTable(np.array([0, 2, 3]), 2, 2)
    with pytest.raises(ValueError, match=r'range is 0\.\.0'):
        IdentityTable(np.array([0]), 1, 0)
    with pytest.raises(ValueError, match='image 1 has 0'):
        IdentityTable(np.array([0, 0]), 1, 1)


@given(st.lists(st.integers(-1, 9), min_size=1, max_size=20), st.data())
def test_checkpoint_round_trip(labels, data):
    table = IdentityTable(np.array(labels), 0, 0)
    new = data.draw(
        st.lists(st.integers(-1, 30), min_size=len(labels), max_size=len(labels))
    )
    table.set(np.arange(len(new)), np.array(new))
    buffer = table.state_dict()
    other = IdentityTable(np.array(labels), 0, 0)
    other.load_state_dict(buffer)
    np.testing.assert_array_equal(other.identity, new)
    assert other.num_identities == table.num_identities
    # What was saved is a copy.
    table.set(np.arange(len(new)), np.array(labels))
    np.testing.assert_array_equal(buffer['identity'], new)


def test_checkpoint_of_other_data_is_refused():
    state = make_table().state_dict()
    with pytest.raises(ValueError, match=r'10 images, 4 .* has 2, 0 of them'):
        IdentityTable(np.array([0, 1]), 0, 0).load_state_dict(state)
    labels = make_table().original.copy()
    labels[[5, 6]] = labels[[6, 5]]
    other = IdentityTable(labels, 4, 2)
    with pytest.raises(ValueError, match=r'10 images, 4 .* has 10, 4 of'):
        other.load_state_dict(state)
    np.testing.assert_array_equal(other.identity, labels)
    assert all(
        isinstance(value, (int, torch.Tensor)) for value in state.values()
    )  # plain types alone

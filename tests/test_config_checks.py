from __future__ import annotations

import math

import pytest

from dynamix.config_checks import check_keys, check_range, check_rate, check_whole


def test_what_fits_passes() -> None:
    check_keys('hook', dict(a=1), ('a', 'b'))
    check_whole('seed', 0, 0)
    check_range('gap', 0.5, 0.5)
    check_rate('share', 1)


@pytest.mark.parametrize('value', [0, 1.0, True, '3', None])
def test_no_whole_number(value: object) -> None:
    with pytest.raises(ValueError, match=f'`seed` .* at least 1, but got {value!r}'):
        check_whole('seed', value, 1)


@pytest.mark.parametrize('value', [-0.1, math.inf, math.nan, '1'])
def test_no_range_and_no_rate(value: object) -> None:
    for check in (lambda: check_range('x', value, 0), lambda: check_rate('x', value)):
        with pytest.raises(ValueError, match=f'`x` .* but got {value!r}'):
            check()

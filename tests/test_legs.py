"""Which frames are tracked, and from where: worked out by hand."""

from __future__ import annotations

from cleanplate.mask.legs import Mark, plan_legs


def new(frame: int, object_id: int = 1) -> Mark:
    return Mark(frame=frame, object_id=object_id)


def old(frame: int, object_id: int = 1) -> Mark:
    return Mark(frame=frame, object_id=object_id, is_new=False)


def told(*marks: Mark, first: int = 0, stop: int = 10, held=frozenset()):
    """(frames in order, marks, owed) of each leg."""
    legs = plan_legs(marks, first, stop, held)
    return [(list(leg.frames), [(m.object_id, m.frame) for m in leg.marks], dict(leg.owed)) for leg in legs]


def test_one_mark_is_followed_both_ways():
    assert told(new(4)) == [
        ([4, 5, 6, 7, 8, 9], [(1, 4)], {1: ((4, 10),)}),
        ([4, 3, 2, 1, 0], [(1, 4)], {1: ((0, 5),)}),
    ]
    assert told(new(0)) == [(list(range(10)), [(1, 0)], {1: ((0, 10),)})]
    assert told(new(9))[0] == ([9], [(1, 9)], {1: ((9, 10),)})


def test_only_marks_of_the_shot_count():
    assert told(new(4), first=5, stop=9) == []
    assert told(new(6), first=5, stop=8) == [([6, 7], [(1, 6)], {1: ((6, 8),)}), ([6, 5], [(1, 6)], {1: ((5, 7),)})]


def test_a_second_mark_of_an_object_sets_it_right_in_the_same_leg():
    forward, backward = told(new(2), new(6))
    assert forward == ([2, 3, 4, 5, 6, 7, 8, 9], [(1, 2), (1, 6)], {1: ((2, 6), (6, 10))})
    assert backward == ([2, 1, 0], [(1, 2)], {1: ((0, 3),)})


def test_several_objects_share_a_leg():
    forward, backward = told(new(2), new(6, 2))
    assert forward == ([2, 3, 4, 5, 6, 7, 8, 9], [(1, 2), (2, 6)], {1: ((2, 10),), 2: ((6, 10),)})
    assert backward == ([6, 5, 4, 3, 2, 1, 0], [(1, 2), (2, 6)], {1: ((0, 3),), 2: ((0, 7),)})


def test_a_fix_is_followed_up_to_the_next_mark_and_no_further():
    assert told(old(0), new(4)) == [([4, 5, 6, 7, 8, 9], [(1, 4)], {1: ((4, 10),)})]
    assert told(old(0), old(7), new(4)) == [([4, 5, 6], [(1, 4)], {1: ((4, 7),)})]
    assert told(old(0), new(3), new(5), old(8)) == [([3, 4, 5, 6, 7], [(1, 3), (1, 5)], {1: ((3, 5), (5, 8))})]


def test_a_fix_before_the_first_mark_goes_backward():
    assert told(old(8), new(4)) == [([4, 3, 2, 1, 0], [(1, 4)], {1: ((0, 5),)})]
    assert told(old(8), new(4), new(2)) == [
        ([2, 1, 0], [(1, 2)], {1: ((0, 3),)}),
        ([4, 3], [(1, 4)], {1: ((3, 5),)}),
    ]


def test_a_fix_of_the_first_mark_itself_goes_both_ways():
    assert told(old(4), new(4)) == told(new(4))


def test_what_is_held_without_marks_is_followed_forward_only():
    assert told(new(4), held=frozenset({1})) == [([4, 5, 6, 7, 8, 9], [(1, 4)], {1: ((4, 10),)})]


def test_other_objects_keep_what_they_have():
    assert told(old(0), old(2, 2), new(5, 2)) == [([5, 6, 7, 8, 9], [(2, 5)], {2: ((5, 10),)})]

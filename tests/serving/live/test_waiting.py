"""A queue of documents against a list that is searched from end to end."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from serving.live.waiting import Queue, Waiting

KINDS = ["put", "put", "put", "down", "drop", "done"]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 3)), max_size=60)


@given(STEPS)
def test_it_holds_what_a_plain_list_would(steps):
    queue, plain = Queue(), []
    for position, (what, number) in enumerate(steps, 1):
        kind, key = ("posting", "candidate")[number % 2], f"k{number}"
        if what == "put":
            plain.append(Waiting(position, kind, key, {}))
            queue.put(plain[-1])
        elif what == "down":
            plain = [replace(one, gone=True) if (one.kind, one.key) == ("posting", key) else one for one in plain]
            queue.take_down(key)
        elif what == "drop":
            plain = [one for one in plain if (one.kind, one.key) != (kind, key)]
            queue.drop(kind, key)
        else:
            queue.done(queue.first(position, number))
            plain = plain[number:]
        assert len(queue) == len(plain)
        assert queue.first(position, 100) == plain
        assert queue.first(position - 5, 3) == [one for one in plain if one.position <= position - 5][:3]
        of_key = [one for one in plain if (one.kind, one.key) == (kind, key)]
        assert queue.latest(kind, key) == (of_key[-1] if of_key else None)

"""The simulator made repeatable and quicker, at run time, without a number changing.

Each patch looks whether what it replaces is as expected, and leaves it alone where not. A test
holds them to it: with and without, every number is the same.
"""

from __future__ import annotations

import bisect
import gc
import itertools
import logging
import math
import sys
import uuid
from collections.abc import Iterator
from functools import cache, wraps
from typing import Any

from idle import ask_no_idle_lever
from looking import look_when_asked
from quick import quick

MOST_IDS = 10_000


_QUICKER = (quick, ask_no_idle_lever, look_when_asked)
_PLAIN: list[bool] = []


def stay_plain() -> None:
    """Leave out what only makes the simulator quicker, if nothing has been run yet."""
    _PLAIN.append(True)


@cache
def steady() -> None:
    """Apply every patch, once in a process."""
    logging.getLogger("swarm").setLevel(logging.ERROR)
    for patch in (rank_posts_by_order, count_ids, *(() if _PLAIN else _QUICKER)):
        patch()
    gc.collect()
    gc.freeze()  # what was imported need not be looked through again and again


def restart() -> None:
    """Before each run: its ids are those of any other with its seed."""
    _IDS.uuid4 = _counted().__next__


class Ranking:
    """The posts of a feed in the order in which they are shown, kept up change by change.

    First come those with more votes and replies, then the newer ones. That is what the feed's own
    score comes to: in it a post loses a hundredth of a vote an hour, which tells posts of equal
    votes apart, and no others.
    """

    def __init__(self, weight: float) -> None:
        self._weight = weight
        self._shown: list[tuple[float, int]] = []
        self._posts: list[Any] = []
        self._keys: dict[str, tuple[float, int]] = {}

    def add(self, post: Any) -> None:
        post.age_seconds_by_order = -1e-3 * len(self._posts)
        self._keys[post.post_id] = (math.inf, -len(self._posts))
        self._posts.append(post)
        self.changed(post)

    def changed(self, post: Any) -> None:
        """Put a post where it belongs now."""
        post.__dict__.pop("to_dict", None)
        old = self._keys[post.post_id]
        if old[0] != math.inf:
            del self._shown[bisect.bisect_left(self._shown, old)]
        hidden = post.is_hidden or post.parent_id is not None
        score = post.upvotes - post.downvotes + self._weight * post.reply_count
        new = (math.inf if hidden else -score, old[1])
        if not hidden:
            bisect.insort(self._shown, new)
        self._keys[post.post_id] = new

    def first(self, limit: int) -> list[Any]:
        return [self._posts[-order] for _, order in self._shown[:limit]]


def rank_posts_by_order() -> None:
    """Show posts by votes and order of writing, not by the clock, and without sorting them anew.

    A feed puts the newer of two posts with equal votes first, by microseconds. Under load the
    clock goes on between two looks at it, and the order turns: a seed does not repeat. And
    everybody looks at the whole feed in every step, which is half the time of a run of ten epochs.
    """
    module = sys.modules.get("swarm.env.feed")
    changing = ("vote", "remove_vote", "hide_post", "unhide_post")
    if module is None or not all(hasattr(module.Feed, name) for name in (*changing, "create_post")):
        return
    feed, post_class = module.Feed, module.Post
    create, clear, ranked = feed.create_post, feed.clear, feed.get_ranked_posts
    to_dict, age = post_class.to_dict, post_class.age_seconds.fget

    def create_post(self: Any, *args: Any, **named: Any) -> Any:
        post = create(self, *args, **named)
        ranking = self.__dict__.setdefault("ranking", Ranking(self.reply_weight))
        ranking.add(post)
        if post.parent_id:
            ranking.changed(self._posts[post.parent_id])
        return post

    def followed(change: Any) -> Any:
        @wraps(change)
        def changed(self: Any, post_id: str, *args: Any, **named: Any) -> Any:
            result = change(self, post_id, *args, **named)
            if post_id in self._posts:
                self.ranking.changed(self._posts[post_id])
            return result

        return changed

    def cleared(self: Any) -> None:
        clear(self)
        self.__dict__.pop("ranking", None)

    def get_ranked_posts(
        self: Any, limit: int = 50, include_replies: bool = False, include_hidden: bool = False
    ) -> list[Any]:
        if include_replies or include_hidden or not self.age_decay > 0:
            return ranked(self, limit, include_replies, include_hidden)
        return self.ranking.first(limit) if self._posts else []

    def said(self: Any) -> dict[str, Any]:
        """And from then on a copy of the same, till the post changes."""
        told = to_dict(self)
        self.__dict__["to_dict"] = told.copy
        return dict(told)

    def age_seconds(self: Any) -> float:
        by_order = self.__dict__.get("age_seconds_by_order")
        return age(self) if by_order is None else by_order

    for name in changing:
        setattr(feed, name, followed(getattr(feed, name)))
    feed.create_post, feed.clear, feed.get_ranked_posts = create_post, cleared, get_ranked_posts
    post_class.to_dict, post_class.age_seconds = said, property(age_seconds)


class _Id(str):
    """An id as text, with the one attribute of a UUID that is used beside it."""

    __slots__ = ()

    @property
    def hex(self) -> str:
        return self.replace("-", "")


class _Ids:
    """In place of the module uuid: ids that count from one in each run."""

    def __init__(self) -> None:
        self.uuid4 = _counted().__next__

    def __getattr__(self, name: str) -> Any:
        return getattr(uuid, name)


def _counted() -> Iterator[_Id]:
    """The ids of a run; the first ones are made once for all runs."""
    for number in itertools.count():
        if number < len(_MADE):
            yield _MADE[number]
            continue
        made = _Id(f"{number + 1:08x}-0000-4000-8000-000000000000")
        if number < MOST_IDS:
            _MADE.append(made)
        yield made


_MADE: list[_Id] = []
_IDS = _Ids()


def count_ids() -> None:
    """Number what the simulator makes, in place of random ids: sets of ids keep their order."""
    for name, module in list(sys.modules.items()):
        if name.startswith("swarm.") and getattr(module, "uuid", None) is uuid:
            module.uuid = _IDS  # type: ignore[attr-defined]

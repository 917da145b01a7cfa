"""The simulator made repeatable and quicker, at run time, without a number changing.

Each patch looks whether what it replaces is as expected, and leaves it alone where not. A test
holds them to it: with and without, every number is the same.
"""

from __future__ import annotations

import itertools
import logging
import sys
import uuid
from functools import cache
from typing import Any

_QUICK_AGE = 1e-3
"""How much older a post is, in seconds, than the one that came after it."""


@cache
def steady() -> None:
    """Apply every patch, once in a process."""
    logging.getLogger("swarm").setLevel(logging.ERROR)
    for patch in (age_posts_by_order, rank_posts_quickly, count_ids):
        patch()


def restart() -> None:
    """Before each run: its ids are those of any other with its seed."""
    _Ids.numbers = itertools.count(1)


def age_posts_by_order() -> None:
    """Give posts an age by the order in which they were written, not by the clock.

    A feed puts the newer of two posts with equal votes first, by microseconds. Under load the
    clock goes on between two looks at it, and the order turns. On an idle machine this is the same.
    """
    feed = sys.modules.get("swarm.env.feed")
    if feed is None or not isinstance(getattr(feed.Post, "age_seconds", None), property):
        return
    create = feed.Feed.create_post

    def create_post(self: Any, *args: Any, **named: Any) -> Any:
        post = create(self, *args, **named)
        post.order = len(self._posts)
        return post

    def age_seconds(post: Any) -> float:
        return -_QUICK_AGE * getattr(post, "order", 0)

    feed.Feed.create_post = create_post
    feed.Post.age_seconds = property(age_seconds)


def rank_posts_quickly() -> None:
    """Sort a feed by votes and order of writing; the score by the clock comes to the same.

    Everybody looks at the feed in every step, and the whole of it is sorted each time: half the
    time of a run of ten epochs.
    """
    feed = sys.modules.get("swarm.env.feed")
    if feed is None or not hasattr(feed.Feed, "get_ranked_posts"):
        return
    ranked = feed.Feed.get_ranked_posts

    def get_ranked_posts(
        self: Any, limit: int = 50, include_replies: bool = False, include_hidden: bool = False
    ) -> list[Any]:
        if include_hidden or not self.age_decay > 0:
            return ranked(self, limit, include_replies, include_hidden)
        weight = self.reply_weight
        scored = [
            (post.upvotes - post.downvotes + weight * post.reply_count, order, post)
            for order, post in enumerate(self._posts.values())
            if not post.is_hidden and (include_replies or post.parent_id is None)
        ]
        scored.sort(reverse=True)
        return [post for _, _, post in scored[:limit]]

    feed.Feed.get_ranked_posts = get_ranked_posts


class _Id(str):
    """An id as text, with the one attribute of a UUID that is used beside it."""

    __slots__ = ()

    @property
    def hex(self) -> str:
        return self.replace("-", "")


class _Ids:
    """In place of the module uuid: ids that count from one in each run."""

    numbers = itertools.count(1)

    def uuid4(self) -> _Id:
        return _Id(f"{next(_Ids.numbers):08x}-0000-4000-8000-000000000000")

    def __getattr__(self, name: str) -> Any:
        return getattr(uuid, name)


def count_ids() -> None:
    """Number what the simulator makes, in place of random ids: sets of ids keep their order."""
    for name, module in list(sys.modules.items()):
        if name.startswith("swarm.") and getattr(module, "uuid", None) is uuid:
            module.uuid = _Ids()  # type: ignore[attr-defined]

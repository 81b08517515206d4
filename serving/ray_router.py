"""Requests of a session to the replica that holds it: a request router of Ray Serve.

Ray's own `ConsistentHashRouter` keeps a session with a replica too, but gives some of them to
another whenever the number of replicas changes. Here a session's id names its replica, so that new
replicas take no session away from anyone.
"""

from __future__ import annotations

import random

from ray.serve.request_router import PendingRequest, RequestRouter, RunningReplica

SEPARATOR = "-"  # between a replica's id and the rest of a session's


def session_prefix(replica: str) -> str:
    """What the ids of a replica's sessions begin with."""
    return replica + SEPARATOR


def owner_of(path: str) -> str:
    """Id of the replica that holds the session a path names; "" if it names none.

    Args:
        path: "/v1/sessions/REPLICA-REST/clicks" for example.
    """
    parts = path.split("/")
    if parts[:3] != ["", "v1", "sessions"] or len(parts) < 4:
        return ""
    owner, separator, _ = parts[3].partition(SEPARATOR)
    return owner if separator else ""


class OwnerRouter(RequestRouter):
    """Sends a request whose `session_id` is the id of a replica to that one and to no other, as
    long as it lives. All others go to the less busy of two, as by Ray's default."""

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """See `ray.serve.request_router.RequestRouter`: ranks of replicas, the first preferred."""
        if pending_request is None:
            return [candidate_replicas]
        pending_request.routing_context.should_backoff = True
        owner = pending_request.metadata.session_id
        owners = [r for r in candidate_replicas if r.replica_id.unique_id == owner]
        if owners:
            return [owners]
        two = random.sample(candidate_replicas, min(2, len(candidate_replicas)))
        return [two, candidate_replicas]

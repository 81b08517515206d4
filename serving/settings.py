"""What a service allows. Everything that a client can make grow has a bound here."""

from __future__ import annotations

from dataclasses import dataclass, field

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """Limits and access.

    Attributes:
        token: what clients must send as `Authorization: Bearer TOKEN`; None asks for none.
        hosts: names that a request's Host header may have, without port, in lower case; empty
            allows all. Loopback names guard against web pages that point a name of their own at
            this machine (DNS rebinding).
        max_photo_bytes: of a request's body where it holds a photo or a mask.
        max_json_bytes: of any other request's body.
        max_body_bytes: of all bodies that are being received or worked on together.
        body_seconds: in which a body must arrive.
        max_pixels: of a photo.
        max_sessions: at a time; the least recently used goes first.
        max_session_bytes: what all sessions may hold together, estimated from above.
        session_seconds: after which an unused session goes.
        max_waiting: requests that wait for the network; for decoding as many.
        max_waiting_each: of them, of one session or, without a session, of one address, which
            may be a proxy's.
        session_prefix: in front of each session's id, to tell which of several services holds it;
            letters, digits, - and _.
        label_studio: address of the Label Studio whose photos may be fetched; None fetches none.
        label_studio_key: its access token.
    """

    token: str | None = field(default=None, repr=False)
    hosts: frozenset[str] = frozenset()
    max_photo_bytes: int = 64 * MEBIBYTE
    max_json_bytes: int = 64 * 1024
    max_body_bytes: int = 256 * MEBIBYTE
    body_seconds: float = 60.0
    max_pixels: int = 50_000_000
    max_sessions: int = 64
    max_session_bytes: int = 2048 * MEBIBYTE
    session_seconds: float = 3600.0
    max_waiting: int = 128
    max_waiting_each: int = 32
    session_prefix: str = ""
    label_studio: str | None = None
    label_studio_key: str | None = field(default=None, repr=False)

"""How long a dead server stays in use, computed from the settings; and a dead primary without a successor.

HAProxy's configuration manual (`inter`, `fastinter`, `fall`, `timeout check`) gives the parts: a check begins
`interval` after the last one ended; after the first failure the next ones follow after `fast_interval`; each may take
as long as connecting and answering may; `fall` of them in a row make a server down. A server that dies just
after it was found well is therefore down, at the latest, after

    interval + fall * (connect + timeout) + (fall - 1) * fast_interval

and, where its host refuses connections at once, after interval + (fall - 1) * fast_interval.

Patroni's documentation gives the others: a leader's key runs out `ttl` after it was renewed, and a standby looks at the
latest `loop_wait` later; a crashed PostgreSQL under a Patroni that lives may take `primary_start_timeout` to start, so
`loop_wait + primary_start_timeout + loop_wait`.
"""

from collections.abc import Iterator

from faildrill import durations
from faildrill.auditing.remarks import Detection
from faildrill.standards import Backend, Check, Server, Settings, Standard


def detections(name: str, live: Settings, standard: Standard | None, objective: float | None) -> Iterator[Detection]:
    """Yield one for every backend, that of its slowest server, and one for the cluster; objectives in seconds."""
    for backend, settings in (live.backends or {}).items():
        if settings.servers is not None and not settings.servers:
            continue  # a page of statistics, a redirection
        approved = ((standard.backends or {}).get(backend) if standard else None) or None
        limit = approved.detected_within if approved and approved.detected_within is not None else objective
        never = _never(backend, settings)
        worst, refused, formula = (None, None, never) if never else _of_backend(settings)
        yield Detection(
            name, backend, worst, refused, formula, limit, never=bool(never), standing=standing(settings) or ""
        )
    if live.failover is not None:
        limit = standard.failed_over_within if standard and standard.failed_over_within is not None else None
        ttl, wait = live.failover.ttl, live.failover.loop_wait
        total = None if ttl is None or wait is None else ttl + wait
        formula = "" if ttl is None or wait is None else f"ttl {_s(ttl)} + loop_wait {_s(wait)}"
        yield Detection(name, "the primary", total, None, formula, limit)


def worst_case(check: Check) -> tuple[float, float, str] | None:
    """Return the seconds until a silent server is down and until a refusing one is, and how the first came about.

    None where the settings don't tell, or set no bound.
    """
    interval, timeout, fall = check.interval, check.timeout, check.fall
    if interval is None or fall is None or not isinstance(timeout, float):
        return None
    connect = check.connect if isinstance(check.connect, float) else 0.0
    fast = check.fast_interval if check.fast_interval is not None else interval
    silent = interval + fall * (connect + timeout) + (fall - 1) * fast
    each_try = f"({_s(connect)} + {_s(timeout)})" if connect else _s(timeout)
    formula = f"interval {_s(interval)} + {fall} * {each_try} + {fall - 1} * {_s(fast)}"
    return silent, interval + (fall - 1) * fast, formula


def standing(backend: Backend) -> str | None:
    """Tell for how long established connections stay with a server that was found dead; None where they don't.

    In TCP mode HAProxy moves new connections only, unless `on-marked-down shutdown-sessions` ends the standing ones.
    """
    kept = any(server.standing == "kept" for server in serving(backend).values())
    timeouts = backend.timeouts
    if backend.mode != "tcp" or not kept or timeouts is None:
        return None
    name = "tunnel" if isinstance(timeouts.tunnel, float) else "server"
    limit = getattr(timeouts, name)
    if limit is None:
        return "established ones until they end by themselves: `timeout server` is not known"
    until = "for ever" if limit == "none" else f"up to `timeout {name}` {_s(limit)} after the last byte"
    return f"established ones stay {until}"


def serving(backend: Backend) -> dict[str, Server]:
    """Return the servers that may be given requests: neither taken out, nor without address.

    What weighs nothing is given some where a rule assigns them.
    """
    servers = (backend.servers or {}).items()
    return {
        name: server
        for name, server in servers
        if server.state in (None, "ready") and (server.weight != 0 or server.assigned)
    }


def last_resort(backend: Backend) -> str | None:
    """Name the one server that is used when all others are down, with none behind it; None where there is none."""
    behind = [name for name, server in serving(backend).items() if server.backup]
    return behind[0] if len(behind) == 1 else None


def _never(name: str, backend: Backend) -> str:
    """Tell whose death nothing notices but users' requests, empty where every server is checked or nobody knows."""
    ways = {
        server: settings.check.how if settings.check else None for server, settings in (backend.servers or {}).items()
    }
    ways.pop(last_resort(backend) or "", None)
    return "; ".join(f"{name}/{server}: {how}" for server, how in ways.items() if how in ("none", "passive", "agent"))


def _of_backend(backend: Backend) -> tuple[float | None, float | None, str]:
    """Return the figures of the server that is noticed last; where one of them is not known, none is."""
    last = last_resort(backend)
    unchecked = {
        name for name, settings in (backend.servers or {}).items() if settings.check and settings.check.how == "none"
    }
    others = [settings for name, settings in (backend.servers or {}).items() if name != last or name not in unchecked]
    times = [worst_case(server.check) if server.check else None for server in others]
    known = [time for time in times if time is not None]
    if not known or len(known) < len(times):
        return None, None, "an interval, a time-out or a threshold of a check is not known"
    return max(known, key=lambda one: one[0])


def _s(seconds: float) -> str:
    return durations.show(seconds)

"""Compute outages and verdicts in a bundle of faildrill anew, from the raw looks alone: `python3 verify.py BUNDLE.tar`.

Plain Python (3.11 or newer), a hundred lines of it. The rules and their words are those of docs/judging.md; times are whole
ns. What it does not compute (whether a step took effect, expectations other than `outage`) is taken from the result, and
named. Exits with 1 where the looks come to something else than the bundle says.
"""

import bisect, collections, itertools, json, operator, re, struct, sys, tarfile

NEVER, GOOD, BAD, BLIND = float("inf"), 1, {2, 3, 4, 5, 6}, {8, 9, 10}  # outcomes as they are numbered in the records
WORST_FIRST = ["UNSAFE", "ERROR", "ABORTED", "REFUSED", "FAILED", "INCONCLUSIVE", "PASSED"]
NOTED = {"warm-up.failed": "REFUSED", "abort.asked": "ABORTED", "runner.died": "ABORTED", "runner.broke": "ERROR"}
LOOKED = re.compile(r"step\.(applied|failed|(not-)?confirmed)|wait\.ended|undo\.(verified|not-verified|failed)|steady\..*")
UNITS = {"": 1.0, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def ns(time):
    return round(sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+) *([a-zµ]*)", str(time))) * 1e9)


def read_looks(files, left_out, slow):  # the last of each: whether its answer tells of when it came
    for file in (name[:-8] for name in files if name.endswith(".samples") and name[:-8] not in left_out):
        names, records = ["", *map(json.loads, files[file + ".names"].splitlines())], files[file + ".samples"]
        for due, sent, by, probe, _, detail, end, _ in struct.iter_unpack("<QQQHHHBB", records[: len(records) // 32 * 32]):
            yield names[probe], due, sent, by, end, by - sent <= slow or names[detail].endswith("(seen late)")


def proofs(looks, slow):  # intervals that each hold a moment of life, and those that each hold one of darkness
    alive = sorted((sent if soon else by - slow, by) for _, sent, by, end, soon in looks if end == GOOD)
    return alive, sorted((it[1], it[2] if it[4] else it[1] + slow) for it in looks if it[3] in (BAD if it[4] else {GOOD, *BAD}))


def part(when, events, since):  # from when to when it is, and the moments at which anything was done or put back
    began = {it["step"]: it["at"] for it in events[::-1] if it["event"] == "step.happened" and it.get("began")}
    told = [(max(it["on"], began.get(it["step"], 0)) if it["event"] == "step.applying" else it["on"], it) for it in events]
    first = {key: at for at, it in told[::-1] for key in (it["event"], (it["event"], it.get("step")))}
    steady = [min(at, it["since"]) if it["since"] >= since else at for at, it in told if it["event"] == "steady.seen"]
    fault, back, steady = first.get("step.applying", NEVER), first.get("undo.started", NEVER), [NEVER, *steady][-1]
    parts = {"during": (fault, steady), "after": (steady, NEVER), "fault": (fault, back), "putting back": (back, NEVER)}
    parts = {"whole": (-NEVER, NEVER), "before": (since, fault), **(parts if fault < NEVER else {})}
    step = [min(first.get((a, when), NEVER) for a in of) for of in (("step.applying", "wait.started"), ("undo.started", "wait.ended"))]
    return (*parts.get(when, step), [at for at, it in told if it["event"] in {"step.applying", "undo.started"}])


def outages(alive, dark, hold, hi=NEVER):  # at least (begun by `hi`), at most, last life before, first after, dark by
    lefts, rights, groups, reached, over = [left for left, _ in alive], sorted(r for _, r in alive), [], -NEVER, -NEVER
    ends = [*itertools.accumulate((right for _, right in alive[::-1]), min, initial=NEVER)][::-1]  # the first, from each on
    for number, (left, right) in enumerate(dark):
        lives, passed = bisect.bisect_right(rights, left), bisect.bisect_right(ends, left, 0, len(alive))
        before, after = lefts[passed - 1] if passed else -NEVER, ends[bisect.bisect_left(lefts, right)]
        if not groups or (before >= reached and (not hold or before - over >= hold)):
            groups.append([before, solid := {}, -NEVER])
        one = lives if lives == bisect.bisect_left(lefts, right) else -1 - number  # what no life touches or parts is one
        solid[one] = min(right, solid.get(one, (right,))[0]), max(left, solid.get(one, (0, left))[1])
        reached, over, groups[-1][2] = max(reached, right), max(over, after), max(groups[-1][2], after)
    return [(max(0, *at_least(one, hold, hi)), end - start, start, end, min(one.values())[0]) for start, one, end in groups]


def at_least(solid, hold, hi, since=-NEVER, until=-NEVER):
    for begun_by, still_at in sorted(solid.values()):
        since, until = (begun_by, still_at) if begun_by - until >= hold else (since, max(until, still_at))
        yield until - since if since < hi else 0


def weigh(looks, alive, dark, span, every, limit, hold, lo, hi, deeds):  # from `lo` to `hi` is the part that it is about
    found = [(*it, {lo <= t < hi for t in deeds if it[2] < t <= it[4]} or {lo <= it[4] < hi}) for it in outages(alive, dark, hold, hi)]
    mine, theirs = ([it for it in found if it[5] == {whose}] for whose in (True, False))
    since = max(span[0], lo, *(it[3] for it in theirs if it[4] < lo and it[3] < NEVER))
    until = min(hi if any(it[2] < hi < it[3] for it in found) else min((b for a, b in alive if a >= hi), default=NEVER), span[1])
    row = [(since, since), *(it for it in alive if since <= it[0] and it[1] <= until), (until, until)]
    ends = itertools.accumulate((by for _, by in row[::-1]), min)  # between two of these, what nobody saw can hide
    lengths = [by - left for (left, _), by in zip(row[-2::-1], ends, strict=False) if since < hi]  # it may go on beyond the part
    begun = [max((left for left, by in alive if by <= it[2] - hold), default=min(alive, default=(0,))[0]) for it in mine if hold]
    over = [min((by for left, by in alive if left >= it[3] + hold), default=max(look[2] for look in looks)) for it in mine if hold]
    lengths += [NEVER if lo == NEVER else 0, *(it[1] for it in found if True in it[5]), *map(operator.sub, over, begun)]
    is_seen = len(alive) + len(dark) >= 10 and 2 * sum(it[3] in BLIND for it in looks) <= max(len(looks), (span[1] - span[0]) // every)
    return "FAILED" if any(max(it[0], 1) > limit for it in mine) else "PASSED" if is_seen and max(lengths) <= limit else "INCONCLUSIVE"


def noted(events):  # the verdicts that the timeline calls for, whatever was expected
    last = {(what.get("step"), what["event"].partition(".")[0]): what for what in events}
    yield "PASSED" if events[-1]["event"] == "run.ended" else "ABORTED"
    yield from (NOTED.get(it["event"], "REFUSED" if it.get("objection") else "UNSAFE" if it.get("left") else "PASSED") for it in events)
    for step in (what["step"] for what in events if what["event"] == "step.intended"):
        undo, steady = last.get((step, "undo"), {"event": ""}), last.get((None, "steady"), {"event": ""})["event"]
        is_back = undo["event"] == "undo.verified" or undo.get("by") == "drill" or last[step, "step"].get("how") == "refused"
        yield from ("PASSED" if is_back else "UNSAFE", {"steady.seen": "PASSED", "": "INCONCLUSIVE"}.get(steady, "UNSAFE"))


def differences(files, taken):
    events = [{**it["what"], "on": it["at"]} for it in map(json.loads, files["timeline.jsonl"].split(b"\n")[:-1])]
    end = next((n for n, it in enumerate(events, 1) if it["event"] == "run.ended"), len(events))
    later = {it.get("samples") for it in events[end:]} - {it.get("samples") for it in events[:end]}
    start, events, result = events[0], events[:end], json.loads(files["result.json"])
    warm = next((it for it in events[::-1] if it["event"] == "warm-up.ended"), {"slow": {}, "since": start["on"]})
    until = next((it["on"] for it in events[::-1] if LOOKED.fullmatch(it["event"])), events[-1]["on"])
    uses, told = ([it for it in some if it["kind"] == "outage"] for some in (start["drill"]["expect"], result["findings"]))
    kinds, verdicts = {it["kind"] for it in result["findings"]}, [*noted(events), *(it["verdict"] for it in result["findings"])]
    yield from (f"the result says nothing of {use['kind']}" for use in start["drill"]["expect"] if use["kind"] not in kinds)
    taken |= {*kinds, *["what was refused"] * ("REFUSED" in verdicts)} - {"outage", "run", "guard", "undo", "steady"}
    plans = [*start["place"].get("probes", []), *start["drill"]["probes"], *start["drill"].get("load", [])]
    for plan, figures in zip({plan["name"]: plan for plan in plans}.values(), result["probes"], strict=True):
        slow = ns(min(warm["slow"].get(plan["name"]) or plan.get("slow") or NEVER, plan["timeout"]))
        seen = [look for name, *look in read_looks(files, later, slow) if name == plan["name"] and look[0] >= warm["since"]]
        mine = [(use["params"], it) for use, it in zip(uses, told, strict=True) if use["params"]["of"] == plan["name"]]
        lives, hold = proofs(seen, slow), mine[0][0].get("hold", "1s") if mine else "1s"
        anew = {(low / 1e9, None if up == NEVER else up / 1e9) for low, up, *_ in outages(*lives, ns(hold))}
        shown = [it for it in (result.get("headline") or {}).values() if isinstance(it, dict) and it["probe"] == plan["name"]]
        said, shown = ({(it["length"]["at_least"], it["length"]["at_most"]) for it in some} for some in (figures["outages"], shown))
        if (said | shown) - anew or (anew - said and "outages_left_out" not in figures):
            yield f"{plan['name']} was dark for (at least, at most) {sorted(anew, key=str)} s; the result says {said | shown}"
        for use, it in mine:
            span, times = (warm["since"], max(until, warm["since"])), (plan["every"], use["at_most"], use.get("hold", "1s"))
            verdict = weigh(seen, *lives, span, *map(ns, times), *part(use.get("when", "whole"), events, warm["since"]))
            if "REFUSED" not in verdicts and it["verdict"] not in {verdict, verdict.replace("PASSED", "INCONCLUSIVE")}:
                yield f"{it['claim']}: {verdict}; the result says {it['verdict']}"
    if (worst := min(verdicts, key=WORST_FIRST.index)) != result["verdict"]:
        yield f"the run is {worst}; the result says {result['verdict']}"


runs, taken = collections.defaultdict(dict), {"whether steps took effect"}
with tarfile.open(sys.argv[1], "r:") as tar:
    for folder, name, content in ((*one.name.rpartition("/")[::2], tar.extractfile(one)) for one in tar if one.isreg()):
        runs[folder][name] = content.read()
told = {run: [*differences(files, taken)] for run, files in runs.items() if "timeline.jsonl" in files}
print(*(f"{run}: {said}" for run, some in told.items() for said in some or ["as computed anew"]), sep="\n")
print(f"not computed, but taken from the results: {', '.join(sorted(taken))}")
sys.exit(0 if told and not any(told.values()) else 1)

"""Compute outages and verdicts in a bundle of faildrill anew, from the raw looks alone: `python3 verify.py BUNDLE.tar`.

Plain Python (3.11 or newer), a hundred lines of it. The rules and their words are those of docs/judging.md; times are whole
ns. What it does not compute (whether a step took effect, expectations other than `outage`, an `outage` with `when`) is taken
from the result, and named. Exits with 1 where the looks come to something else than the bundle says.
"""

import bisect, collections, itertools, json, operator, re, struct, sys, tarfile

NEVER, GOOD, BAD, BLIND = float("inf"), 1, {2, 3, 4, 5, 6}, {8, 9, 10}  # outcomes as they are numbered in the records
WORST_FIRST = ["UNSAFE", "ERROR", "ABORTED", "REFUSED", "FAILED", "INCONCLUSIVE", "PASSED"]
NOTED = {"warm-up.failed": "REFUSED", "abort.asked": "ABORTED", "runner.died": "ABORTED", "runner.broke": "ERROR"}
LOOKED = re.compile(r"step\.(applied|failed|(not-)?confirmed)|wait\.ended|undo\.(verified|not-verified|failed)|steady\..*")
UNITS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def ns(time):
    parts = re.findall(r"([\d.]+) *(us|µs|ms|s|m|h|d)", time) if isinstance(time, str) else [(time, "s")]
    return round(sum(float(number) * UNITS[unit] for number, unit in parts) * 1e9)


def read_looks(files, left_out):
    for file in (name[:-8] for name in files if name.endswith(".samples") and name[:-8] not in left_out):
        names, records = ["", *map(json.loads, files[file + ".names"].splitlines())], files[file + ".samples"]
        for *times, probe, _, detail, outcome, _ in struct.iter_unpack("<QQQHHHBB", records[: len(records) // 32 * 32]):
            yield names[probe], (*times, outcome, names[detail])


def proofs(looks, slow):  # intervals that each hold a moment of life, and those that each hold one of darkness
    told = [(*look, look[2] - look[1] <= slow or look[4].endswith("(seen late)")) for look in looks]
    alive = [(sent if soon else by - slow, by) for _, sent, by, end, _, soon in told if end == GOOD]
    bad = [(sent, by, soon) for _, sent, by, end, _, soon in told if end in BAD or (end == GOOD and not soon)]
    return sorted(alive), sorted((sent, by if soon else sent + slow) for sent, by, soon in bad)


def outages(alive, dark, hold):  # of each: at least, at most, the last life before it, the first life after it
    lefts, rights, groups, reached, over = [left for left, _ in alive], sorted(r for _, r in alive), [], -NEVER, -NEVER
    ends = [*itertools.accumulate((right for _, right in alive[::-1]), min, initial=NEVER)][::-1]  # the first, from each on
    for number, (left, right) in enumerate(dark):
        lives, passed = bisect.bisect_right(rights, left), bisect.bisect_right(ends, left, 0, len(alive))
        before, after = lefts[passed - 1] if passed else -NEVER, ends[bisect.bisect_left(lefts, right)]
        if not groups or (before >= reached and (not hold or before - over >= hold)):
            groups.append([before, {}, -NEVER])
        solid = groups[-1][1]
        one = lives if lives == bisect.bisect_left(lefts, right) else -1 - number  # what no life touches or parts is one
        solid[one] = max(left, solid.get(one, (left, 0))[0]), min(right, solid.get(one, (0, right))[1])
        reached, over, groups[-1][2] = max(reached, right), max(over, after), max(groups[-1][2], after)
    return [(at_least(solid, hold), end - start, start, end) for start, solid, end in groups]


def at_least(solid, hold):
    longest, since, until = 0, -NEVER, -NEVER
    for left, right in sorted(solid.values(), key=operator.itemgetter(1)):
        since, until = (right, left) if right - until >= hold else (since, max(until, left))
        longest = max(longest, until - since)
    return longest


def weigh(looks, alive, dark, span, every, limit, hold):
    found, last, due = outages(alive, dark, hold), max((look[2] for look in looks), default=0), (span[1] - span[0]) // every
    inside = [(left, right) for left, right in alive if span[0] <= left and right <= span[1]]
    ends = [*itertools.accumulate((right for _, right in inside[::-1]), min, initial=span[1])][::-1]
    lengths = [right - left for left, right in zip([span[0], *(left for left, _ in inside)], ends, strict=True)]
    for _, longest, start, end in found:  # with what a hold can hide near an edge, or after the looking ended
        begun = max((left for left, right in alive if right <= start - hold), default=alive[0][0] if alive else 0)
        over = min((right for left, right in alive if left >= end + hold), default=last)
        lengths += [longest, over - begun if hold else 0, last - start if alive and alive[-1][0] - end < hold else 0]
    is_broken = any(max(least, 1) > limit for least, *_ in found)
    is_enough = len(alive) + len(dark) >= 10 and 2 * sum(look[3] in BLIND for look in looks) <= max(len(looks), due)
    return "FAILED" if is_broken else "PASSED" if is_enough and max(lengths) <= limit else "INCONCLUSIVE"


def noted(events):  # the verdicts that the timeline calls for, whatever was expected
    last = {(what.get("step"), what["event"].partition(".")[0]): what for what in events}
    found = ["PASSED" if events[-1]["event"] == "run.ended" else "ABORTED"]
    found += [NOTED.get(it["event"], "REFUSED" if it.get("objection") else "UNSAFE" if it.get("left") else "PASSED") for it in events]
    for step in (what["step"] for what in events if what["event"] == "step.intended"):
        undo, steady = last.get((step, "undo"), {"event": ""}), last.get((None, "steady"), {"event": ""})["event"]
        is_back = undo["event"] == "undo.verified" or undo.get("by") == "drill" or last[step, "step"].get("how") == "refused"
        found += ["PASSED" if is_back else "UNSAFE", {"steady.seen": "PASSED", "": "INCONCLUSIVE"}.get(steady, "UNSAFE")]
    return found


def differences(files, taken):
    lines = [json.loads(line) for line in files["timeline.jsonl"].split(b"\n")[:-1]]
    end = next((n for n, line in enumerate(lines, 1) if line["what"]["event"] == "run.ended"), len(lines))
    events, start, result = [line["what"] for line in lines[:end]], lines[0]["what"], json.loads(files["result.json"])
    warm = next((what for what in events[::-1] if what["event"] == "warm-up.ended"), {"slow": {}, "since": lines[0]["at"]})
    until = next((one["at"] for one in lines[end - 1 :: -1] if LOOKED.fullmatch(one["what"]["event"])), lines[end - 1]["at"])
    later = {one["what"].get("samples") for one in lines[end:]} - {one.get("samples") for one in events}
    uses = [use["params"] for use in start["drill"]["expect"] if use["kind"] == "outage"]
    claims = [*zip(uses, (one for one in result["findings"] if one["kind"] == "outage"), strict=True)]
    kinds = {one["kind"] for one in result["findings"]}
    yield from (f"the result says nothing of {use['kind']}" for use in start["drill"]["expect"] if use["kind"] not in kinds)
    verdicts = [*noted(events), *(one["verdict"] for one in result["findings"])]
    taken |= kinds - {"outage", "run", "guard", "undo", "steady"}
    plans = [*start["place"].get("probes", []), *start["drill"]["probes"], *start["drill"].get("load", [])]
    for plan, figures in zip({plan["name"]: plan for plan in plans}.values(), result["probes"], strict=True):
        slow = ns(min(warm["slow"].get(plan["name"]) or plan.get("slow") or NEVER, plan["timeout"]))
        seen = [look for probe, look in read_looks(files, later) if probe == plan["name"] and look[0] >= warm["since"]]
        mine = [(use, one) for use, one in claims if use["of"] == plan["name"]]
        found = outages(*proofs(seen, slow), ns(mine[0][0].get("hold", "1s") if mine else "1s"))
        shown = [one for one in (result.get("headline") or {}).values() if isinstance(one, dict) and one["probe"] == plan["name"]]
        told, shown = ({(one["length"]["at_least"], one["length"]["at_most"]) for one in it} for it in (figures["outages"], shown))
        anew = {(least / 1e9, None if most == NEVER else most / 1e9) for least, most, *_ in found}
        if (told | shown) - anew or (anew - told and "outages_left_out" not in figures):
            yield f"{plan['name']} was dark for (at least, at most) {sorted(anew, key=str)} s; the result says {told | shown}"
        for use, one in mine:
            span, times = (warm["since"], max(until, warm["since"])), (plan["every"], use["at_most"], use.get("hold", "1s"))
            verdict = weigh(seen, *proofs(seen, slow), span, *map(ns, times))
            if use.get("when", "whole") != "whole" or "REFUSED" in verdicts:
                taken.add("outage with `when`, or of a run that was refused")
            elif one["verdict"] not in {verdict, verdict.replace("PASSED", "INCONCLUSIVE")}:  # it may claim less
                yield f"{one['claim']}: {verdict}; the result says {one['verdict']}"
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

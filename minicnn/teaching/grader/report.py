"""What a grading found: for a person, as CSV, as JSON."""

import csv
import json

__all__ = ["format_report", "write_csv", "write_json"]


def format_report(chapter, hand_in, results):
    """The results of one hand-in, a line a check, and the sum of points."""
    points, most = sum(r.points for r in results), sum(r.check.points for r in results)
    lines = [f"Chapter {chapter.number}, {chapter.title}: {hand_in}"]
    for r in results:
        lines.append(f"  {r.status:<6}  {r.points}/{r.check.points}  {r.check.title}")
        if r.status == "passed":
            lines[-1] += f"   [{1e3 * r.seconds:.2f} ms; the reference {1e3 * r.reference_seconds:.2f} ms]"
        elif r.message:
            lines.append(f"                 {r.message}")
        if r.idea:
            lines.append(f"                 Idea: {r.idea}")
    lines.append(f"{points} of {most} points")
    return "\n".join(lines)


def as_rows(graded):
    """One flat dict for each check of each hand-in; graded: {name: [results]}."""
    for name, results in graded.items():
        for r in results:
            yield {"hand_in": name, "function": r.check.function, "equation": r.check.equation, "about": r.check.about,
                   "status": r.status, "points": r.points, "of": r.check.points, "message": r.message, "idea": r.idea}


def write_csv(path, graded):
    """A table with a row for each check of each hand-in."""
    rows = list(as_rows(graded))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else ["hand_in"])
        writer.writeheader()
        writer.writerows(rows)


def write_json(path, graded):
    """{"hand_ins": [{"hand_in", "points", "of", "checks": [...]}]}."""
    hand_ins = []
    for name, results in graded.items():
        checks = [{k: v for k, v in row.items() if k != "hand_in"} for row in as_rows({name: results})]
        hand_ins.append(
            {
                "hand_in": name,
                "points": sum(c["points"] for c in checks),
                "of": sum(c["of"] for c in checks),
                "checks": checks,
            }
        )
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"hand_ins": hand_ins}, file, indent=1)

"""docs/guides/checkpoints.md: its code runs, in order, as it stands there."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "checkpoints.md"


def test_the_code_of_the_guide_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 4
    names = {}
    for number, block in enumerate(blocks):
        exec(compile(block, f"{GUIDE.name}, block {number}", "exec"), names)
    assert (tmp_path / "model.safetensors").is_file() and len(names["keeper"].paths()) >= 2
    assert names["keeper"].best_path(names["history"]).name.endswith("-epoch0002.safetensors")

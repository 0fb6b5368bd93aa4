"""A job in parts: every image in one of them, and each part a job that is whole by itself."""

import json

import pytest

from obftnet.errors import InputError
from obftnet.segmentation import Outputs, segment_files
from obftnet.segmentation.shard import Shard


@pytest.mark.parametrize("count", [1, 3, 16])
def test_every_name_is_in_one_shard_and_shards_are_alike(count):
    shards = [Shard(number, count) for number in range(1, count + 1)]
    names = [f"line{index % 7}/part{index:05}.png" for index in range(3000)]
    owners = [[shard.number for shard in shards if shard.has(name)] for name in names]
    assert all(len(owner) == 1 for owner in owners)
    counts = [owners.count([shard.number]) for shard in shards]
    # Of a fair split, six standard deviations.
    expected = len(names) / count
    assert max(abs(found - expected) for found in counts) <= 6 * expected**0.5


def test_a_shard_by_its_words():
    assert Shard.of("3/16") == Shard(3, 16)
    assert len({Shard(number, 12).folder for number in range(1, 13)}) == 12


@pytest.mark.parametrize(
    "text", ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1.5/2", "1/99999999"]
)
def test_what_is_no_shard_is_one_line(text):
    with pytest.raises(InputError, match=r"shard .*i/n"):
        Shard.of(text)


def test_the_shards_of_a_job_are_the_job(case):
    """Each image once, as the job in one piece has it; what cannot be read in one of them, too."""
    (case.queries / "torn.png").write_bytes(b"torn")
    (case.queries / "notes.xyz").write_text("no image")

    def run(out, shard=None):
        return segment_files([case.queries], case.guidance, out, weights=case.weights, shard=shard)

    whole = run(case.out)
    parts = [run(case.out.parent / f"{number}", Shard(number, 5)) for number in range(1, 6)]
    assert sum(part.done for part in parts) == whole.done == 3
    assert sorted(line for part in parts for line in part.refused) == sorted(whole.refused)
    for part in parts:
        record = json.loads((part.out / "segment.json").read_text())
        assert len(record["images"]) == part.done
        for entry in record["images"]:
            for file in entry["written"]:
                one, other = (Outputs.of(out, entry["result"]).files[file] for out in (part.out, case.out))
                assert one.read_bytes() == other.read_bytes()
    again = run(parts[0].out, Shard(1, 5))
    assert (again.done, again.kept) == (0, parts[0].done)

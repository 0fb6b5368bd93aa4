import base64
import hashlib
from importlib import metadata

from obftnet.doctor import recorded


def test_the_hash_is_the_one_that_pip_wrote(tmp_path, monkeypatch):
    """A wheel's RECORD: path, sha256=<urlsafe base64 without padding>, size."""
    file = tmp_path / "obftnet" / "pretrained" / "w.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights")
    info = tmp_path / "obftnet-9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: obftnet\nVersion: 9\n")
    hashed = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
    (info / "RECORD").write_text(f"obftnet/pretrained/w.safetensors,sha256={hashed},7\n")
    installed = metadata.PathDistribution(info)
    monkeypatch.setattr(recorded.metadata, "files", lambda name: installed.files)
    assert recorded.recorded_hash(file) == digest.hexdigest()
    assert recorded.recorded_hash(tmp_path / "w.safetensors") is None

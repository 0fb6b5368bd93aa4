from obftnet.cli.progress import progress_bar


def test_names_are_shown_as_they_are(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress_bar("segment") as update:
        update(0, 2, "[/red]a\nb\x07.png")
        update(2, 2, "", "fold [/bold]")
    err = capsys.readouterr().err
    assert "fold [/bold]" in err
    assert "\x07" not in err

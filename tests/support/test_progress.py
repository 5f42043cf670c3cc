"""Progress on stderr."""

from heedful.support.progress import waiting


def test_what_is_waited_for_is_shown_as_it_is_but_cannot_steer_the_terminal(monkeypatch, capfd):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes stderr for a terminal
    monkeypatch.setenv("COLUMNS", "80")
    with waiting("reading [/] [red]a[/red] \x1b[9mb"):
        pass
    out, err = capfd.readouterr()
    assert out == ""
    assert "reading [/] [red]a[/red] \N{SYMBOL FOR ESCAPE}[9mb" in err

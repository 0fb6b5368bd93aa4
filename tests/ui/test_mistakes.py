"""What real users do wrong, in the browser: the page says what, and what would do, in their language."""

import numpy as np
from PIL import Image

from .browser import MATERIAL, write
from .conftest import Server, photo


def test_the_page_says_what_was_wrong_with_what_was_dropped(window, project, tmp_path, model_file):
    server, page = Server(project, model_file), window.page
    page.add_init_script("localStorage.setItem('obftnet.language', 'de')")
    window.open(server.address)
    # Files that are no images: the first in words, the others by their number.
    given = [tmp_path / name for name in ("plan.pdf", "empty.png", "cut.png", "a.txt", "b.txt")]
    for file, content in zip(given, (b"%PDF-1.4", b"", b"\x89PNG\r\n\x1a\n", b"text", b"text"), strict=True):
        file.write_bytes(content)
    window.drop(".drop:has([data-key=drop-defect])", given)
    window.until("document.querySelectorAll('.toast').length === 4")
    told = [toast.inner_text() for toast in page.locator(".toast").all()]
    assert "plan.pdf: dem Namen nach kein Bild" in told[0]
    assert "empty.png: Die Datei ist leer" in told[1]
    assert "cut.png: abgeschnitten oder beschädigt" in told[2]
    assert "2 weitere Dateien wurden nicht genommen" in told[3]
    # The same photograph under another name, and one whose name is longer than a line.
    image = MATERIAL.good(0, size=128)
    long = write(tmp_path / f"{'Kamera_3_Linie_Nord_' * 5}.png", image)
    window.drop(".drop:has([data-key=drop-defect])", [long])
    page.wait_for_selector("[data-key^=item-Kamera]")
    again = write(tmp_path / "again.png", image)
    window.drop(".group-of:has([data-key=add-good])", [again])
    page.wait_for_selector(".toast:has-text('again.png: dieselbe Datei wie Kamera_3')")
    assert page.evaluate(
        "document.querySelector('#panel').scrollWidth <= document.querySelector('#panel').clientWidth"
    )
    # Not painted: the next step of Try says which, and leads there; what was refused before is gone.
    window.drop(".group-of:has([data-key=add-good])", [photo(tmp_path / "good.png", 3)])
    page.wait_for_selector("[data-key='item-good.png']")
    page.keyboard.press("Alt+2")
    page.wait_for_selector("#panel:has-text('Malen Sie den Fehler auf Kamera_3')")
    assert page.locator(".toast").count() == 0
    page.click("[data-key=next]")
    window.until("obftnet.step.id === 'guidance'")
    # A mask among the good ones can be used, and is doubted in words before anything else.
    mask = np.zeros((96, 128), np.uint8)
    mask[40:60, 40:60] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    window.drop(".group-of:has([data-key=add-good])", [tmp_path / "mask.png"])
    page.wait_for_selector(".findings:has-text('wie eine Maske')")
    page.click("[data-key^=item-Kamera]")
    window.line([(20, 20), (90, 90)])
    window.painted()
    window.until("document.querySelector('#next').textContent.startsWith('Die Vorlage ist verwendbar')")
    # A fill of what nothing encloses.
    page.keyboard.press("f")
    window.line([(110, 20), (110, 20)])
    page.wait_for_selector(".toast:has-text('Nichts umschließt diese Stelle')")
    server.end()


def test_how_many_of_16_bits_are_used_can_be_said_where_an_image_has_them(
    window, project, tmp_path, model_file
):
    """What a refusal of an image of 16 bits beside a guidance of 8 asks for."""
    server, page = Server(project, model_file), window.page
    server.add(photo(tmp_path / "q.png", 1), "query")
    window.open(f"{server.address}#try")
    page.click("details summary")
    assert page.locator("[data-key=scale]").count() == 1
    assert page.locator("[data-key=bits]").count() == 0
    server.add(photo(tmp_path / "deep.tiff", 2, dtype=np.uint16), "query")
    page.wait_for_selector("[data-key=bits]")
    page.fill("[data-key=bits]", "12")
    page.press("[data-key=bits]", "Tab")
    window.until("obftnet.state.settings.bits === 12")
    page.fill("[data-key=bits]", "7")
    page.press("[data-key=bits]", "Tab")
    page.wait_for_selector(".toast")
    assert server.ask("state")["settings"]["bits"] == 12
    server.end()

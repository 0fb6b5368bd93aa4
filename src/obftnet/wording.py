"""What is refused or doubted in words that another language has, too: each line once, in English.

The lines come to a reader by many ways (an exception, a warning, a list in a file that was written weeks
ago), and all of them carry the English text. As each text is made of a template that stands here, the page
finds the template of a text again, and says it in its reader's language (`ui/static/told.js`). A line whose
template does not stand here is shown in English.
"""

from collections.abc import Mapping
from string import Formatter


class Wording(str):
    """A template: names in braces are filled in when it is called."""

    __slots__ = ()

    @property
    def names(self) -> frozenset[str]:
        """What it is filled in with."""
        return frozenset(name for _, name, _, _ in Formatter().parse(self) if name is not None)

    def __call__(self, **values: object) -> str:
        """The line of these values, one for each name."""
        if values.keys() != self.names:
            raise TypeError(f"{sorted(self.names)} are wanted, got {sorted(values)}")
        return self.format(**values)


# What lies there, and whether it can be read.
IMAGE_WANTED = Wording("a PNG, TIFF, JPEG, WebP or BMP image is wanted")
PLAIN_WANTED = Wording("save it as plain 8- or 16-bit grey or RGB")
NO_FILE = Wording("{file}: no such file; {wanted}")
NO_FOLDER = Wording("{file}: no such folder; {wanted}")
IS_FOLDER = Wording("{file}: is a folder; {wanted}")
IS_FILE = Wording("{file}: is a file; {wanted}")
EMPTY_FILE = Wording("{file}: the file is empty (0 bytes); {wanted}")
UNREADABLE = Wording("{file}: cannot be read ({reason}); {wanted}")
UNWRITABLE = Wording("{file}: cannot be written ({reason}); name a place that can be")
IN_USE = Wording(
    "{file}: another process is writing its results there; wait for its end, or name another place"
)
DAMAGED = Wording("{file}: truncated or damaged ({reason}); a whole image file is wanted")
NOT_SUPPORTED = Wording("{file}: not supported ({reason}); {wanted}")
UNKNOWN_IMAGE = Wording("{file}: not an image that is known; {wanted}")
OTHER_KIND = Wording("{file}: a {kind} image, a kind that is not read; {wanted}")
SAVE_AS = Wording("save it as one of {endings}")
OTHER_KIND_THERE = Wording("a {kind} image, a kind that is not read; {wanted}")
WRONG_ENDING = Wording("a {kind} image without an image's ending; rename it to one of {endings}")
UNKNOWN_ENDING = Wording("the ending {ending}, by which no image is known; {wanted}")
NO_ENDING = Wording("no ending, by which no image is known; {wanted}")
NOT_LOOKED_AT = Wording("{file}: not looked at, {reason}")
ANIMATION = Wording("{file}: an animation of {frames} frames; save the one that is meant alone")
SEVERAL_PAGES = Wording("{file}: a TIFF of {pages} pages; save the one that is meant alone")
COMPRESSION = Wording("{file}: compression {name} is not supported; {wanted}")
PHOTOMETRIC = Wording("{file}: photometric {name} is not supported; {wanted}")
SAMPLES = Wording(
    "{file}: samples of {kind} are not supported; unsigned integers of 1 to 16 bits, or floats in 0..1 are "
    "wanted"
)
FLOATS_BEYOND = Wording("{file}: float pixels from {low} to {high}; floats must lie in 0..1 (or give uint8)")
TOO_LARGE = Wording(
    "{file}: {width} x {height} = {pixels} pixels, more than the limit of {most}; cut or shrink it first"
)
MORE_THAN_LIMIT = Wording("{file}: more than the limit of {most} pixels; cut or shrink it first")
NO_MEMORY = Wording("{file}: does not fit in memory; cut or shrink it first")
NO_IMAGE_IN = Wording("{file}: no image in it; files of {endings} are wanted")
NO_SUCH_SOURCE = Wording("{file}: no such file or folder; an image or a folder of images is wanted")
EARLIER_RESULTS = Wording("{file}: the results of an earlier job; a folder of photographs is wanted")

# Masks.
GREY_VALUES, COLOURS = Wording("grey values"), Wording("colours")
MASK_SIZE = Wording(
    "{mask}: a mask of {width} x {height} pixels, but {image} has {image_width} x {image_height}; a mask "
    "must have its image's size"
)
MASK_TURNED = Wording(
    "{mask}: a mask of {width} x {height} pixels, but {image} has {image_width} x {image_height} once turned "
    "by its EXIF orientation {orientation}; draw the mask on it as shown"
)
MASK_VALUES = Wording(
    "{mask}: {count} {values}, but the mask of {image} must hold two, 0 (clean) and one other (defect); save "
    "it without smoothing and not as JPEG"
)
MASK_CUT = Wording(
    "{mask}: {count} {values} in two clear peaks, cut at half between them; save masks without smoothing and "
    "not as JPEG"
)
MASK_WITHOUT_ZERO = Wording("{mask}: two {values}, neither of them 0; clean pixels of {image} must be 0")
MASK_TRANSPARENT = Wording(
    "{mask}: a mask of {image} drawn with transparency; flatten it to black (clean) and white (defect)"
)
MASK_EMPTY = Wording(
    "{mask}: an empty mask, no pixel marks a defect in {image}; paint the defect with 255 or leave this "
    "image out"
)
MASK_SMALL = Wording("{mask}: marks {count} pixel(s) of {image}; see that it was not a slip of the brush")
MASK_LARGE = Wording(
    "{mask}: marks {share} % of {image}; white must mark the defect, see that it is not inverted"
)
MASK_OTHERWISE_TURNED = Wording(
    "{image}: turned by its EXIF orientation {orientation}, {mask} by {other}; see that the mask was drawn "
    "on the image as it is shown"
)
REGION_SIZE = Wording(
    "{file}: drawn on {width} x {height} pixels, but its image has {image_width} x {image_height}; draw it "
    "on an image of that size"
)

# The guidance, and images beside it.
NO_SUPPORT_IN = Wording(
    "{folder}: no support image in it; <stem>.<ext> with <stem>_mask.png is wanted, at least one"
)
NO_BACKGROUND_IN = Wording("{folder}: no background image in it; put one without a defect there, or more")
MANY_SUPPORTS = Wording("{count} supports: scores are measured with up to {most}; choose the most typical")
MANY_OF_KIND = Wording(
    "{count} supports of {kind}: scores are measured with up to {most}; choose the most typical"
)
REPEATED_SUPPORT = Wording(
    "{image}: the same image as {other}: what only the other's mask marks counts as good in it; mark all of "
    "its defects in one mask"
)
GOOD_IS_SUPPORT = Wording(
    "{image}: the same image as the support {support}; a background must show no defect"
)
GOOD_IS_MASK = Wording("{image}: black and one other value alone, as a mask; a background is a photograph")
QUERY_IS_SUPPORT = Wording(
    "{image}: the same image as the support {support}; its result would prove nothing, leave it out"
)
QUERY_IS_BACKGROUND = Wording("{image}: the same image as the background {other}; its result proves nothing")
TILE_ABOVE_IMAGE = Wording(
    "tile of {tile} pixels: larger than an image of {width} x {height}, of which most would be mirrored; "
    "choose a smaller tile, or none"
)
TILE_MIRRORED = Wording(
    "tile of {tile} pixels: larger than an image of {width} x {height}, which is mirrored to fill it; choose "
    "a smaller tile, or none"
)
BITS_OPEN = Wording(
    "{image}: 16-bit samples of which {bits} bits are used, and the guidance has none to compare with; say "
    "how many bits the samples have"
)
BITS_BEYOND = Wording(
    "{image}: a sample of {top} in an image read as {bits} bits of 16 (0..{white}); say that samples have "
    "{needed} bits, or leave it out"
)
DARK = Wording(
    "{image}: no sample above {top} in an image read as {bits} bits of 16 (white is {white}): nearly black, "
    "or stored with fewer bits than the guidance; see which"
)
SCALE_OUT_OF_RANGE = Wording("scale {scale}: pixels a millimetre, a number above 0, are wanted")

# How images are looked at.
PLAN_WHOLE = Wording("defects of {defect} px in {side}: images as a whole")
PLAN_TILES = Wording("defects of {defect} px in {side}: tiles of {tile}, {looks} looks an image")
PLAN_FINER = Wording("{plan}; tiles of {finer} would show them better, in {looks}")

# A job, and a calibration.
AND_MORE = Wording("{line} (and {count} more like it)")
GOOD_AND_DEFECTIVE = Wording("{image}: among the good images and among the defective ones; leave it in one")
NO_GOOD_IMAGE = Wording("no good image to calibrate by: those of the guidance prove nothing")
NO_GOOD_IMAGE_READ = Wording("no good image can be read; {line}")
NO_THRESHOLD = Wording(
    "{above} of {count} good images score 1 in a region of the least size: no threshold below 1 keeps "
    "{rate}; ask for a larger least region, or add such to the guidance"
)
IN_THE_PACK = Wording("{image}: the same image as {other} in the pack; left out, it proves nothing")
TWICE = Wording("{image}: the same image as {other}; left out")

# A line about a file, whatever it says: the last that is tried.
ABOUT = Wording("{file}: {reason}")


def named(module: Mapping[str, object]) -> dict[str, Wording]:
    """The wordings among what a module holds, by their names in small letters."""
    return {name.lower(): value for name, value in module.items() if isinstance(value, Wording)}


#: All of them.
WORDINGS: dict[str, Wording] = named(dict(globals()))

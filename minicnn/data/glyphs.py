"""Printed letters and digits in many type faces, drawn when the set is made."""

from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits

import numpy as np

from ..backend import Generator
from ..errors import DataError, InputError
from .images import ImageDataset, checked_flag
from .sampler import whole

__all__ = ["Glyphs"]

# The text faces among matplotlib's fonts. The others (Display, Size, NonUni, symbols) lack letters, or draw other signs.
TRAIN_FACES = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold",
    "DejaVuSansMono-BoldOblique", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-BoldItalic", "STIXGeneral",
    "STIXGeneralBolIta", "STIXGeneralItalic", "cmr10", "cmss10", "cmti10", "cmtt10",
)
TEST_FACES = ("DejaVuSans-BoldOblique", "DejaVuSansMono-Oblique", "DejaVuSerif-Italic", "STIXGeneralBol", "cmb10")

CLASSES = {
    "digits": digits, "uppercase": ascii_uppercase, "lowercase": ascii_lowercase,
    "letters": ascii_uppercase + ascii_lowercase, "all": digits + ascii_uppercase + ascii_lowercase,
}


class Glyphs(ImageDataset):
    """White characters on black, (1, size, size), each turned, stretched, slanted and shifted at random. No download.

    classes: 'digits' (10), 'uppercase' or 'lowercase' (26), 'letters' (52), 'all' (62), or a string of such characters
    ('OX'). per_face: images of each class in each face. train: 16 faces for training, 5 others for testing, so that
    the test asks about faces never seen. The same seed (and version of Pillow) draws the same images; they are shuffled.
    `faces[i]` is the place in `face_names` of the face that image i is drawn in.

    The fonts (DejaVu, STIX, Computer Modern) are the ones that matplotlib ships, under their own free licences.
    """

    def __init__(self, train=True, classes="digits", per_face=20, size=28, seed=0, transform=None, target_transform=None):
        self.train = checked_flag("Glyphs", "train", train)
        self.per_face, size = whole("Glyphs", "per_face", per_face, 1), whole("Glyphs", "size", size, 8)
        self.seed, self.face_names = whole("Glyphs", "seed", seed), TRAIN_FACES if train else TEST_FACES
        names = _characters(classes)
        generator = Generator(2 * self.seed + self.train)  # training and test sets draw from streams of their own
        pairs = [(face, label) for face in range(len(self.face_names)) for label in range(len(names))]
        jitter = _jitters(generator, len(pairs) * per_face, size)
        data = np.empty((len(jitter), 1, size, size), np.uint8)
        for place, (face, label) in enumerate(pairs):
            glyph = _draw(self.face_names[face], names[label], size)
            for i in range(place * per_face, (place + 1) * per_face):
                data[i, 0] = _warped(glyph, jitter[i])
        order = generator.permutation(len(data))
        faces, targets = np.repeat(pairs, per_face, axis=0)[order].T
        self.faces = faces
        super().__init__(data[order], targets, names, transform, target_transform)

    def extra_repr(self):
        return f"train={self.train}, {len(self.face_names)} faces"


def _characters(classes):
    """The characters that `classes` stands for."""
    names = CLASSES.get(classes, classes) if isinstance(classes, str) else ""
    if not names or len(set(names)) < len(names) or not set(names) <= set(CLASSES["all"]):
        raise InputError("Glyphs", "classes", f"one of {', '.join(CLASSES)}, or a string of distinct ASCII letters and "
                         "digits", repr(classes))
    return names


def _draw(face, character, size):
    """One upright character in the middle of a Pillow image of twice the size."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{face}.ttf")
    try:
        font = ImageFont.truetype(str(path), round(1.6 * size))
    except OSError as error:
        raise DataError(f"Glyphs: cannot read the font {path}, which matplotlib brings along: {error}") from error
    canvas = Image.new("L", (2 * size, 2 * size))
    left, top, right, bottom = font.getbbox(character)
    ImageDraw.Draw(canvas).text((size - (left + right) / 2, size - (top + bottom) / 2), character, fill=255, font=font)
    if canvas.getbbox() is None:
        raise DataError(f"Glyphs: the font {path} draws nothing for {character!r}")
    return canvas


def _jitters(generator, count, size):
    """`count` rows of six numbers, a map of output to input pixels as Pillow's Image.transform takes it.

    Output pixel q shows input pixel p = M (q - c - t) + c, c the middle. M = R(angle) [[1, slant], [0, 1]] / scale with
    |angle| < 15 degrees, |slant| < 0.2, scale from 0.75 to 1.05 on each axis; t up to 6 % of the size either way.
    """
    draws = generator.uniform((count, 6), dtype=np.float64)
    angle = np.deg2rad(-15 + 30 * draws[:, 0])
    slant = -0.2 + 0.4 * draws[:, 1]
    sx, sy = 0.75 + 0.3 * draws[:, 2:4].T
    cos, sin = np.cos(angle), np.sin(angle)
    rows = [np.stack([cos / sx, (slant * cos - sin) / sy], axis=1), np.stack([sin / sx, (slant * sin + cos) / sy], axis=1)]
    middle = np.full(2, float(size))  # of the image of twice the size
    shift = middle + 0.12 * size * (2 * draws[:, 4:] - 1)
    return np.concatenate([np.column_stack([row, size - (row * shift).sum(axis=1)]) for row in rows], axis=1)


def _warped(glyph, jitter):
    """The jittered glyph at half the size of `glyph`, each pixel the mean of four."""
    from PIL import Image

    return np.asarray(glyph.transform(glyph.size, Image.Transform.AFFINE, jitter.tolist(),
                                      Image.Resampling.BILINEAR).reduce(2))

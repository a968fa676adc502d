"""Glyphs: nothing blank, nothing drawn twice, test faces never seen in training."""

import numpy as np
import pytest

from minicnn.data import Glyphs, glyphs
from minicnn.data.glyphs import CLASSES, TEST_FACES, TRAIN_FACES
from minicnn.errors import DataError, InputError


@pytest.fixture(scope="module")
def all_characters():
    """Both parts, all 62 characters in all 21 faces, three images each."""
    return {train: Glyphs(train, "all", per_face=3) for train in (True, False)}


@pytest.mark.parametrize("train", [True, False])
def test_no_image_is_blank(all_characters, train):
    data = all_characters[train].data
    ink = (data > 127).sum(axis=(1, 2, 3))
    assert ink.min() >= 6 and ink.max() < 28 * 28 / 2  # an i is thin, an M is not a box


@pytest.mark.parametrize("train", [True, False])
def test_images_of_one_class_and_face_are_distinct(all_characters, train):
    dataset = all_characters[train]
    for face in range(len(dataset.face_names)):
        for label in range(62):
            chosen = dataset.data[(dataset.faces == face) & (dataset.targets == label)]
            assert len(chosen) == 3 and len({image.tobytes() for image in chosen}) >= 2


def test_upright_characters_differ_from_each_other_in_every_face():
    """A face that lacks characters draws one box, or the signs of another alphabet, for all of them."""
    for face in TRAIN_FACES + TEST_FACES:
        drawn = {character: glyphs._draw(face, character, 28).tobytes() for character in CLASSES["all"]}
        assert len(set(drawn.values())) == 62, face


def test_most_of_every_character_is_inside(all_characters):
    """Shifted by 6 % at most: the outermost ring of pixels holds next to nothing."""
    data = np.concatenate([part.data for part in all_characters.values()])[:, 0].astype(float)
    ring = data.sum(axis=(1, 2)) - data[:, 1:-1, 1:-1].sum(axis=(1, 2))
    assert (ring / data.sum(axis=(1, 2))).max() < 0.25 and (ring > 0).mean() < 0.2


def test_split_by_face(all_characters):
    assert len(TRAIN_FACES) == len(set(TRAIN_FACES)) == 16 and len(TEST_FACES) == 5 and not set(TRAIN_FACES) & set(TEST_FACES)
    assert all_characters[True].face_names == TRAIN_FACES and all_characters[False].face_names == TEST_FACES
    for dataset in all_characters.values():
        counts = np.zeros((len(dataset.face_names), 62), int)
        np.add.at(counts, (dataset.faces, dataset.targets), 1)
        assert np.all(counts == 3)


def test_labels_name_what_is_drawn():
    """A jittered character is closer to the mean of its class than to the other means, for most."""
    train, test = Glyphs(per_face=6), Glyphs(train=False, per_face=6)
    means = np.stack([train.data[train.targets == label].mean(axis=0).ravel() for label in range(10)])
    x = test.data.reshape(len(test), -1).astype(float)
    nearest = ((x[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == test.targets).mean() > 0.5
    assert (nearest == test.faces).mean() < 0.3


def test_faces_follow_their_images():
    """In a set of one class, the images of a face resemble its upright character."""
    dataset = Glyphs(classes="R", per_face=4)
    upright = np.stack([np.asarray(glyphs._draw(face, "R", 28).reduce(2)).ravel() for face in TRAIN_FACES]).astype(float)
    x = dataset.data.reshape(len(dataset), -1).astype(float)
    distance = ((x[:, None] - upright) ** 2).sum(axis=2)
    own = distance[np.arange(len(x)), dataset.faces].mean()
    assert own < 0.97 * distance.mean()


def test_same_seed_same_images_shuffled():
    a, b, c = Glyphs(per_face=2, seed=3), Glyphs(per_face=2, seed=3), Glyphs(per_face=2, seed=4)
    np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_array_equal(a.targets, b.targets)
    assert np.any(a.data != c.data) and np.any(a.targets != c.targets)
    assert np.any(np.diff(a.targets) < 0) and np.any(np.diff(a.faces) < 0)


@pytest.mark.parametrize(("classes", "names"), [("digits", "0123456789"), ("XO", "XO"), ("lowercase", CLASSES["lowercase"])])
def test_classes(classes, names):
    dataset = Glyphs(train=False, classes=classes, per_face=1, size=20)
    assert dataset.classes == list(names) and len(dataset) == 5 * len(names)
    assert dataset.data.shape[1:] == (1, 20, 20) and dataset.data.dtype == np.uint8
    assert dataset.data.reshape(len(dataset), -1).max(axis=1).min() > 100


def test_a_missing_font_is_said(monkeypatch):
    monkeypatch.setattr(glyphs, "TRAIN_FACES", ("NoSuchFace",))
    with pytest.raises(DataError, match=r"Glyphs: cannot read the font .*NoSuchFace\.ttf"):
        Glyphs(per_face=1)


@pytest.mark.parametrize("face", ["STIXSizOneSymReg", "DejaVuSansDisplay"])
def test_a_face_without_letters_is_noticed(monkeypatch, face):
    monkeypatch.setattr(glyphs, "TRAIN_FACES", (face,))
    with pytest.raises(DataError, match=f"{face}.ttf draws nothing for"):
        Glyphs(classes="all", per_face=1)


@pytest.mark.parametrize("arguments", [
    {"classes": ""}, {"classes": "aa"}, {"classes": "a!"}, {"classes": "\u00e9"}, {"classes": 3}, {"per_face": 0}, {"per_face": 1.5},
    {"size": 7}, {"seed": -1}, {"train": "yes"}])
def test_bad_arguments(arguments):
    with pytest.raises(InputError, match=f"Glyphs: {next(iter(arguments))}"):
        Glyphs(**arguments)

"""The 31 chapters in one table, and where their lessons lie."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError, InputError

__all__ = ["Chapter", "CHAPTERS", "find_chapter", "lessons_folder"]

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Chapter:
    """One paper: a lesson to run, a note to read, an exercise to write."""

    number: int
    slug: str  # its folder is lessons/chNN_slug, its note docs/notes/chNN_slug.md
    title: str
    paper: str
    shows: str  # what one sees come true
    minutes: int  # about how long reading and running the lesson takes

    @property
    def name(self):
        """ch08_batch_normalization."""
        return f"ch{self.number:02d}_{self.slug}"

    def lesson(self, folder):
        """The path of its lesson below a folder of lessons, whether it is there or not."""
        return Path(folder) / self.name / "lesson.py"


def lessons_folder(*places):
    """The first folder named `lessons` with a chapter in it: in the checkout around this package, else where one stands.

    Lessons are not part of the installed package: they are there to be opened and changed. So an editable install
    (`pip install -e .` in a clone) finds them always, any other install when run from the top of a clone.
    """
    places = places or (CHECKOUT, Path.cwd())
    for place in places:
        if any((Path(place) / "lessons").glob("ch[0-9][0-9]_*/lesson.py")):
            return Path(place) / "lessons"
    tried = " or ".join(dict.fromkeys(str(Path(p) / "lessons") for p in places))
    raise DataError(f"no lessons found in {tried}. They come with a "
                    "clone of the repository: run `pip install -e .` there, or call minicnn from its top folder")


def find_chapter(number):
    """The chapter with a number from 1 to 31."""
    if number not in range(1, len(CHAPTERS) + 1):
        raise InputError("find_chapter", "number", f"a chapter from 1 to {len(CHAPTERS)}", number, "See `minicnn lessons`")
    return CHAPTERS[int(number) - 1]


_TABLE = [
    ("introduction", "Convolutional networks", "Introduction to convolutional neural networks",
     "shift a picture and its feature maps shift along, exactly; those of a plain network do not", 40),
    ("mcdnn", "Committees", "Ciresan, Meier, Schmidhuber 2012, Multi-column Deep Neural Networks for Image Classification",
     "five networks averaged: never a worse likelihood than theirs on average, mostly fewer errors", 25),
    ("alexnet", "AlexNet", "Krizhevsky, Sutskever, Hinton 2012, ImageNet Classification with Deep Convolutional Neural Networks",
     "ReLU overtakes tanh; the two towers add up to 60,965,224 weights; 224 pixels do not give 55", 35),
    ("dropout", "Dropout", "Srivastava et al. 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
     "all 256 masks of a small network averaged, and the one scaled network that equals them", 35),
    ("nin", "Network in network", "Lin, Chen, Yan 2013, Network In Network",
     "a 1x1 convolution is a small network at every pixel, and the class map falls out for free", 25),
    ("vgg", "VGG", "Simonyan, Zisserman 2014, Very Deep Convolutional Networks for Large-Scale Image Recognition",
     "three 3x3 layers see as far as one 7x7 with half its weights, but look mostly at the middle", 30),
    ("googlenet", "GoogLeNet", "Szegedy et al. 2014, Going Deeper with Convolutions",
     "where an inception block spends its work, and which rows of the paper's table do not add up", 30),
    ("batch_normalization", "Batch normalization", "Ioffe, Szegedy 2015, Batch Normalization: Accelerating Deep Network Training",
     "five sigmoid layers that learn nothing at any rate learn at once when normalized", 45),
    ("rectifiers", "Rectifiers, He's start", "He et al. 2015, Delving Deep into Rectifiers",
     "a signal through 30 layers: it stays, fades to nothing or explodes, by one factor in the start", 40),
    ("inception_v3", "Inception-v3", "Szegedy et al. 2015, Rethinking the Inception Architecture for Computer Vision",
     "kernels split into thin ones; smoothed labels stop the logits from running away", 30),
    ("highway", "Highway networks", "Srivastava, Greff, Schmidhuber 2015, Highway Networks",
     "thirty layers train only when the gates begin by letting everything pass", 30),
    ("resnet", "ResNet", "He et al. 2015, Deep Residual Learning for Image Recognition",
     "fifty plain layers fit the training set worse than five; with shortcuts they do not", 40),
    ("identity_mappings", "Identity mappings", "He et al. 2016, Identity Mappings in Deep Residual Networks",
     "halve every shortcut and the gradient is gone after fifty blocks", 35),
    ("wide_resnet", "Wide ResNet", "Zagoruyko, Komodakis 2016, Wide Residual Networks",
     "ten published sizes come out right; width costs weights squared but runs fast", 25),
    ("resnext", "ResNeXt", "Xie et al. 2016, Aggregated Residual Transformations for Deep Neural Networks",
     "three drawings of one block give the same numbers; groups are a block-diagonal matrix", 30),
    ("densenet", "DenseNet", "Huang et al. 2016, Densely Connected Convolutional Networks",
     "every layer reads all before it: how that grows, and which sources are really used", 30),
    ("inception_v4", "Inception-v4, -ResNet", "Szegedy et al. 2016, Inception-v4, Inception-ResNet",
     "forty branches added up: tame when scaled by a tenth, a million-fold when not", 30),
    ("mixup", "mixup", "Zhang et al. 2017, mixup: Beyond Empirical Risk Minimization",
     "with 40 % of the labels redrawn, mixing pairs keeps the network from fitting the wrong ones", 30),
    ("large_minibatch", "Large minibatches", "Goyal et al. 2017, Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour",
     "k small steps against one large, and two processes that train as one", 35),
    ("residual_attention", "Residual attention", "Wang et al. 2017, Residual Attention Network for Image Classification",
     "masks alone shrink a signal to a thousandth; one plus the mask lets it through", 25),
    ("squeeze_excitation", "Squeeze-and-excitation", "Hu, Shen, Sun 2017, Squeeze-and-Excitation Networks",
     "channels that switch each other on and off, class by class, for under 0.1 % more work", 30),
    ("cbam", "CBAM", "Woo et al. 2018, CBAM: Convolutional Block Attention Module",
     "98 weights a block point at the object, checked against its true outline", 25),
    ("resnest", "ResNeSt", "Zhang et al. 2020, ResNeSt: Split-Attention Networks",
     "two ways to lay out the splits, one result after a permutation", 25),
    ("random_erasing", "Random erasing", "Zhong et al. 2017, Random Erasing Data Augmentation",
     "boxes that should be as often wide as tall are tall three times out of four, and why", 25),
    ("cutmix", "CutMix", "Yun et al. 2019, CutMix: Regularization Strategy to Train Strong Classifiers",
     "the pasted piece is a third of the picture, not a half, unless the label is corrected", 25),
    ("neural_ode", "Neural ODEs", "Chen et al. 2018, Neural Ordinary Differential Equations",
     "gradients by solving backward in flat memory, and how wrong they are at each step size", 50),
    ("spatial_transformer", "Spatial transformers", "Jaderberg et al. 2015, Spatial Transformer Networks",
     "a network turns its input upright by itself; the printed gradient fails exactly at the start", 35),
    ("capsnet", "Capsules", "Sabour, Frosst, Hinton 2017, Dynamic Routing Between Capsules",
     "routing by agreement sharpens from step to step; one number of a capsule thickens a stroke", 35),
    ("vit", "Vision transformer", "Dosovitskiy et al. 2020, An Image is Worth 16x16 Words",
     "without positions the order of the patches does not matter; unscaled attention freezes", 40),
    ("mlp_mixer", "MLP-Mixer", "Tolstikhin et al. 2021, MLP-Mixer: An all-MLP Architecture for Vision",
     "mixing patches is one 1x1 convolution of the table on its side", 25),
    ("nfnet", "NFNets", "Brock et al. 2021, High-Performance Large-Scale Image Recognition Without Normalization",
     "the variance of every block predicted to two digits, and gradients clipped row by row", 35),
]

CHAPTERS = tuple(Chapter(i, *row) for i, row in enumerate(_TABLE, start=1))

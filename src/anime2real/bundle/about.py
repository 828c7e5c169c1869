"""What each method is, in a sentence for people who choose among them."""

from typing import Final

ABOUT: Final = {
    "galatea": "Learned against the features of an image network; the sharpest, and can be told who to show.",
    "galatea-styles": "An earlier galatea at 128 px that makes sixteen different people of one drawing.",
    "cyclegan": "Two translators that must undo each other (Zhu et al., 2017), which keeps the pose.",
    "cyclegan-tilt": "cyclegan that is told how the head leans, for faces that are not upright.",
    "ugatit": "Attends to what tells drawings from photographs, such as eyes (Kim et al., 2020).",
    "pix2pixhd": "Draws photographs of maps of a face's parts, and takes nothing else (Wang et al., 2018).",
    "autoencoder": "One encoder for both worlds, a decoder for each: soft, and true to the arrangement.",
    "difference": "Adds the mean difference between photographs and drawings: the simplest that can be done.",
}

"""The colour code of models that were trained on colormaps of ADE20K's 150 classes.

Colours and names are those of the MIT scene parsing benchmark (color150, objectInfo150), in which
ControlNet-seg was trained: <https://github.com/CSAILVision/sceneparsing>. Roads and skyscrapers
share a colour there.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from unigs.datasets.class_names import prompt_name
from unigs.samples.sample import Sample

Color = tuple[int, int, int]


@cache
def colors_by_name() -> dict[str, Color]:
    """Return the RGB colour of each class by every name that it has, as prompts write them; of a
    name that two classes have, the more frequent class."""
    found: dict[str, Color] = {}
    rows = [line.split(" ", 1) for line in _CLASSES.split("\n")]
    first = [(code, names.split(", ")[:1]) for code, names in rows]
    # a class's own name comes before the synonym that another class has
    for code, names in [*first, *((code, names.split(", ")[1:]) for code, names in rows)]:
        red, green, blue = bytes.fromhex(code)
        for name in names:
            found.setdefault(prompt_name(name), (red, green, blue))
    return found


def color_of(class_name: str) -> Color | None:
    """Return the colour of the class of that name, or of its last word ("brick wall" is a wall);
    None where ADE20K has no such class.

    Args:
        class_name: as prompts write it.
    """
    colors = colors_by_name()
    return colors.get(class_name) or colors.get(class_name.rpartition(" ")[2])


def without_color(class_names: Iterable[str]) -> list[str]:
    """Return those class names, sorted, that have no colour: they stay black."""
    return sorted({name for name in class_names if color_of(name) is None})


def coded_colormap(sample: Sample) -> NDArray[np.uint8]:
    """Return (h, w, 3) uint8: the target in the colour of each entity's class; black where nothing
    is, and where ADE20K has no such class."""
    table = np.zeros((int(sample.segments.max(initial=0)) + 1, 3), np.uint8)
    for entity in sample.entities:
        table[entity.id] = color_of(entity.class_name) or (0, 0, 0)
    return table[sample.segments]


_CLASSES = """\
787878 wall
b47878 building, edifice
06e6e6 sky
503232 floor, flooring
04c803 tree
787850 ceiling
8c8c8c road, route
cc05ff bed
e6e6e6 windowpane, window
04fa07 grass
e005ff cabinet
ebff07 sidewalk, pavement
96053d person, individual, someone, somebody, mortal, soul
787846 earth, ground
08ff33 door, double door
ff0652 table
8fff8c mountain, mount
ccff04 plant, flora, plant life
ff3307 curtain, drape, drapery, mantle, pall
cc4603 chair
0066c8 car, auto, automobile, machine, motorcar
3de6fa water
ff0633 painting, picture
0b66ff sofa, couch, lounge
ff0747 shelf
ff09e0 house
0907e6 sea
dcdcdc mirror
ff095c rug, carpet, carpeting
7009ff field
08ffd6 armchair
07ffe0 seat
ffb806 fence, fencing
0aff47 desk
ff290a rock, stone
07ffff wardrobe, closet, press
e0ff08 lamp
6608ff bathtub, bathing tub, bath, tub
ff3d06 railing, rail
ffc207 cushion
ff7a08 base, pedestal, stand
00ff14 box
ff0829 column, pillar
ff0599 signboard, sign
0633ff chest of drawers, chest, bureau, dresser
eb0cff counter
a09614 sand
00a3ff sink
8c8c8c skyscraper
fa0a0f fireplace, hearth, open fireplace
14ff00 refrigerator, icebox
1fff00 grandstand, covered stand
ff1f00 path
ffe000 stairs, steps
99ff00 runway
0000ff case, display case, showcase, vitrine
ff4700 pool table, billiard table, snooker table
00ebff pillow
00adff screen door, screen
1f00ff stairway, staircase
0bc8c8 river
ff5200 bridge, span
00fff5 bookcase
003dff blind, screen
00ff70 coffee table, cocktail table
00ff85 toilet, can, commode, crapper, pot, potty, stool, throne
ff0000 flower
ffa300 book
ff6600 hill
c2ff00 bench
008fff countertop
33ff00 stove, kitchen stove, range, kitchen range, cooking stove
0052ff palm, palm tree
00ff29 kitchen island
00ffad computer, computing machine, computing device, data processor, electronic computer
0a00ff swivel chair
adff00 boat
00ff99 bar
ff5c00 arcade machine
ff00ff hovel, hut, hutch, shack, shanty
ff00f5 bus, autobus, coach, charabanc, double-decker, jitney, motorbus, motorcoach, omnibus
ff0066 towel
ffad00 light, light source
ff0014 truck, motortruck
ffb8b8 tower
001fff chandelier, pendant, pendent
00ff3d awning, sunshade, sunblind
0047ff streetlight, street lamp
ff00cc booth, cubicle, stall, kiosk
00ffc2 television, television receiver, television set, tv, tv set, idiot box, boob tube, telly
00ff52 airplane, aeroplane, plane
000aff dirt track
0070ff apparel, wearing apparel, dress, clothes
3300ff pole
00c2ff land, ground, soil
007aff bannister, banister, balustrade, balusters, handrail
00ffa3 escalator, moving staircase, moving stairway
ff9900 ottoman, pouf, pouffe, puff, hassock
00ff0a bottle
ff7000 buffet, counter, sideboard
8fff00 poster, posting, placard, notice, bill, card
5200ff stage
a3ff00 van
ffeb00 ship
08b8aa fountain
8500ff conveyer belt, conveyor belt, conveyer, conveyor, transporter
00ff5c canopy
b800ff washer, automatic washer, washing machine
ff001f plaything, toy
00b8ff swimming pool, swimming bath, natatorium
00d6ff stool
ff0070 barrel, cask
5cff00 basket, handbasket
00e0ff waterfall, falls
70e0ff tent, collapsible shelter
46b8a0 bag
a300ff minibike, motorbike
9900ff cradle
47ff00 oven
ff00a3 ball
ffcc00 food, solid food
ff008f step, stair
00ffeb tank, storage tank
85ff00 trade name, brand name, brand, marque
ff00eb microwave, microwave oven
f500ff pot, flowerpot
ff007a animal, animate being, beast, brute, creature, fauna
fff500 bicycle, bike, wheel, cycle
0abed4 lake
d6ff00 dishwasher, dish washer, dishwashing machine
00ccff screen, silver screen, projection screen
1400ff blanket, cover
ffff00 sculpture
0099ff hood, exhaust hood
0029ff sconce
00ffcc vase
2900ff traffic light, traffic signal, stoplight
29ff00 tray
ad00ff ashcan, trash can, garbage can, wastebin, ash bin, ash-bin, ashbin, dustbin, trash barrel
00f5ff fan
4700ff pier, wharf, wharfage, dock
7a00ff crt screen
00ffb8 plate
005cff monitor, monitoring device
b8ff00 bulletin board, notice board
0085ff shower
ffd600 radiator
19c2c2 glass, drinking glass
66ff00 clock
5c00ff flag"""

"""A stand-in for the pipeline that predicts label maps made by a function."""

import numpy as np
from PIL import Image

from unigs.pipeline.output import UniGSOutput, describe_entities


class MadePipeline:
    """`make(call) -> (segments (h, w), scores, class names)`, called once a call."""

    def __init__(self, make, size=None):
        self.make, self.calls, self.config = make, [], {"size": size}

    def __call__(self, **call):
        self.calls.append(call)
        segments, scores, names = self.make(call)
        segments, entities = describe_entities(segments, np.asarray(scores), names)
        colormap = np.repeat((segments * 40).astype(np.uint8)[..., None], 3, axis=2)
        image = call.get("image", colormap)
        return UniGSOutput(
            images=[Image.fromarray(image)],
            colormaps=colormap[None],
            segments=segments[None],
            entities=[entities],
        )
